"""Requests to a door without a server: an inner app that notes what reaches it, and a clock that is set by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ui.door.layer import Door
from ui.door.settings import Limits, Settings
from ui.door.throttle import Throttle
from ui.door.tickets import Tickets
from ui.door.uploads import Uploads

HOST = (b"host", b"localhost:8501")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Sessions:
    """Stands in for Streamlit's."""

    connected: set[str] = field(default_factory=lambda: {"s"})
    files: dict[str, tuple[int, int]] = field(default_factory=dict)

    def active(self, session: str) -> bool:
        return session in self.connected

    def held(self) -> dict[str, tuple[int, int]]:
        return dict(self.files)

    def drop(self, session: str) -> None:
        self.files.pop(session, None)

    def expire(self) -> None:
        pass


@dataclass
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def get(self, name: str) -> str:
        return next((v.decode() for k, v in self.headers if k.decode() == name), "")

    @property
    def cookies(self) -> list[str]:
        return [v.decode() for k, v in self.headers if k == b"set-cookie"]


def finished(work: Coroutine[Any, Any, None]) -> None:
    """``work`` run to its end in a thread of its own: a browser's test leaves a loop running in the main one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


class World:
    """A door, what stands behind it, and a clock."""

    def __init__(self, limits: Limits | None = None, **settings: Any) -> None:
        self.clock, self.sessions = Clock(), Sessions()
        self.reached: list[str] = []
        self.read = 0
        self.door = Door(self._inner, Settings(limits=limits or Limits(), **settings), self.sessions)
        self.door.throttle = Throttle(self.clock)
        self.door.tickets = Tickets(self.door.settings.hours, self.clock)
        self.door.uploads = Uploads(self.door.settings.limits, self.sessions, self.clock)

    async def _inner(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(scope["path"])
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        while True:
            message = await receive()
            self.read += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        set_cookie = (b"set-cookie", b"_streamlit_xsrf=1; Path=/")
        await send({"type": "http.response.start", "status": 200, "headers": [set_cookie, (b"x-frame-options", b"x")]})
        await send({"type": "http.response.body", "body": b"inner details"})

    def scope(self, kind: str, path: str, method: str, headers: dict[str, str], client: str, server: str) -> Any:
        path, _, query = path.partition("?")
        sent = [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
        return {
            "type": kind,
            "path": path,
            "query_string": query.encode(),
            "method": method,
            "scheme": "http",
            "headers": sent if "host" in headers else [HOST, *sent],
            "client": (client, 50_000),
            "server": (server, 8501),
        }

    def ask(
        self,
        path: str = "/",
        method: str = "GET",
        body: list[bytes] | bytes = b"",
        client: str = "127.0.0.1",
        server: str = "127.0.0.1",
        **headers: str,
    ) -> Answer:
        """One HTTP request; underscores in the names of headers stand for dashes."""
        chunks = [body] if isinstance(body, bytes) else list(body)
        sent: list[Any] = []

        async def receive() -> Any:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            sent.append(message)

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        finished(self.door(self.scope("http", path, method, named, client, server), receive, send))
        content = b"".join(m.get("body", b"") for m in sent[1:])
        return Answer(sent[0]["status"], list(sent[0]["headers"]), content)

    def connect(
        self,
        messages: list[Any],
        *,
        meanwhile: Any = None,
        client: str = "127.0.0.1",
        server: str = "127.0.0.1",
        **headers: str,
    ) -> list[str]:
        """A websocket that says ``messages`` and leaves; what was sent to it. ``meanwhile`` runs while it is open."""
        sent: list[str] = []
        coming = [{"type": "websocket.connect"}, *messages, {"type": "websocket.disconnect"}]

        async def receive() -> Any:
            if len(coming) == 1 and meanwhile is not None:
                await meanwhile()
            return coming.pop(0)

        async def send(message: Any) -> None:
            sent.append(" ".join(str(message[key]) for key in ("type", "code") if key in message))

        finished(self.door(self.scope("websocket", "/_stcore/stream", "GET", headers, client, server), receive, send))
        return sent

    def sign_in(self, password: str, client: str = "127.0.0.1", back: str = "/", **headers: str) -> Answer:
        body = f"password={password}&next={back}".encode()
        return self.ask("/sign-in", "POST", body, client, **headers)
