"""How much may be uploaded: by session, by address and in all, counted as the bytes come in; and when it is freed."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ui.door.settings import MB, Limits

if TYPE_CHECKING:
    from streamlit.runtime import Runtime

ADDRESSES = 10_000  # remembered at once


class Refused(Exception):
    """An upload that is not taken (any more). ``status`` is HTTP's, ``retry`` seconds or None."""

    def __init__(self, status: int, sentence: str, retry: float | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry = status, sentence, retry


class Sessions(Protocol):
    """What the door must know of the app's sessions."""

    def active(self, session: str) -> bool:
        """Whether a visitor is connected to this session now."""

    def held(self) -> dict[str, tuple[int, int]]:
        """Session -> (files, bytes) uploaded and still in memory."""

    def drop(self, session: str) -> None:
        """Forget the uploads of a session."""

    def expire(self) -> None:
        """End the sessions whose visitors have been away too long."""


class StreamlitSessions:
    """The sessions of the Streamlit runtime of this process."""

    def active(self, session: str) -> bool:
        found = self._runtime()
        return bool(found and found.is_active_session(session))

    def held(self) -> dict[str, tuple[int, int]]:
        found = self._runtime()
        # Streamlit's own manager of uploads, which keeps them in memory
        stored = dict(found.uploaded_file_mgr.file_storage) if found else {}  # type: ignore[attr-defined]
        return {
            session: (len(kept), sum(len(file.data) for file in kept))
            for session, kept in ((name, list(files.values())) for name, files in stored.items())
        }

    def drop(self, session: str) -> None:
        found = self._runtime()
        if found:
            found.uploaded_file_mgr.remove_session_files(session)

    def expire(self) -> None:
        # Streamlit drops a session that is over its time only when another one is stored: on a quiet server never.
        found = self._runtime()
        with contextlib.suppress(AttributeError):
            found._session_mgr._session_storage._cache.expire()  # type: ignore[union-attr]  # private, so suppressed

    @staticmethod
    def _runtime() -> Runtime | None:
        from streamlit import runtime

        return runtime.get_instance() if runtime.exists() else None


@dataclass(eq=False)
class Upload:
    """One upload on its way."""

    session: str
    address: str
    bytes: int = 0


class Uploads:
    """The account of uploads: those on their way, those of the last minutes by address, those held in memory."""

    def __init__(self, limits: Limits, sessions: Sessions, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self._sessions, self._clock = limits, sessions, clock
        self._open: list[Upload] = []
        self._sent: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address -> (begin of its window, bytes)
        self._left: dict[str, float] = {}  # session with files and without a visitor -> since when

    def begin(self, session: str, address: str, announced: int) -> Upload:
        """Open an upload of ``announced`` bytes (0: not told). Raises Refused."""
        if not self._sessions.active(session):
            raise Refused(404, "The session of this upload is not there any more: reload the page and upload again.")
        limits, on_their_way = self.limits, Counter(upload.session for upload in self._open)
        from_here = sum(upload.address == address for upload in self._open)
        if (
            on_their_way[session] >= limits.open_session
            or from_here >= limits.open_address
            or len(self._open) >= limits.open_total
        ):
            raise Refused(429, "Too many uploads at once: wait until one is done.", 5)
        files = self._sessions.held().get(session, (0, 0))[0] + on_their_way[session]
        if files >= limits.files:
            raise Refused(429, f"This session holds {limits.files} files already: remove one, or reload the page.")
        upload = Upload(session, address)
        self._check(upload, announced)
        self._open.append(upload)
        return upload

    def more(self, upload: Upload, count: int) -> None:
        """Count bytes as they come in. Raises Refused where they are too many."""
        self._check(upload, count)
        upload.bytes += count
        began, sent = self._window(upload.address)
        self._sent[upload.address] = (began, sent + count)
        self._sent.move_to_end(upload.address)
        while len(self._sent) > ADDRESSES:
            self._sent.popitem(last=False)

    def end(self, upload: Upload) -> None:
        """An upload is done, or given up."""
        self._open.remove(upload)

    def sweep(self) -> bool:
        """Free the files of sessions whose visitors left ``grace`` seconds ago; whether any were freed."""
        now, held = self._clock(), self._sessions.held()
        for session in held:
            if self._sessions.active(session):
                self._left.pop(session, None)
            else:
                self._left.setdefault(session, now)
        self._left = {session: since for session, since in self._left.items() if session in held}
        late = [session for session, since in self._left.items() if now - since >= self.limits.grace]
        for session in late:
            self._sessions.drop(session)
            self._left.pop(session)
        self._sessions.expire()
        return bool(late)

    def _check(self, upload: Upload, count: int) -> None:
        limits, held = self.limits, self._sessions.held()
        arriving = sum(other.bytes for other in self._open)
        mine = sum(other.bytes for other in self._open if other.session == upload.session)
        if held.get(upload.session, (0, 0))[1] + mine + count > limits.session:
            raise Refused(413, f"This session may hold {limits.session // MB} MB of uploads: remove a file first.")
        if sum(size for _, size in held.values()) + arriving + count > limits.total:
            raise Refused(429, "The uploads of all visitors together are at their limit: try again in a minute.", 60)
        began, sent = self._window(upload.address)
        if sent + count > limits.address:
            minutes = round(limits.window / 60)
            raise Refused(
                429,
                f"Not more than {limits.address // MB} MB in {minutes} minutes are taken from one address.",
                began + limits.window - self._clock(),
            )

    def _window(self, address: str) -> tuple[float, int]:
        now = self._clock()
        began, sent = self._sent.get(address, (now, 0))
        return (now, 0) if now - began >= self.limits.window else (began, sent)
