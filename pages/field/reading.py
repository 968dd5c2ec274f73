"""A look at an uploaded file: read once in a child with limits, kept by its content, shown at every rerun."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from npf_engine.fields import stored_files, uploads
from npf_engine.fields.spec import FieldSpec
from ui import states

MOST = 32  # previews kept for all visitors, a quarter of a megabyte each
CANCEL_AFTER = 2.0  # seconds until a way to stop is offered
STOPPED = "reading_stopped"  # session: the file whose reading was stopped
Key = tuple[object, ...]


class Previews:
    """The previews seen last, by the content of the file and what else they depend on."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Key, uploads.UploadPreview] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> uploads.UploadPreview | None:
        """The preview where it is still there."""
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
            return self._seen.get(key)

    def put(self, key: Key, preview: uploads.UploadPreview) -> None:
        """Keep a preview, and forget the one that was not asked for the longest."""
        with self._lock:
            self._seen[key] = preview
            while len(self._seen) > MOST:
                self._seen.popitem(last=False)


@st.cache_resource(show_spinner=False)
def previews() -> Previews:
    """The previews of this server."""
    return Previews()


def look(path: Path, spec: FieldSpec) -> uploads.UploadPreview | None:
    """What is in the file, read with progress and a way to stop; None after it was stopped."""
    law = "samples" if spec.rho in ("box", "samples") else spec.rho  # the two are one to a preview
    what = (spec.columns, spec.second, spec.components, spec.scalar, *spec.steps.values())
    said = (*what, spec.height_unit, spec.crs, spec.missing, spec.band, spec.slope, spec.encoding, spec.pixel_size)
    key = (stored_files.content_hash(path), path.name, spec.max_samples, spec.split_seed, law, *said)
    seen = previews().get(key)
    if seen is not None:
        return seen
    slot = st.empty()
    with slot.container(border=True, key="reading"):
        if st.session_state.get(STOPPED) == str(path):
            st.info(f"Reading {states.plain(path.name)} was stopped.", icon=":material/block:")
            st.button("Read it again", icon=":material/refresh:", on_click=_again, key="read_again")
            return None
        progress = Progress(f"Reading {path.name}", "stop_reading", _stop, str(path))
        seen = uploads.preview(path, spec, progress)
    previews().put(key, seen)
    slot.empty()
    return seen


class Progress:
    """A bar for work in a child, and after a while a button that stops it.

    Drawing is where a click on the button, or a visitor who left, ends this run of the page, and the child with it.
    """

    def __init__(
        self, text: str, key: str, stop: Callable[..., None], *arguments: object, after: float = CANCEL_AFTER
    ) -> None:
        self.due = time.monotonic() + after
        self.text = text
        self.bar = st.progress(0.0, text=states.plain(text))
        self.button, self.offered = st.empty(), False
        self.key, self.stop, self.arguments = key, stop, arguments

    def __call__(self, done: float, total: float, text: str = "") -> None:
        shown = text[:1].upper() + text[1:] if text else self.text
        self.bar.progress(min(1.0, done / total) if total > 0 else 0.0, text=states.plain(shown))
        if not self.offered and time.monotonic() >= self.due:
            self.offered = True
            self.button.button(
                "Stop", icon=":material/stop_circle:", on_click=self.stop, args=self.arguments, key=self.key
            )

    def empty(self) -> None:
        """Take it away."""
        self.bar.empty()
        self.button.empty()


def _stop(path: str) -> None:
    st.session_state[STOPPED] = path


def _again() -> None:
    st.session_state.pop(STOPPED, None)
