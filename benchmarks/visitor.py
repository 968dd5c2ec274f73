"""A visitor without a browser: opens a page of a running server over Streamlit's websocket and keeps it live.

It speaks what the browser speaks (protobuf messages over ``/_stcore/stream``) and honours the reruns that a page asks
for by itself, so that many visitors cost this machine little and the server what they cost it in earnest.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

OPEN_SECONDS = 120.0
MAX_MESSAGE = 64 * 2**20


@dataclass
class Visitor:
    """One visitor of the page ``page`` with a query such as ``run=abc``; times are seconds."""

    port: int
    page: str
    query: str = ""
    cookie: str = ""
    opened: float = 0.0
    waited: list[float] = field(default_factory=list)  # of each rerun that the page asked for
    received: int = 0  # bytes
    errors: list[str] = field(default_factory=list)
    _timers: dict[str, float] = field(default_factory=dict)
    _intervals: dict[str, float] = field(default_factory=dict)
    _hash: str = ""
    _asked: str = ""  # the fragment that was asked for; nothing: the whole page

    async def stay(self, seconds: float, ready: asyncio.Event | None = None) -> None:
        """Open the page, then keep it open for ``seconds`` after ``ready`` is set, rerunning what it asks for."""
        headers = {"Origin": f"http://127.0.0.1:{self.port}"} | ({"Cookie": self.cookie} if self.cookie else {})
        address = f"ws://127.0.0.1:{self.port}/_stcore/stream"
        async with connect(
            address, additional_headers=headers, subprotocols=[Subprotocol("streamlit")], max_size=MAX_MESSAGE
        ) as socket:
            began = time.monotonic()
            await self._ask(socket, "")
            await asyncio.wait_for(self._finished(socket), OPEN_SECONDS)
            self.opened = time.monotonic() - began
            if ready is not None:
                await self._look(socket, ready)
            await self._live(socket, time.monotonic() + seconds)

    async def _look(self, socket: ClientConnection, ready: asyncio.Event) -> None:
        """Read what comes until the others are there too."""
        while not ready.is_set():
            await self._message(socket, 0.2)

    async def _live(self, socket: ClientConnection, until: float) -> None:
        while (now := time.monotonic()) < until:
            due = min(self._timers.values(), default=None) if self._timers else None
            if due is None:
                await self._message(socket, min(0.5, until - now))
                continue
            fragment = min(self._timers, key=lambda name: self._timers[name])
            wait = self._timers[fragment] - now
            if wait > 0:
                await self._message(socket, min(wait, until - now))
                continue
            interval = self._intervals[fragment]
            began = time.monotonic()
            await self._ask(socket, fragment)
            await asyncio.wait_for(self._finished(socket), OPEN_SECONDS)
            self.waited.append(time.monotonic() - began)
            if fragment in self._timers:
                self._timers[fragment] = max(self._timers[fragment] + interval, time.monotonic())

    async def _ask(self, socket: ClientConnection, fragment: str) -> None:
        self._asked = fragment
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self.query
        state.page_name = "" if self._hash else self.page
        state.page_script_hash = self._hash
        state.fragment_id = fragment
        state.is_auto_rerun = bool(fragment)
        state.context_info.timezone = "UTC"
        await socket.send(message.SerializeToString())

    async def _finished(self, socket: ClientConnection) -> None:
        while True:
            message = await self._message(socket, OPEN_SECONDS)
            if message is not None and message.WhichOneof("type") == "script_finished":
                return

    async def _message(self, socket: ClientConnection, seconds: float) -> ForwardMsg | None:
        try:
            data = await asyncio.wait_for(socket.recv(), max(seconds, 0.001))
        except TimeoutError:
            return None
        assert isinstance(data, bytes)
        self.received += len(data)
        message = ForwardMsg()
        message.ParseFromString(data)
        kind = message.WhichOneof("type")
        if kind == "auto_rerun":
            name, interval = message.auto_rerun.fragment_id, message.auto_rerun.interval
            self._intervals[name] = interval
            self._timers[name] = time.monotonic() + interval
        elif kind == "stop_auto_rerun":
            self._timers.pop(message.stop_auto_rerun.fragment_id, None)
        elif kind == "new_session":
            self._hash = message.new_session.page_script_hash
            if not self._asked:
                self._timers.clear()
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.WhichOneof("type") == "exception":
                self.errors.append(element.exception.message)
        return message
