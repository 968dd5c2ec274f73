"""The semi-discrete factorization beside the learned one: rho in cells of one mass, each of which goes to one value."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import exact as figures
from npf_engine.figures.layout import Extent
from npf_engine.measures.cells import CellsView, cells_view, check
from npf_engine.numbers import number
from npf_engine.polar import PolarFactorization
from pages.factorization.measures import explained, row
from ui import progress, runs, states
from ui.plots import plot, together

D = 2  # dimensions in which cells are solved
LEARNED = "learned"
ABOUT = """
**Semi-discrete**: ρ as it is, uniform on the region, and a sample of the values of F. The best u is the largest of as
many planes, u(x) = max ⟨x, y⟩ − ψ; where one of them is the largest is a *cell* (of Laguerre), all of one mass, whose
places go to one value. It is solved to rounding by Newton's method (Kitagawa, Mérigot and Thibert 2019). M takes a
sample into the cell of its value: the cell's barycentre stands for it. Nothing but the sampling of F's values is in
its error, which the *floor* tells: how far two such answers are apart, over √2. A learned map at its floor cannot be
told from the truth by these values.
"""


def show(model: PolarFactorization, run_id: str, name: str) -> None:
    """Both in numbers and as maps with equal colours."""
    check(model)
    view = _view(model, run_id)
    if view is None:
        return
    merged = f" ({view.merged:,} lay where another does)" if view.merged else ""
    grid = f"{view.line.shape[1]} × {view.line.shape[1]} places"
    st.markdown(
        f"Of {view.targets:,} values of F{merged}, the learned ∇u differs from the exact one by {row(view.u, 'F')}; M "
        f"by {row(view.m, 'ρ')}. Root mean squares.",
        help=explained("cells_u", "cells_m", n=view.u.n, more=f"∇u at {grid}, one draw, no ε: ψ is solved to rounding"),
    )
    where = Extent(model.units, model.low, model.high)
    values, moves = view.lengths()
    places = model.units.position[0] if len(set(model.units.position)) == 1 else "half the region"
    top, apart = figures.top_of(values.exact, values.learned), figures.top_of(values.difference)
    drawn = (
        ("∇u, exact", "exact", values.exact, top, "|∇u| at each place, and the cells, all of one mass."),
        ("∇u, learned", LEARNED, values.learned, top, "|∇u| at each place."),
        ("∇u, difference", "off", values.difference, apart, "|learned − exact|, colours of its own."),
    )
    for column, (title, which, lengths, end, told) in zip(together(3), drawn, strict=True):
        with column:
            st.markdown(f"**{title}**")
            edges = view.corners if which == "exact" else None
            figure = figures.value_map(
                view.line, lengths, where, end, states.plain(model.units.value), f"{which}_cells", edges
            )
            plot(figure, f"cells_u_{which}", told, {"x1": view.line[0], "x2": view.line[1], "value": lengths}, name)
    top, apart = figures.top_of(moves.exact, moves.learned), figures.top_of(moves.difference)
    shown = (
        ("M, exact", "exact", moves.exact, top, "How far the cell of its value lies from each sample."),
        ("M, learned", LEARNED, moves.learned, top, "How far each sample is moved, |M(x) − x|."),
        ("M, difference", "off", moves.difference, apart, "|learned − exact|, colours of its own."),
    )
    for column, (title, which, lengths, end, told) in zip(together(3), shown, strict=True):
        with column:
            st.markdown(f"**{title}**")
            figure = figures.length_map(view.x, lengths, where, end, states.plain(places), f"{which}_cells_m")
            plot(figure, f"cells_m_{which}", told, {"x": view.x, "value": lengths}, name)
    st.caption(
        f"Every cell's mass is its share to {number(view.error, 2)} of itself. {view.told} Compared at "
        f"{grid} of the region."
    )
    st.markdown(ABOUT)


def _view(model: PolarFactorization, run_id: str) -> CellsView | None:
    """Kept for the runs shown last; the first time with its progress. None where that was stopped."""
    kept = _kept(run_id, runs.store().bundle(run_id).stat().st_mtime_ns)
    return progress.computed(
        kept, "Solving the cells of equal mass", f"cells_{run_id}", lambda tell: cells_view(model, progress=tell)
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(run_id: str, written: int) -> list[CellsView]:
    return []
