"""A raster on the Field page: F is its slope, two of its bands, or its band with that of a second raster."""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.fields.readers import raster_files
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.uploads import UploadPreview
from pages.field import choice
from ui import states, uploading

SLOPE, BANDS, SECOND = "The slope of its heights", "Two of its bands", "Its band, and that of a second raster"
KIND, WHICH, FILE = "raster_kind", "raster_bands", "raster_second"
OF = "raster_kind_of"  # session: the file that KIND was chosen for
SUFFIXES = sorted({suffix.rsplit(".", 1)[-1] for suffix in raster_files.SUFFIXES})


def offer(seen: UploadPreview, spec: FieldSpec) -> None:
    """What F is of the raster that was looked at."""
    if st.session_state.get(OF) != spec.source:  # what was chosen of another file says nothing of this one
        st.session_state[OF], st.session_state[KIND] = spec.source, SLOPE
    if spec.second or spec.components:
        st.session_state[KIND] = SECOND if spec.second else BANDS
    kinds = [SLOPE, *([BANDS] if seen.bands > 1 or spec.components else []), SECOND]
    if st.session_state.get(KIND) not in kinds:
        st.session_state[KIND] = SLOPE
    kind = st.selectbox("F is", kinds, key=KIND, on_change=_kind_chosen)
    if kind == BANDS and spec.components:
        st.session_state[WHICH] = spec.components
        st.text_input(
            "Bands of the components",
            key=WHICH,
            on_change=_bands_chosen,
            help="Two numbers: first the component along x, then that along y.",
        )
    if kind == SECOND:
        if spec.second:
            st.caption(states.plain(f"Second component: {stored_files.path_of(spec.second).name}"))
        st.file_uploader("Raster of the second component", type=SUFFIXES, key=FILE, on_change=_uploaded)


def _kind_chosen() -> None:
    kind = st.session_state[KIND]
    if kind == BANDS:
        choice.change(components="1, 2", second="", rho="samples")
    elif kind == SLOPE:
        choice.change(components="", second="", rho="box")
    else:  # nothing to read before the second file is there
        choice.change(components="", rho="box")


def _bands_chosen() -> None:
    choice.change(components=st.session_state[WHICH].strip() or "1, 2")


def _uploaded() -> None:
    upload = st.session_state[FILE]
    if upload is None:
        return
    try:
        choice.change(second=uploading.stage(upload), components="", rho="samples")
    except InputError as error:
        st.session_state[choice.PROBLEM] = str(error)
