"""One request at the door: who asks, and the answers that the door gives by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from ui.door import headers, people
from ui.door.caller import Caller, all_of, exposed, identify, user_of
from ui.door.providers import identity
from ui.door.tickets import Ticket

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from npf_engine.runs.access import Viewer
    from ui.door.layer import Door


COOKIE = "npf_sign_in"
PROVIDER_ROUTES = ("/auth/login", "/auth/logout", "/oauth2callback")
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"


class Answers:
    """One request or one socket: who it is, and how it is answered here."""

    def __init__(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        self.door, self.settings = door, door.settings
        self.scope, self.receive, self._send = scope, receive, send
        self.caller: Caller = identify(scope, door.settings)
        path = str(scope["path"])
        base = door.settings.base
        self.path = path.removeprefix(base) if path == base or path.startswith(f"{base}/") else path
        self.started = False
        self.person: Viewer = self._identified()

    # --- who it is ---

    def _identified(self) -> Viewer:
        """Who asks. The header that says so reaches the app from a trusted proxy alone."""
        header = self.settings.user_header
        if not header:
            told = identity(self._cookies()) if self.settings.people else None
            return people.of_identity(told or {}, self.settings)
        told_name = user_of(self.scope, self.settings)
        name = header.encode("ascii")
        kept = [(key, value) for key, value in self.scope["headers"] if key != name]
        mine = [(name, told_name.encode("latin-1"))] if told_name else []
        self.scope = {**self.scope, "headers": [*kept, *mine]}
        return people.of_identity({people.KEY: told_name}, self.settings)

    # --- who may enter ---

    def _may_enter(self) -> bool:
        if self.settings.password:
            return self._ticket() is not None
        return not self.settings.people or bool(self.person.id)

    def _ticket(self) -> Ticket | None:
        return self.door.tickets.find(self._cookies().get(COOKIE, ""), self.settings.password)

    def _provider_route(self) -> bool:
        return bool(self.settings.providers and not self.settings.password and self.path in PROVIDER_ROUTES)

    def _open_by_mistake(self) -> bool:
        """Whether others reach a server that has no sign-in and was not opened on purpose, however it was started."""
        return not (self.settings.guarded or self.settings.open) and bool(exposed(self.scope))

    def _cookies(self) -> dict[str, str]:
        from starlette.requests import cookie_parser

        return cookie_parser("; ".join(all_of(self.scope, b"cookie")))

    def _query(self, name: str, default: str) -> str:
        """A parameter of the query; the default where there is none, or where the query is none of ours."""
        try:
            query = parse_qs(self.scope["query_string"].decode("latin-1"), max_num_fields=20)
        except ValueError:
            return default
        return query.get(name, [default])[0]

    # --- answers ---

    async def _say(self, status: int, sentence: str) -> None:
        await self._own(status, sentence, TEXT)

    async def _redirect(self, place: str, cookie: tuple[bytes, bytes] | None = None) -> None:
        # what is left out of a path can make another host of it: everything but ASCII is written as %xx
        place = quote(place, safe="/?#[]@!$&'()*+,;=:%~")
        extra = [(b"location", place.encode("ascii")), *([cookie] if cookie else [])]
        await self._own(303, "", TEXT, extra)

    async def _own(self, status: int, text: str, kind: str, extra: list[tuple[bytes, bytes]] | None = None) -> None:
        """An answer of the door itself."""
        body = text.encode()
        raw = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *(extra or []),
        ]
        dressed = headers.dressed(raw, headers.SIGN_IN_POLICY, self.caller.https)
        await self._send({"type": "http.response.start", "status": status, "headers": dressed})
        sent = b"" if self.scope["method"] == "HEAD" else body
        await self._send({"type": "http.response.body", "body": sent})

    def _dressed(self) -> Send:
        policy = headers.app_policy(self.caller.host, self.caller.https)

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.started = True
                raw = [(bytes(name), bytes(value)) for name, value in message.get("headers", [])]
                message = {**message, "headers": headers.dressed(raw, policy, self.caller.https)}
            await self._send(message)

        return send

    def _cookie(self, name: str, value: str, seconds: int) -> tuple[bytes, bytes]:
        """A Set-Cookie header; the flags are put on it with all others'."""
        text = f"{name}={value}; Path={self.settings.base or '/'}; Max-Age={seconds}"
        return (b"set-cookie", text.encode("latin-1"))
