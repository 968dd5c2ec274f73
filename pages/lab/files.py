"""The files of a form of the lab: put aside as they arrive, kept for a run that uses them."""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from ui import form, uploading


def staged(widget: str) -> str | None:
    """By what the file of an uploader is known, which was put aside; None where there is none, or no room (told)."""
    upload = st.session_state[widget]
    try:
        return None if upload is None else uploading.stage(upload)
    except InputError as error:
        st.session_state[form.PROBLEM] = str(error)
        return None


def kept(path: str) -> str:
    """The name of an upload, which is now kept for the runs that use it; anything else as it is."""
    uploading.keep(path)
    return path
