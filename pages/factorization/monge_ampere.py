"""Where u is wrong: the residual of the Monge-Ampere equation as a map, beside its floor."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.figures import paper_places, places, print_views
from npf_engine.figures.layout import Extent
from npf_engine.measures import laws, mesh
from npf_engine.measures.monge_ampere import MongeAmpereView, monge_ampere_view
from npf_engine.measures.multiplicity import MultiplicityView, multiplicity_view
from npf_engine.measures.words import explained
from npf_engine.numbers import number, percent
from npf_engine.polar import PolarFactorization
from npf_engine.runs.store import Run
from npf_engine.studies import printed
from npf_engine.tasks import layout
from ui import paperfigure, progress, runs, states
from ui.plots import plot, together

EXACT_SIDE = 24  # places along each axis at which F's density is solved for
CAPTIONS = {
    "residual": "**Residual.** The mass that ∇u brings to its value over the mass that F has there: grey where they "
    "agree, red where ∇u crowds values, teal where it leaves too few.",
    "floor": "**Floor.** The same with draws of ∇u itself in the place of F's values, where the answer is 1 whatever u "
    "is: the error of the density's estimate alone.",
    "exact": "**Exact density.** The same with F's density from all places at which F is ∇u(x): no draws and no floor. "
    "On a fold of F the density is infinite, and teal lines follow it.",
}
ABOUT = """
Where ∇u takes ρ to F♯ρ with the density ν, **ρ(x) = det ∇²u(x) · ν(∇u(x))** at each place (Monge and Ampère). The test
dual and the divergences say how good u is; this says *where* it is not.
"""


def show(run: Run, model: PolarFactorization, name: str) -> None:
    """The maps, what they say in numbers, and the figure for print."""
    try:
        view = _view(str(layout.home()), run.id, runs.written(run.id))
    except InputError as error:  # there is none of such a field, which is nobody's mistake
        st.info(states.sentence(str(error)), icon=":material/info:")
        return
    exact = _exact(str(layout.home()), run.id, runs.written(run.id)) if mesh.SOLVER in mesh.ways(model) else None
    _told(view, exact)
    maps = dict(zip(("residual", "floor"), printed.residual_maps(view), strict=True))
    if exact is not None:
        first = maps["residual"]
        off = laws.factor_of(exact.arrives)
        maps["exact"] = places.PlaceMap("exact density", exact.line, off, first.colours, first.hover)
    where = Extent(model.units, model.low, model.high)
    for column, (key, drawn) in zip(together(len(maps)), maps.items(), strict=True):
        with column:
            data = {"x1": drawn.line[0], "x2": drawn.line[1], "log_ratio": drawn.values}
            plot(places.place_map(drawn, where, key), f"monge_{key}", CAPTIONS[key], data, name)
    paperfigure.offer(
        print_views.MONGE_AMPERE,
        name,
        lambda how: paper_places.print_maps(list(maps.values())[:2], where, how),
        printed.caption(print_views.MONGE_AMPERE, run.spec_json),
        paperfigure.command(run),
        lambda: {"x1": view.line[0], "x2": view.line[1], "residual": view.residual, "floor": view.floor},
    )
    st.markdown(ABOUT)


def _told(view: MongeAmpereView, exact: MultiplicityView | None) -> None:
    row = view.row
    st.markdown(
        f"On average over ρ the equation is off by **{number(row.value, 2)}** (|ln ratio|; floor "
        f"{number(row.floor, 2)}, trivial answer {number(row.trivial, 2)}). Beyond what the estimate's own error "
        f"explains, u is wrong at **{percent(view.share)}** of ρ.",
        help=explained(
            "monge_ampere",
            n=row.n,
            more=f"{view.k} neighbours, a standard deviation of {number(view.chance, 2)} in ln ν; wrong is three of "
            "these, of two estimates",
        ),
    )
    if exact is not None:
        off = np.abs(laws.factor_of(exact.arrives))
        st.markdown(
            f"With F's exact density half of the places are right up to a factor "
            f"**{number(float(np.exp(np.nanmedian(off))), 3)}**; at {percent(exact.empty)} F never is ∇u(x).",
            help=explained("monge_ampere_exact", more=f"{EXACT_SIDE} × {EXACT_SIDE} places, no draws"),
        )


@st.cache_resource(max_entries=6, show_spinner="Comparing densities ...")
def _view(home: str, run_id: str, written: int) -> MongeAmpereView:
    return monge_ampere_view(runs.load_model(run_id))


def _exact(home: str, run_id: str, written: int) -> MultiplicityView | None:
    """Kept for the runs shown last; the first time with its progress. None where that was stopped."""
    kept = _kept(home, run_id, written)
    return progress.computed(
        kept,
        "Solving for all places of each value",
        f"monge_{run_id}",
        lambda tell: multiplicity_view(runs.load_model(run_id), mesh.SOLVER, EXACT_SIDE, draws=0, progress=tell),
    )


@st.cache_resource(max_entries=6, show_spinner=False)
def _kept(home: str, run_id: str, written: int) -> list[MultiplicityView]:
    return []
