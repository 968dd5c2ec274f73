"""A visitor without a browser: speaks Streamlit's protocol over its websocket, uploads, and reads what a page says."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from benchmarks.faults.server import Answer, AppServer

TEXTS = ("alert", "markdown", "heading", "text", "exception", "code", "metric", "empty")
# A run that ends early for another one is not over.
ENDED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)
BOUNDARY = "npf-check-faults"


class Visitor:
    """One session. ``seen`` has every byte that the server sent to it."""

    def __init__(self, server: AppServer, cookie: str = "") -> None:
        self.server = server
        health = server.ask("/_stcore/health", cookie=cookie)
        self._xsrf = health.cookies.get("_streamlit_xsrf", "")
        self._cookie = "; ".join(part for part in (cookie, f"_streamlit_xsrf={self._xsrf}") if part)
        origin = f"http://127.0.0.1:{server.port}"
        self._line: Any = connect(
            f"ws://127.0.0.1:{server.port}/_stcore/stream",
            origin=Origin(origin),
            subprotocols=[Subprotocol("streamlit"), Subprotocol(self._xsrf)],
            additional_headers={"Cookie": self._cookie},
            max_size=None,
            open_timeout=20,
        )
        self.session, self.seen = "", b""
        self._widgets: dict[str, WidgetState] = {}
        self._page, self._query = "", ""
        self._reset()

    def _reset(self) -> None:
        self.words: list[str] = []
        self.alerts: list[str] = []
        self.elements: list[Any] = []

    def open(self, page: str, query: Mapping[str, str] | None = None, seconds: float = 60) -> str:
        """Open a page by its link; the errors it shows. Raises TimeoutError where it does not end in time."""
        self._page, self._query = page, urlencode(query or {})
        self._widgets.clear()
        return self.rerun(seconds)

    def rerun(self, seconds: float = 60) -> str:
        """Run the page with the widgets as they are set; the errors that it shows."""
        state = ClientState(query_string=self._query, page_name=self._page)
        state.widget_states.widgets.extend(self._widgets.values())
        self._line.send(BackMsg(rerun_script=state).SerializeToString())
        self._widgets = {key: value for key, value in self._widgets.items() if not value.trigger_value}
        return self._read(seconds)

    def _read(self, seconds: float) -> str:
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            data = self._line.recv(timeout=left)
            assert isinstance(data, bytes)
            self.seen += data
            message = ForwardMsg()
            message.ParseFromString(data)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._reset()
                self.session = message.new_session.initialize.session_id or self.session
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._note(message.delta.new_element)
            elif kind == "page_info_changed":
                self._query = message.page_info_changed.query_string
            elif kind == "script_finished" and message.script_finished in ENDED:
                return self.told()

    def _note(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        self.elements.append(getattr(element, kind))
        if kind not in TEXTS:
            return
        item = getattr(element, kind)
        text = " ".join(str(getattr(item, name, "") or "") for name in ("body", "message", "label", "title")).strip()
        self.words.append(text)
        # A green box says that something went well.
        if kind == "exception" or (kind == "alert" and item.format in (Alert.ERROR, Alert.WARNING)):
            self.alerts.append(text)

    def told(self) -> str:
        """The errors of the page, or an empty string."""
        return " | ".join(self.alerts)

    def text(self) -> str:
        """All words of the page."""
        return "\n".join(self.words)

    def widget(self, key: str) -> Any:
        """The element whose widget has this key. Raises LookupError."""
        for element in self.elements:
            if str(getattr(element, "id", "")).endswith(f"-{key}") or getattr(element, "label", "") == key:
                return element
        raise LookupError(f"the page shows no widget {key!r}")

    def set(self, key: str, **value: Any) -> None:
        """Set a widget for the next run: ``trigger_value=True`` for a button, ``string_value="x"``."""
        element = self.widget(key)
        self._widgets[element.id] = WidgetState(id=element.id, **value)

    def choose(self, key: str, index: int) -> None:
        """Choose an option of a segmented control."""
        element = self.widget(key)
        state = WidgetState(id=element.id)
        option = element.options[index]
        state.string_array_value.data.append(f"{option.content_icon} {option.content}".strip())
        self._widgets[element.id] = state

    def put(self, name: str, content: Any, session: str | None = None, file_id: str | None = None) -> Answer:
        """Send a file to this session, or to another. ``content``: bytes, or an iterator of them (chunked)."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode()
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()
        body = head + content + tail if isinstance(content, bytes) else _joined(head, content, tail)
        return self.server.ask(
            f"/_stcore/upload_file/{session or self.session}/{file_id or uuid.uuid4()}",
            "PUT",
            body,
            cookie=self._cookie,
            x_xsrftoken=self._xsrf,
            content_type=f"multipart/form-data; boundary={BOUNDARY}",
        )

    def upload(self, key: str, name: str, content: bytes, seconds: float = 60) -> str:
        """Give a file to an uploader of the page, and run it; the errors that the page shows."""
        file_id, element = str(uuid.uuid4()), self.widget(key)
        answer = self.put(name, content, file_id=file_id)
        if answer.status != 204:
            return f"HTTP {answer.status}: {answer.text}"
        state = WidgetState(id=element.id)
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.file_id, info.name, info.size = file_id, name, len(content)
        info.file_urls.file_id = file_id
        self._widgets[element.id] = state
        return self.rerun(seconds)

    def close(self) -> None:
        """Leave."""
        try:
            self._line.close()
        except WebSocketException:
            return


def _joined(head: bytes, content: Any, tail: bytes) -> Any:
    yield head
    yield from content
    yield tail
