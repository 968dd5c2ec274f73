"""The ASGI layer itself: every request and every socket passes here before any route of the app is asked."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote

from npf_engine.server import metrics
from npf_engine.server.description import PREFIX as API
from ui.door import signin
from ui.door.answers import TEXT
from ui.door.caller import exposed, header
from ui.door.given import Given
from ui.door.settings import MB, Settings
from ui.door.signing import RETURN_COOKIE, Signing
from ui.door.sockets import Sockets
from ui.door.throttle import Throttle
from ui.door.tickets import Ticket, Tickets
from ui.door.uploads import Refused, Sessions, StreamlitSessions, Upload, Uploads

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("npf.door")

HEALTH = "/_stcore/health"
# Nothing of this app asks for them: memory figures, a run of the script, a description of it for programs.
CLOSED = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent")
UPLOAD = "/_stcore/upload_file/"
SWEEP_SECONDS = 3.0
MESSAGE_BYTES = 16 * MB  # of one message of a browser: what was clicked and typed has kilobytes


class Door:
    """Starlette middleware. ``sessions`` stands in for Streamlit's in tests."""

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions | None = None) -> None:
        self.app, self.settings = app, settings
        self.sessions: Sessions = sessions or StreamlitSessions()
        self.tickets = Tickets(settings.hours)
        self.throttle = Throttle()
        self.uploads = Uploads(settings.limits, self.sessions)
        self.sockets = Sockets(settings.limits)
        self.given = Given()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            sweeper = asyncio.create_task(self._sweep())
            try:
                await self.app(scope, receive, send)
            finally:
                sweeper.cancel()
            return
        await Visit(self, scope, receive, send).answer()

    async def _sweep(self) -> None:
        """Free what visitors who left have uploaded."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                if self.uploads.sweep():
                    log.info("uploads of visitors who left were freed")
            except Exception:  # the next round tries again; without it memory would never be freed
                log.exception("uploads of visitors who left could not be freed")


class Visit(Signing):
    """One request or one socket at the door."""

    async def answer(self) -> None:
        """Let the visit in, or answer it here."""
        if self.scope["type"] == "websocket":
            await self._socket()
            return
        if self.caller.refused:
            await self._say(403, self.caller.refused)
        elif self.path == HEALTH and (not self._may_enter() or self._open_by_mistake()):
            await self._bare_health()
        elif self._open_by_mistake():
            await self._say(403, self.settings.refusal(exposed(self.scope)))
        elif self.path == "/sign-in" and self.settings.password:
            await self._sign_in()
        elif self.path == "/sign-out" and self.settings.password:
            await self._sign_out()
        elif self.settings.providers and not self.settings.password and self.path == "/sign-in/with":
            await self._to_provider()
        elif not (self._may_enter() or self._provider_route() or self._asked_otherwise()):
            await self._ask_to_sign_in()
        elif self.path.rstrip("/").startswith(CLOSED) or self._somebody_elses():
            await self._say(404, "not found")
        elif self.path.startswith(UPLOAD) and self.scope["method"] not in ("DELETE", "OPTIONS"):
            await self._upload()
        elif self.path in ("", "/") and self.settings.providers and self._cookies().get(RETURN_COOKIE):
            back = signin.safe_return(unquote(self._cookies()[RETURN_COOKIE]), self.settings.base)
            await self._redirect(back, self._cookie(RETURN_COOKIE, "", 0))
        else:
            await self.door.app(self.scope, self.receive, self._dressed())

    def _asked_otherwise(self) -> bool:
        """Whether the path asks by itself who is there: the API for a token, the numbers for theirs."""
        return self.path in (metrics.HEALTH, metrics.METRICS) or (
            self.settings.people and self.path.startswith(f"{API}/")
        )

    def _somebody_elses(self) -> bool:
        """Whether the path is a picture, a download or a place to upload to that was given to another person."""
        return self.settings.people and self.door.given.refuses(self.person.id, self.path)

    # --- sockets ---

    async def _socket(self) -> None:
        """A websocket: refused as 403 before it opens, closed when its visitor signs out or the sign-in is too old."""
        ticket = self._ticket() if self.settings.password else None
        closed_path = self.path.rstrip("/").startswith(CLOSED)
        if self.caller.refused or self._open_by_mistake() or closed_path or not self._may_enter():
            log.warning("socket from %s refused: %s", self.caller.address, self.caller.refused or "not signed in")
            await self._send({"type": "websocket.close", "code": 1008})
            return
        if not self.door.sockets.enter(self.caller.address):
            log.warning("socket from %s refused: there are too many", self.caller.address)
            await self._send({"type": "websocket.close", "code": 1013})
            return
        try:
            await self._connection(ticket)
        finally:
            self.door.sockets.leave(self.caller.address)

    async def _connection(self, ticket: Ticket | None) -> None:
        ended = False

        async def end(code: int, reason: str) -> Message:
            nonlocal ended
            ended = True
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
            return {"type": "websocket.disconnect", "code": code}

        async def receive() -> Message:
            message = await (self.receive() if ticket is None else self._while_signed_in(ticket))
            if message is None:
                return await end(1008, "signed out")
            if len(message.get("bytes") or message.get("text") or "") > MESSAGE_BYTES:
                log.warning("socket from %s closed: a message larger than any of ours", self.caller.address)
                return await end(1009, "too large")
            return message

        async def send(message: Message) -> None:
            if not ended:
                if self.settings.people and message.get("bytes"):
                    self.door.given.note(self.person.id, message["bytes"])
                await self._send(message)

        await self.door.app(self.scope, receive, send)

    async def _while_signed_in(self, ticket: Ticket) -> Message | None:
        """The next message of the visitor; None where the sign-in ended before it came."""
        message, gone = asyncio.ensure_future(self.receive()), asyncio.ensure_future(ticket.gone.wait())
        left = self.door.tickets.left(ticket)
        try:
            done, _ = await asyncio.wait({message, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message in done else None
        finally:
            gone.cancel()
            if not message.done():
                message.cancel()

    # --- uploads ---

    async def _upload(self) -> None:
        """A file, counted as it comes in; cut off where it is too much, or where nothing comes any more."""
        session = self.path.removeprefix(UPLOAD).partition("/")[0]
        announced = header(self.scope, b"content-length")
        uploads = self.door.uploads
        upload: Upload | None = None
        try:
            upload = uploads.begin(session, self.caller.address, int(announced) if announced.isdecimal() else 0)
            await self.door.app(self.scope, self._counted(upload), self._dressed())
        except Refused as refused:
            log.warning("upload from %s refused: %s", self.caller.address, refused.sentence)
            if not self.started:
                extra = [(b"retry-after", str(int(refused.retry) + 1).encode())] if refused.retry else []
                await self._own(refused.status, refused.sentence, TEXT, [*extra, (b"connection", b"close")])
        finally:
            if upload is not None:
                uploads.end(upload)

    def _counted(self, upload: Upload) -> Receive:
        async def receive() -> Message:
            try:
                message = await asyncio.wait_for(self.receive(), self.settings.limits.silence)
            except TimeoutError:
                raise Refused(408, "The upload stopped on its way: send it again.") from None
            self.door.uploads.more(upload, len(message.get("body", b"")))
            return message

        return receive

    # --- health ---

    async def _bare_health(self) -> None:
        """Whether the server is up, and nothing else."""
        status = 503

        async def heard(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]

        await self.door.app(self.scope, self.receive, heard)
        await self._say(status, "ok" if status == 200 else "not ready")
