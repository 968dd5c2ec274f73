"""The Helmholtz-Hodge decomposition of the same field, beside its polar factorization."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.figures import fieldmap
from npf_engine.measures.hodge import PARTS, HodgeView, hodge_view
from npf_engine.numbers import number
from npf_engine.polar import PolarFactorization
from npf_engine.settings import reading
from pages.factorization.measures import explained
from ui import coast, runs, states
from ui.plots import SMALL, plot

TITLES = {  # key -> (title, caption)
    "field": ("F", "The field itself."),
    "grad_u": ("∇u", "The values of F, ordered as the gradient of a convex function, at the same places."),
    "moved": ("Mξ(x) − x", "Where each place goes before ∇u is taken there: the rearrangement."),
    "curl_free": ("grad φ", "Without curl, straight across the edge: sources and sinks."),
    "divergence_free": ("rot ψ", "Without divergence, along the edge: vortices."),
    "harmonic": ("Harmonic", "Without either: what flows through the edge."),
}
NAMES = ("grad φ (has no curl)", "rot ψ (has no divergence)", "harmonic (has neither curl nor divergence)")  # of PARTS
ABOUT = """
**Helmholtz–Hodge** writes F as a *sum*: grad φ has all divergence and no curl, rot ψ all curl and no divergence, φ
and ψ are 0 at the edge, and the harmonic part carries what flows through it. Each part lies where F has it: sources,
sinks and vortices keep their places. It loses the law of F: none of the parts takes the values of F as often as F
does, and they hang on the region's edge.

**Polar** writes F as a *composition*: ∇u takes just the values of F, each as often (∇u♯ρ = F♯ρ), ordered as the
gradient of a convex function, and M says where each belongs, without changing ρ. It loses neighbourhood: divergence
and curl of F are in neither factor alone. For F that is near to the identity the two meet: M moves by the
divergence-free part, to first order (Brenier 1991).
"""


EDGE = (
    "The region's edge is a staircase of grid cells. The parts hang on it, and within two nodes of it they follow its "
    "steps: they are left clear there on these maps, and are in the files."
)
EMPTY = " The map is empty: F has no such part."
NOTHING = 0.005  # percent of the mean square: what the grid alone leaves


def show(model: PolarFactorization, run_id: str, name: str) -> None:
    """Six maps with one range of colours for those in units of F."""
    try:
        view = _view(model, run_id)
    except InputError as error:  # there is none of such a field, which is nobody's mistake
        st.info(states.sentence(str(error)), icon=":material/info:")
        return
    with states.told():
        shares = ", ".join(
            f"{words} **{number(100 * view.hodge.shares[part], 3, nothing=NOTHING)} %**"
            for part, words in zip(PARTS, NAMES, strict=True)
        )
        what = "|F|²" if not bool(model.shift.any()) else "|F − c|², c the constant that was taken off"
        nodes = f"{len(view.y)} by {len(view.x)} nodes, no ε and no draws"
        st.markdown(f"Of the mean of {what}, over the area: {shares}.", help=explained("hodge", more=nodes))
        fields: dict[str, np.ndarray | None] = {
            "field": view.field,
            **{part: getattr(view.hodge, part) for part in PARTS},
            "grad_u": view.grad_u,
            "moved": view.moved,
        }
        shown = {key: field for key, field in fields.items() if field is not None}
        if view.hodge.staircase:  # the parts' jump at its steps is of the steps, not of F
            shown |= {part: np.where(view.hodge.inner[..., None], shown[part], np.nan) for part in PARTS}
        top = fieldmap.length_of([field for key, field in shown.items() if key != "moved"])
        grid = st.grid(3, min_column_width=SMALL, gap="small")
        for key in ("field", "grad_u", "moved", *PARTS):
            if key in shown:
                with grid.cell():
                    _map(view, key, shown[key], model, top, name)
        if view.hodge.staircase:
            st.caption(EDGE)
        st.markdown(ABOUT)
        st.caption(
            f"On {len(view.y)} by {len(view.x)} nodes; a step along an axis counts in {view.metric}. Colours of "
            f"all maps in units of F{' (all but Mξ(x) − x)' if 'moved' in shown else ''} have one "
            "range; arrows show directions alone."
        )


def _map(view: HodgeView, key: str, field: np.ndarray, model: PolarFactorization, top: float, name: str) -> None:
    one = len(set(model.units.position)) == 1
    unit = (model.units.position[0] if one else "") if key == "moved" else model.units.value
    size = fieldmap.length_of([field]) if key == "moved" else top
    units = model.units
    title, caption = TITLES[key]
    if key in PARTS and 100 * view.hodge.shares[key] <= NOTHING:
        caption += EMPTY
    st.markdown(f"**{title}**" + (f", in {states.plain(unit)}" if unit else ""))
    figure = fieldmap.field_map(view.x, view.y, field, units, size, states.plain(unit), key)
    provenance = reading.maybe_mapping(model.info, "provenance")
    plot(
        coast.add(figure, units, model.low, model.high, provenance, over_colours=True),
        f"hodge_{key}",
        caption,
        {"x": view.x, "y": view.y, "first": field[..., 0], "second": field[..., 1]},
        name,
    )


def _view(model: PolarFactorization, run_id: str) -> HodgeView:
    """Kept for the runs shown last."""
    return _kept(run_id, runs.store().bundle(run_id).stat().st_mtime_ns, model)


@st.cache_resource(max_entries=4, show_spinner="Decomposing the field ...")
def _kept(run_id: str, written: int, _model: PolarFactorization) -> HodgeView:
    return hodge_view(_model)
