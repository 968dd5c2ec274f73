"""The exact discrete factorization of some samples beside the learned one, and what the duality gap certifies."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import exact as figures
from npf_engine.figures.layout import Extent
from npf_engine.measures.exact import Certificate, ExactView, exact_view
from npf_engine.numbers import number
from npf_engine.polar import PolarFactorization
from pages.factorization import cells
from pages.factorization.measures import explained, row
from ui import progress, runs, states
from ui.plots import plot, together

MOST_D = 3  # dimensions in which positions are drawn
ASSIGNED, CELLS = "Assignment of samples", "Cells of ρ"
WAYS = {
    ASSIGNED: "Samples of ρ and of F's values, matched one to one.",
    CELLS: "ρ itself, in one cell for each of a sample of F's values (semi-discrete transport).",
}
LEARNED = "learned"
ABOUT = """
**Exact**: of these samples alone, with no network. The assignment of positions to values with the largest
Σ ⟨x, y⟩ is a polar factorization: ∇u takes each place to the value assigned to it, M permutes the places, and
F = ∇u ∘ M on every sample. With more samples it comes near the true factorization, slowly: the *floor* is about how far
such an answer is off itself for lack of samples, seen by what drawing one of the two laws anew changes. A learned map
at its floor, or below, cannot be told from the truth by these samples.
"""


def show(model: PolarFactorization, run_id: str, name: str) -> None:
    """Both in numbers and, up to three dimensions, as maps with equal colours."""
    with states.told():
        if model.d == cells.D:
            way = st.segmented_control("Exact by", list(WAYS), default=ASSIGNED, required=True, key="exact_way")
            st.caption(WAYS[way])
            if way == CELLS:
                cells.show(model, run_id, name)
                return
        view = _view(model, run_id)
        if view is None:
            return
        st.markdown(
            f"On {len(view.x):,} samples the learned ∇u differs from the exact one by {row(view.u, 'F')}; M by "
            f"{row(view.m, 'ρ')}. Root mean squares.",
            help=explained("exact_u", "exact_m", n=view.u.n, more="one draw, no ε: nothing is regularised"),
        )
        where = Extent(model.units, model.low, model.high)
        if model.d == 1:
            _graphs(view, model, where, name)
        elif model.d <= MOST_D:
            _maps(view, model, where, name)
        if view.certificate is not None:
            _certificate(view.certificate, view.u.trivial, explained("certificate", n=view.u.n, more="one draw, no ε"))
        st.markdown(ABOUT)


def _certificate(seen: Certificate, trivial: float | None, tip: str) -> None:
    if trivial is not None and seen.bound >= trivial:
        st.caption(
            f"The duality gap bounds the error of ∇u by {number(seen.bound, 3)} % of the spread of F, more than the "
            "trivial answer's: it tells nothing here, since u bends sharply in one place at least.",
            help=tip,
        )
        return
    st.markdown(
        f"**A bound from the duality gap.** The dual of u lies {number(seen.gap, 3)} ± {number(seen.gap_se, 2)} above "
        "the exact one. So the root mean square of ∇u − ∇u₀, u₀ the true potential, is at most about "
        f"**{number(seen.bound, 3)} %** of the spread of F: √(2 L · gap), L = {number(seen.smoothness, 3)}.",
        help=tip,
    )
    st.caption(
        "It holds (1) in expectation: a gap of few samples is too large on average; its chance is in the bound. (2) "
        "If no eigenvalue of u's Hessian is larger than L, the largest that was met on the ways from x to ∇u*(y). "
        f"(3) With conjugates solved: the largest residual left was {number(seen.residual, 2)}. It is far above what "
        "is seen wherever u bends sharply in one place, since L is that place's."
    )


def _maps(view: ExactView, model: PolarFactorization, where: Extent, name: str) -> None:
    places = model.units.position[0] if len(set(model.units.position)) == 1 else "half the region"
    values, moves = view.lengths()
    rows = (
        ("u", "∇u", "|∇u| at each place.", model.units.value, values),
        ("m", "M", "How far each place is moved, |M(x) − x|.", places, moves),
    )
    for key, symbol, caption, unit, found in rows:
        top, apart = figures.top_of(found.exact, found.learned), figures.top_of(found.difference)
        drawn = (
            (f"{symbol}, exact", "exact", found.exact, top, caption),
            (f"{symbol}, learned", LEARNED, found.learned, top, caption),
            (f"{symbol}, difference", "off", found.difference, apart, "|learned − exact|, colours of its own."),
        )
        for column, (title, which, lengths, end, told) in zip(together(3), drawn, strict=True):
            with column:
                st.markdown(f"**{title}**")
                plot(
                    figures.length_map(view.x, lengths, where, end, states.plain(unit), f"{which}_{key}"),
                    f"exact_{key}_{which}",
                    told,
                    {"x": view.x, "value": lengths},
                    name,
                )
    if model.d > 2:
        st.caption("Places by their first two coordinates.")


def _graphs(view: ExactView, model: PolarFactorization, where: Extent, name: str) -> None:
    for key, symbol, exact, learned in (
        ("grad_u", "∇u", view.exact_u, view.learned_u),
        ("m_network", "M", view.exact_m, view.learned_m),
    ):
        plot(
            figures.graphs(view.x[:, 0], exact[:, 0], learned[:, 0], where, symbol, key),
            f"exact_{key}",
            f"{symbol} at the samples, exact and learned.",
            {"x": view.x[:, 0], "exact": exact[:, 0], LEARNED: learned[:, 0]},
            name,
        )


def _view(model: PolarFactorization, run_id: str) -> ExactView | None:
    """Kept for the runs shown last; the first time with its progress. None where that was stopped."""
    kept = _kept(run_id, runs.store().bundle(run_id).stat().st_mtime_ns)
    return progress.computed(
        kept, "Solving the assignment of samples", f"exact_{run_id}", lambda tell: exact_view(model, progress=tell)
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(run_id: str, written: int) -> list[ExactView]:
    return []
