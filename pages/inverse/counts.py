"""How many places M sends to each place, and how many of them I_psi finds: maps of the pre-images."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.figures import paper_places, places, print_views
from npf_engine.figures.layout import Extent
from npf_engine.measures import mesh
from npf_engine.measures.multiplicity import SIDE, MultiplicityView, multiplicity_view
from npf_engine.measures.words import explained
from npf_engine.numbers import number, percent
from npf_engine.polar import PolarFactorization
from npf_engine.runs.store import Run
from npf_engine.studies import printed
from npf_engine.tasks import layout
from ui import paperfigure, progress, runs, states
from ui.plots import plot, together

SYMBOLS = {mesh.NETWORK: "Mξ", mesh.SOLVER: "Mθ"}
CAPTIONS = (
    "**Places, exact.** All that {symbol} sends to each place; a bijective map has 1 everywhere.",
    "**Places found** by {n} draws of Iψ, each carried to where it settles.",
    "**To be expected**: places that as many draws of the exact law find. Fewer are worse.",
    "**Entropy, exact**, of their law: 0 where one place has all, as for a bijective map.",
    "**Entropy of the draws** of Iψ over the places.",
    "**To be expected**: the entropy that as many draws of the exact law show.",
)


def show(run: Run, model: PolarFactorization, name: str) -> None:
    """The maps, what they say in numbers, and the figure for print."""
    try:
        view = _view(str(layout.home()), run.id, runs.written(run.id))
    except InputError as error:  # there is none of such a field, which is nobody's mistake
        st.info(states.sentence(str(error)), icon=":material/info:")
        return
    if view is None:
        return
    _told(view)
    maps, where = printed.sheet_maps(view), Extent(model.units, model.low, model.high)
    captions = CAPTIONS if view.drawn is not None else CAPTIONS[::3]
    across = len(maps) // 2
    for row in range(2):
        part = slice(row * across, (row + 1) * across)
        for column, drawn, caption in zip(together(across), maps[part], captions[part], strict=True):
            with column:
                key = f"counts_{drawn.title}"
                told = caption.format(symbol=SYMBOLS[view.way], n=view.drawn.n if view.drawn is not None else 0)
                data = {"x1": drawn.line[0], "x2": drawn.line[1], "value": drawn.values}
                plot(places.place_map(drawn, where, key), key.replace(" ", "_").replace(",", ""), told, data, name)
    paperfigure.offer(
        print_views.SHEETS,
        name,
        lambda how: paper_places.print_maps(maps, where, how),
        printed.caption(print_views.SHEETS, run.spec_json),
        paperfigure.command(run),
        lambda: {"x1": view.line[0], "x2": view.line[1], "places": view.places, "entropy": view.entropy},
    )


def _told(view: MultiplicityView) -> None:
    """Means over the grid, of what the draws find beside what is there."""
    symbol, found = SYMBOLS[view.way], view.drawn
    mean, h = float(np.nanmean(view.places)), float(np.nanmean(view.entropy))
    there = (
        f"{symbol} sends **{number(mean, 3)}** places to each place on average, at most "
        f"{number(float(np.nanmax(view.places)), 3)}; to {percent(view.empty)} of Ω it sends none. Their law has an "
        f"entropy of {number(h, 3)} nats, that of {number(float(np.exp(h)), 3)} equal ones."
    )
    grid = f"{SIDE} × {SIDE} places"
    if found is None:
        st.markdown(there, help=explained("sheets", "sheets_entropy", more=f"{grid}, no draws: there is no Iψ"))
        return
    drawn = (
        f"{found.n} draws of Iψ find **{number(float(np.nanmean(found.found)), 3)}** of them, where as many draws of "
        f"the exact law find {number(float(np.nanmean(found.expected_found)), 3)}; entropy "
        f"**{number(float(np.nanmean(found.entropy)), 3)}** against "
        f"{number(float(np.nanmean(found.expected_entropy)), 3)}. {percent(found.arrived)} of the draws settle where "
        f"{symbol} is what was asked for. **Trivial**: as many places of ρ, drawn whatever is asked for and carried "
        f"to where they settle in the same way, find {number(float(np.nanmean(found.trivial_found)), 3)} with entropy "
        f"{number(float(np.nanmean(found.trivial_entropy)), 3)}, and {percent(found.trivial_arrived)} of them settle: "
        "so much is the solver's doing, not that of Iψ."
    )
    st.markdown(
        f"{there} {drawn}", help=explained("sheets", "sheets_entropy", more=f"{grid}, {found.n} draws for each, no ε")
    )


def _view(home: str, run_id: str, written: int) -> MultiplicityView | None:
    """Kept for the runs shown last; the first time with its progress. None where that was stopped."""
    kept = _kept(home, run_id, written)
    return progress.computed(
        kept,
        "Counting the places that go to each",
        f"counts_{run_id}",
        lambda tell: multiplicity_view(runs.load_model(run_id), progress=tell),
    )


@st.cache_resource(max_entries=6, show_spinner=False)
def _kept(home: str, run_id: str, written: int) -> list[MultiplicityView]:
    return []
