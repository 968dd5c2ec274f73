"""Figure 2: the original beside the relocated, and what differs."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.fields.valueword import Word
from npf_engine.figures import histograms, inverse, print_views
from npf_engine.figures.layout import Extent, position_title
from npf_engine.measures.inverse_view import ALIKE, RelocationView
from npf_engine.numbers import number, percent
from npf_engine.polar import PolarFactorization
from npf_engine.runs.store import Run
from npf_engine.studies import printed
from npf_engine.tasks import layout
from pages.inverse.wording import judged_by, seen
from ui import fieldtitle, modelviews, paperfigure, states
from ui.plots import plot, together

COLOURED = 0.95  # of the differences: the colours of their map end there
LEAST = 1e-3  # of the length: where the axis begins


def show(run: Run, model: PolarFactorization, name: str, view: RelocationView) -> None:
    """The maps, with the share of values that came to a place where |F| is their own length."""
    word = fieldtitle.word(model)
    alike = percent(view.alike, 0)
    st.markdown(
        f"**{alike[:1].upper()}{alike[1:]}** of the {word.many} of {seen(len(view.x), view.unseen)} land where |F| is "
        f"within {percent(ALIKE, 0)} of their own{judged_by(view.known)}; dealt out at random, "
        f"{percent(view.trivial, 0)} would."
    )
    if model.d == 1:
        laws = {"rho": view.x[:, 0], "inverse": view.moved[:, 0]}
        figure = histograms.overlaid(laws, position_title(model.units, 0), bins=50)
        plot(figure, "relocation_law", f"The law of the places drawn for all {word.many}, over ρ.", laws, name)
        return
    grid = modelviews.relief(str(layout.home()), run.id) if model.d == 2 else None
    box = Extent(model.units, model.low, model.high)
    halves = {
        "original": (view.x, "**Original.** Places at which F was sampled, coloured by |F|."),
        "relocated": (
            view.moved,
            f"**Relocated.** Each {word.one} at a place drawn for it, in the colour of its length.",
        ),
    }
    for column, (key, (points, caption)) in zip(together(2), halves.items(), strict=True):
        with column:
            figure = inverse.norm_points(points, view.f, box, top=view.top, grid=grid, revision=f"relocation_{key}")
            plot(figure, f"relocation_{key}", caption, {"x": points, "F": view.f}, name)
    size = np.linalg.norm(view.f, axis=1)
    if model.d == 2:
        paperfigure.offer(
            print_views.RELOCATION,
            name,
            lambda how: printed.relocation(view, box, how),
            printed.caption(print_views.RELOCATION, run.spec_json),
            paperfigure.command(run),
            lambda: {"original": view.x, "relocated": view.moved, "F": view.f},
        )
    difference = np.linalg.norm(view.reached, axis=1) - size
    off = np.abs(difference)
    most = float(np.quantile(off, COLOURED)) or 1e-9
    unit = f" {states.plain(model.units.value)}" if model.units.value else ""
    figure = inverse.norm_difference(view.moved, difference, box, top=most, grid=grid)
    caption = (
        f"**Difference.** |F| at the place drawn less the length of the {word.one} sent there: grey where they agree. "
        f"The colours end at {number(most, 2)}{unit}, within which {percent(COLOURED, 0)} of them are, and half within "
        f"{number(float(np.median(off)), 2)}{unit}; the median "
        f"length is {number(float(np.median(size)), 2)}{unit}."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        plot(figure, "relocation_difference", caption, {"x": view.moved, "difference": difference}, name)
    with right:
        _shares(view, word)
    if view.outside > 0.001:
        st.caption(f"{percent(view.outside)} of the {word.many} have a ∇u* outside Ω; they start from its edge.")


def _shares(view: RelocationView, word: Word) -> None:
    """Which share of the values lands where |F| differs by how much."""
    marks = [
        (f"ours within {percent(ALIKE, 0)}", ALIKE, view.alike, "inverse"),
        ("dealt out at random", ALIKE, view.trivial, "trivial"),
    ]
    figure = histograms.shares_within(
        view.off, "difference of |F| / its own length", marks, least=LEAST, colour="inverse"
    )
    plot(figure, "relocation_shares", f"Which share of the {word.many} lands where |F| differs by no more than that.")
