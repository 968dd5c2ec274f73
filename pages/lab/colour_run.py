"""A colour transfer: before and after, the palettes in the RGB cube, how well the colours match, the picture itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields.pictures import open_picture
from npf_engine.figures import colour
from npf_engine.glossary import MEASURES
from npf_engine.numbers import number, percent
from npf_engine.runs.reading import Status
from npf_engine.runs.store import Run
from npf_engine.studies.recolor.result import RecolorResult
from npf_engine.studies.recolor.spec import RecolorSpec
from npf_engine.tasks.layout import slug
from pages.lab import colour_setup, titles
from ui import live, runpage, runs, states
from ui.plots import plot

QUESTION = "Does the picture have the other's colours, and is it still the same picture?"
NAMES = {"before.png": "before", "palette.png": "colours from", "after.png": "after"}


def show(run_id: str) -> None:
    """The page of one run."""
    runpage.show(run_id, QUESTION, _actions, _result, _body)


def _actions(run: Run, status: Status) -> None:
    if run.state == "done":
        with states.told():
            path = runs.store().result(run.id, "after.png")
            st.download_button(
                "Download the picture",
                data=path.read_bytes,
                file_name=f"{slug(run.name)}.png",
                mime="image/png",
                key="picture_download",
                on_click="ignore",
                type="primary",
                icon=":material/download:",
                help="At full size, as PNG.",
            )
    runpage.buttons(run, status, "lab", lambda: colour_setup.link_of(run.spec_of(RecolorSpec)), {"of": "Colours"})


def _body(run: Run, status: Status) -> None:
    there = _pictures(run)
    if there:
        plot(
            colour.pictures(there),
            "live_pictures",
            "The recoloured picture appears beside them when the map is fitted.",
        )
    elif run.active:
        st.info("Both pictures appear as soon as they are read.", icon=":material/hourglass_top:")
    live.log(run.id)


def _result(run: Run) -> None:
    report = runs.store().answer(run.id, RecolorResult)
    match = report.pushforward
    shown: list[tuple[str, float | None, Callable[..., str], str]] = [
        (
            "Ratio",
            match.get("ratio"),
            number,
            "Of the colours: value over floor. " + MEASURES["Ratio"],
        ),
        ("Value", match.get("value"), number, "Sinkhorn divergence of the colours in [0, 1]³."),
        ("Floor", match.get("self_distance"), number, "Of two draws of the palette."),
        ("Trivial answer", match.get("trivial"), number, "Of the closed-form Gaussian map."),
        (
            "Structure kept",
            report.structure,
            percent,
            "Correlation of brightness steps between neighbours.",
        ),
        ("Parameters", report.parameters, "{:,}".format, f"Of {titles.method(report.method)}."),
    ]
    with st.container(horizontal=True, key="numbers"):
        for label, value, form, text in shown:
            if value is not None:
                st.metric(label, form(value), help=text, width="content", border=True)
    if report.note:
        st.info(states.sentence(report.note), icon=":material/info:")
    pictures = _pictures(run)
    size = f"{report.width:,} x {report.height:,} pixels"
    size += "; shown are fewer." if max(report.width, report.height) > colour.MOST_SHOWN else "."
    plot(colour.pictures(pictures), "pictures", f"Before, where the colours come from, and after. {size}")
    colour_setup.cubes(pictures, "palette")


def _pictures(run: Run) -> dict[str, np.ndarray]:
    """Name -> (h, w, 3) uint8 of the pictures that the run has written."""
    found = {}
    for name, title in NAMES.items():
        try:
            path = runs.store().result(run.id, name)
        except InputError:
            continue
        found[title] = _read(str(path), path.stat().st_mtime_ns)
    return found


@st.cache_data(max_entries=12, show_spinner=False)
def _read(path: str, written: int) -> np.ndarray:
    return open_picture(Path(path), colour.MOST_SHOWN).rgb
