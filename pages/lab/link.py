"""The settings of a form in its link: read, changed, and never a file that is not ours."""

from __future__ import annotations

from typing import Any

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields.pictures import BUILT_IN
from npf_engine.studies import kinds
from pages.field import uploading
from ui import fieldlink, speclink

FIELD = "field:"  # a task of the lab that is a field, before its source


def read(base: Any, paths: tuple[str, ...]) -> Any:
    """``base`` with what the link says; leaves of ``paths`` may name files of this home alone. Raises InputError."""
    spec = speclink.from_query(base, st.query_params)
    for key in paths:
        _check(getattr(spec, key))
    return spec


def change(base: Any, **values: Any) -> None:
    """Take leaves into the link; what is refused leaves it as it was and is told once (``speclink.told``)."""
    try:
        spec = kinds.of(base).with_values(speclink.from_query(base, st.query_params), values)
    except InputError as error:
        st.session_state[speclink.PROBLEM] = str(error)
        return
    query = speclink.to_query(spec, base)
    for key in values:
        if key in query:
            st.query_params[key] = query[key]
        else:
            st.query_params.pop(key, None)


def staged(widget: str) -> str | None:
    """By what the file of an uploader is known, which was put aside; None where there is none, or no room (told)."""
    upload = st.session_state[widget]
    try:
        return None if upload is None else uploading.stage(upload)
    except InputError as error:
        st.session_state[speclink.PROBLEM] = str(error)
        return None


def kept(path: str) -> str:
    """The name of an upload, which is now kept for the runs that use it; anything else as it is."""
    uploading.keep(path)
    return path


def _check(name: str | None) -> None:
    """A link may name a file only where this program keeps files: it must not make the server read any other."""
    if not name or name in BUILT_IN:
        return
    fieldlink.check_source(name.removeprefix(FIELD))
