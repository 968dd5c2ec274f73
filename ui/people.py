"""Who looks at a page."""

from __future__ import annotations

import contextlib
import time

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from npf_engine.errors import InputError
from npf_engine.runs.access import STRANGER, Viewer
from npf_engine.runs.ledger import Ledger
from npf_engine.tasks import layout
from ui.door import people
from ui.door.settings import Settings

MET = "met_at"  # session: when it was last noted that he is here
MEET_SECONDS = 600.0


def viewer() -> Viewer:
    """The visitor of this page: one for all where nobody signs in; a STRANGER where somebody should have, and outside
    of a page."""
    settings = Settings.from_environment()
    if not settings.people:
        return people.of_identity({}, settings)
    if get_script_run_ctx(suppress_warning=True) is None:
        return STRANGER
    found = people.of_identity(st.user.to_dict(), settings)
    if found.id and time.monotonic() - st.session_state.get(MET, -MEET_SECONDS) >= MEET_SECONDS:
        st.session_state[MET] = time.monotonic()
        with contextlib.suppress(InputError):  # what he is called is not worth his page
            Ledger(layout.home()).meet(found)
    return found
