"""Where the inverse can be trusted: from each place to its value of F and back."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import histograms, inverse
from npf_engine.figures.layout import Extent
from npf_engine.measures.inverse_view import TRUST_DRAWS, TrustView
from npf_engine.numbers import number
from npf_engine.polar import PolarFactorization
from npf_engine.runs.store import Run
from npf_engine.tasks import layout
from pages.inverse.wording import heights, judged_by, seen
from ui import fieldtitle, modelviews
from ui.plots import plot

LEAST = 1e-3  # of F's spread: where the colours and the axis begin


def show(run: Run, model: PolarFactorization, name: str, view: TrustView) -> None:
    """The map of trust, with what it says in numbers."""
    grid = modelviews.relief(str(layout.home()), run.id) if model.d == 2 else None
    figure = inverse.trust_map(view.x, view.miss, view.worst, Extent(model.units, model.low, model.high), grid=grid)
    median = float(sorted(view.miss)[len(view.miss) // 2])
    graph = model.d == 1
    caption = (
        f"For each of {seen(len(view.x), view.unseen)} its {fieldtitle.word(model).one} F(x) was asked for, and "
        f"{TRUST_DRAWS} places were drawn for it. The {'height' if graph else 'colour'} is the median of what F misses "
        f"there, as a share of F's spread{judged_by(view.known)}. Half of the places miss by less than "
        f"**{number(median, 2)}**; the {'tenth above the dashed line' if graph else 'ringed tenth'} by more than "
        f"**{number(view.worst, 2)}**.{heights(grid)}"
    )
    if model.d == 1:
        plot(figure, "trust", caption, {"x": view.x, "miss": view.miss}, name)
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        plot(figure, "trust", caption, {"x": view.x, "miss": view.miss}, name)
    with right:
        marks = [("half of the places", median, 0.5, "m"), ("nine of ten", view.worst, 0.9, "inverse")]
        figure = histograms.shares_within(view.miss, "median miss / spread of F", marks, least=LEAST, colour="inverse")
        plot(figure, "trust_shares", "At which share of the places the median miss is at most so large.")
