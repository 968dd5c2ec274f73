"""The selection that a visitor holds: in the link, and from page to page."""

from __future__ import annotations

import streamlit as st

from ui import states
from ui.linked import selection
from ui.linked.selection import Selection

PARAMETER = "select"  # of the link
HELD = "linked_selection"  # session: (run, the selection as the link has it)
PUSH = "linked_push"  # session: how often the server has changed it


def current(run_id: str, keys: tuple[str, ...], d: int) -> Selection | None:
    """The selection of the link, else the one held for this run; one that is none is told and dropped."""
    owner, kept = st.session_state.get(HELD) or (None, "")
    text = st.query_params.get(PARAMETER)
    if text is None:
        text = kept if owner == run_id else ""
    elif owner not in (None, run_id) and text == kept:
        text = ""  # it was drawn on the run that was shown before
    found = None
    with states.told():
        found = selection.parse(text, keys, d) if text else None
    hold(run_id, text if found else "")
    return found


def there(run_id: str) -> bool:
    """Whether the link holds a selection, or one is held for this run."""
    owner, kept = st.session_state.get(HELD) or (None, "")
    return PARAMETER in st.query_params or (owner == run_id and bool(kept))


def hold(run_id: str, text: str) -> None:
    """Make this the selection of the run, "" for none."""
    st.session_state[HELD] = (run_id, text)
    if text and st.query_params.get(PARAMETER) != text:
        st.query_params[PARAMETER] = text
    elif not text:
        st.query_params.pop(PARAMETER, None)


def push(run_id: str, text: str) -> None:
    """``hold``, and have the view show it."""
    hold(run_id, text)
    st.session_state[PUSH] = pushes() + 1


def pushes() -> int:
    """How often the server has changed the selection in this session."""
    return int(st.session_state.get(PUSH, 0))
