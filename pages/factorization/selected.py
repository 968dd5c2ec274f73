"""What is selected in the linked clouds: in numbers, to go on from, and to take along."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine import numbers
from npf_engine.figures.layout import subscript, with_unit
from npf_engine.measures import linked as clouds
from npf_engine.measures.linked import LinkedClouds, Summary
from npf_engine.numbers import typed
from ui import frame, states
from ui.linked import held, selection
from ui.linked.chosen import NAMES, in_clouds
from ui.linked.selection import Selection
from ui.plots import downloads

MOST_ROWS = 4  # components of x and of F in the table
DIGITS = 9  # of a gradient in a link, as on the page Inverse
# The same polygon in another panel selects an image or a pre-image: {x : M(x) in P} is M^-1(P); F being grad u o M,
# {x : grad u(x) in P} is M(F^-1(P)).
TURNS = {
    "rho": ("m", "Its pre-images M⁻¹(S)", "The samples that Mθ carries into this polygon: it goes to the panel Mθ♯ρ."),
    "m": ("rho", "Its image M(S)", "The samples of the polygon itself, to which Mθ carries what is selected."),
    "m_network": ("rho", "Its image M(S)", "The samples of the polygon itself, to which Mξ carries what is selected."),
    "field": ("grad_u", "Its image M(S)", "Where ∇u takes the values of this polygon: it goes to the panel ∇u♯ρ."),
    "grad_u": ("field", "Its pre-images M⁻¹(S)", "Where F takes the values of this polygon: it goes to the panel F♯ρ."),
    "reconstruction": ("grad_u", "Its image M(S)", "Where ∇u takes these values: the polygon goes to the panel ∇u♯ρ."),
}


def show(run_id: str, name: str, shown: LinkedClouds, chosen: Selection | None) -> None:
    """The selection, or how to make one; and the downloads, of what is selected or of all."""
    if chosen is None:
        frame.caption("Draw around points in any panel: they stay lit in all, in the link, and in the downloads.")
        downloads(lambda: clouds.rows(shown, None), "clouds", name)
        return
    there = in_clouds(chosen, shown)
    mask, found = there.mask, there.summary
    with st.container(border=True, key="selection"):
        left, right = st.columns([3, 2], gap="medium")
        with left:
            st.markdown(
                f"**{found.count:,} samples selected in {NAMES[chosen.key]}**, {numbers.percent(found.share)} of those "
                "shown. The rest is grey in every panel, and left out over the terrain."
            )
            _actions(run_id, chosen, found)
            if found.count:
                downloads(lambda: clouds.rows(shown, mask), "selection", name)
        with right:
            if found.count:
                st.markdown(_table(found, shown))


def _actions(run_id: str, chosen: Selection, found: Summary) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if chosen.key in TURNS:
            key, label, help_ = TURNS[chosen.key]
            turned = selection.text(selection.moved(chosen, key))
            st.button(
                label,
                key="selection_turn",
                icon=":material/sync_alt:",
                help=help_,
                on_click=held.push,
                args=(run_id, turned),
            )
        st.button(
            "Clear",
            key="selection_clear",
            icon=":material/close:",
            on_click=held.push,
            args=(run_id, ""),
        )
        if found.typical is not None:
            gradient = ", ".join(typed(float(f"{value:.{DIGITS}g}")) for value in found.typical)
            frame.link("inverse", "All places with its mean value of F", {"run": run_id, "g": gradient})
            query = {"run": run_id, held.PARAMETER: selection.text(chosen)}
            frame.link("inverse", "Where else its values occur", query)


def _table(found: Summary, shown: LinkedClouds) -> str:
    """Mean and standard deviation of x, of its image and of F, with units, as Markdown."""
    assert found.x is not None and found.field is not None
    units, view = shown.view.units, shown.view
    lines = ["| selected | mean | standard deviation |", "|---|---:|---:|"]
    for axis in range(min(view.d, MOST_ROWS)):
        lines.append(_row(units.axes[axis], found.x, axis, units.position[axis]))
    for axis in range(min(view.d, MOST_ROWS) if found.image is not None else 0):
        lines.append(_row(f"M{subscript(axis + 1)}(x)", found.image, axis, units.position[axis]))
    for axis in range(min(view.d, MOST_ROWS)):
        lines.append(_row(f"F{subscript(axis + 1)}", found.field, axis, units.value))
    if view.d > MOST_ROWS:
        lines.append(f"| and {view.d - MOST_ROWS} components more of each | | |")
    return "\n".join(lines)


def _row(name: str, parts: tuple[np.ndarray, np.ndarray] | None, axis: int, unit: str) -> str:
    assert parts is not None
    mean, spread = numbers.mean_and_spread(float(parts[0][axis]), float(parts[1][axis]))
    return f"| {states.plain(with_unit(name, unit))} | {mean} | {spread} |"
