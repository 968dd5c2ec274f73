"""Before a colour transfer: two pictures, a method, and a preview at reduced size."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields.pictures import BUILT_IN, open_picture
from npf_engine.figures import colour
from npf_engine.studies import kinds
from npf_engine.studies.recolor.run import preview
from npf_engine.studies.recolor.spec import RecolorSpec, methods
from npf_engine.studies.recolor.transfer import method_of, recolor
from pages.lab import choices, files, titles
from ui import form, frame, states, where
from ui.form import Form
from ui.link import Link
from ui.plots import plot
from ui.runs import remember

BASE = RecolorSpec()
PATHS = ("source", "palette")
QUICK = "gaussian"  # of the preview: at once; the exact and entropic maps take seconds
LABELS = {"source": "Picture", "palette": "Colours from"}
NUMBERS = ("strength", "smooth", "seconds", "seed")
FORM = Form(Link(lambda heads: BASE))


def show() -> None:
    """The form and the preview."""
    try:
        spec = FORM.spec()
    except InputError as error:
        states.problem(error)
        frame.link("lab", "Start from the defaults", {"of": "Colours"})
        return
    form.problem()
    left, right = st.columns([2, 3], gap="large")
    with left:
        for key in PATHS:
            _picture(spec, key)
        st.session_state["colour_method"] = spec.method
        st.selectbox(
            "Method",
            list(methods()),
            key="colour_method",
            format_func=titles.method,
            on_change=lambda: FORM.change({"method": st.session_state["colour_method"]}),
        )
        st.caption(f"{titles.method(spec.method)}: {method_of(spec.method).about}.")
        FORM.widgets(spec, NUMBERS, across=2)
        choices.show(FORM, spec, [spec.method], across=2)
        name = st.text_input("Name", placeholder=kinds.of(spec).default_name(spec), key="run_name", max_chars=80)
        where.choose()
        if st.button("Recolour at full size", type="primary", icon=":material/palette:", width="stretch", key="run_it"):
            with states.told():
                _submit(spec, name or "")
    with right, states.told():
        _preview(spec)


def link_of(spec: RecolorSpec) -> dict[str, str]:
    """Query parameters of the form with this spec's settings."""
    return {"of": "Colours"} | FORM.link.write(spec)


def _submit(spec: RecolorSpec, name: str) -> None:
    """Put the run in the queue and turn into its live view."""
    open_picture(spec.source, colour.MOST_SHOWN), open_picture(spec.palette, colour.MOST_SHOWN)  # or they are refused
    kept = {key: files.kept(getattr(spec, key)) for key in PATHS}
    kept_spec = dataclasses.replace(spec, **kept)  # type: ignore[arg-type]
    run = where.store().submit(kept_spec, name)
    st.query_params.clear()
    remember(run.id)
    st.rerun()


def _picture(spec: RecolorSpec, key: str) -> None:
    path = getattr(spec, key)
    st.file_uploader(
        LABELS[key],
        type=["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"],
        key=f"picture_{key}",
        on_change=_uploaded,
        args=(key,),
        help=f"Without a photo of yours: {getattr(BASE, key)}, made by code.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Now: {states.plain(Path(path).name)}", width="content")
        if path not in BUILT_IN and st.button("Take the built-in one", key=f"built_in_{key}", type="tertiary"):
            FORM.change({key: getattr(BASE, key)})
            st.rerun()


def _uploaded(key: str) -> None:
    path = files.staged(f"picture_{key}")
    if path is not None:
        FORM.change({key: path})


def _preview(spec: RecolorSpec) -> None:
    before, palette, after, note = _small(spec.source, spec.palette, spec.strength)
    st.markdown("## Preview")
    plot(colour.pictures({"before": before, "colours from": palette, "after": after}, width=620), "preview", told(spec))
    if note:
        st.info(states.sentence(note), icon=":material/info:")
    shown = {"before": before, "colours from": palette, "after": after}
    cubes(shown, "preview_palette", height=220)


def told(spec: RecolorSpec) -> str:
    """What the preview is of."""
    quick = "At reduced size, at once, by the closed-form Gaussian map"
    if spec.method == QUICK:
        return f"{quick}, the method chosen."
    return f"{quick}; {titles.method(spec.method)} comes with the full size."


def cubes(pictures: Mapping[str, np.ndarray], key: str, height: int = 330) -> None:
    """The colours of each picture, side by side, on a narrow screen below each other."""
    for place, (column, title) in enumerate(zip(st.columns(len(pictures)), pictures, strict=True)):
        with column:
            plot(colour.palette(pictures[title], title, height=height), f"{key}_{place}", f"{title.capitalize()}.")
    where = (
        "those of “after” should fill the place of those of “colours from”" if "after" in pictures else "a point each"
    )
    frame.caption(f"The pictures' colours in the RGB cube: {where}.")


@st.cache_data(max_entries=8, show_spinner="Recolouring a small copy ...")
def _small(source: str, palette: str, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Before, palette and after, (h, w, 3) uint8 each, and a note where one has a single colour. Raises InputError."""
    first, second = (preview(open_picture(name, colour.MOST_SHOWN)) for name in (source, palette))
    result = recolor(first, second, QUICK, strength=strength)
    plain = any((picture.visible() == picture.visible()[:1]).all() for picture in (first, second))
    return first.rgb, second.rgb, result.picture.rgb, result.note if plain else ""
