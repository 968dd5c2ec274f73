"""What was selected on Factorization, asked of the inverse: where else do its values occur?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.figures import elsewhere as drawing
from npf_engine.figures.layout import Extent, with_unit
from npf_engine.measures import elsewhere
from npf_engine.measures.elsewhere import ElsewhereView
from npf_engine.measures.linked import inside
from npf_engine.numbers import mean_and_spread, percent
from npf_engine.polar import PolarFactorization
from npf_engine.runs.store import Run
from npf_engine.tasks import layout
from pages.inverse.wording import heights, judged_by
from ui import fieldtitle, frame, modelviews, states
from ui.linked import held, selection
from ui.linked.chosen import NAMES, Chosen
from ui.plots import plot

MOST_ROWS = 4  # axes in the table


def strip(run: Run, found: Chosen) -> None:
    """One line above the page: what is selected, and how to let go of it."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="selection_strip"):
        st.markdown(
            f":material/lasso_select: **{found.summary.count:,} samples selected in {NAMES[found.selection.key]}**, "
            f"{percent(found.summary.share)} of those evaluated.",
            width="stretch",
        )
        query = {"run": run.id, held.PARAMETER: selection.text(found.selection)}
        frame.link("factorization", "Show them", query)
        st.button("Clear", icon=":material/close:", key="selection_clear", on_click=held.push, args=(run.id, ""))


def show(run: Run, model: PolarFactorization, name: str, found: Chosen) -> None:
    """The map of the selection and of the places drawn for its values, with both in numbers."""
    if not found.summary.count:
        st.info("No sample lies in what was drawn; draw around some on Factorization.", icon=":material/info:")
        return
    view = _view(str(layout.home()), run.id, selection.text(found.selection), found.shown.n, model, found)
    word = fieldtitle.word(model)
    in_rho = found.selection.key == "rho"
    outline = found.selection.polygon if in_rho and model.d > 1 else None
    st.markdown(
        f"A pre-image was drawn for the {word.one} of each of **{len(view.x):,}** selected samples. F there misses it "
        f"by **{percent(view.miss)}** of F's spread on average{judged_by(view.known)}. {_home(view, found)}"
    )
    grid = modelviews.relief(str(layout.home()), run.id) if model.d == 2 else None
    axes = found.selection.axes if in_rho and model.d <= 3 else (0, 1)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        figure = drawing.elsewhere_map(
            view.x,
            view.drawn,
            Extent(model.units, model.low, model.high),
            axes=axes,
            grid=grid,
            outline=outline if model.d <= 3 else None,
        )
        caption = (
            f"The selection S, and for the {word.one} of each of its places one place drawn by Iψ: with more draws "
            "they would fill M⁻¹(M(S)), all places that M sends where it sends S." + heights(grid)
        )
        arrays = {"x": view.x, "F": view.f, "drawn": view.drawn, "F_drawn": view.reached}
        plot(figure, "elsewhere", caption, arrays, name)
    with right:
        st.markdown(_table(view, found, model))


def _home(view: ElsewhereView, found: Chosen) -> str:
    """How many of the draws lie in the selection itself, where that can be told from its polygon."""
    key, axes = found.selection.key, list(found.selection.axes)
    if found.shown.view.projection is not None or key not in ("rho", "field"):
        return ""
    share = float(inside((view.drawn if key == "rho" else view.reached)[:, axes], found.selection.polygon).mean())
    if key == "field":
        return f"By F, {percent(share, 0)} of them lie in the selection, as all should."
    return f"**{percent(1 - share, 0)}** of them lie elsewhere, {percent(share, 0)} within the selection itself."


def _table(view: ElsewhereView, found: Chosen, model: PolarFactorization) -> str:
    """Mean and standard deviation of the selection, of its image and of the places drawn, as Markdown."""
    units = model.units
    parts = {"selected S": found.summary.x, "image M(S)": found.summary.image}
    parts["drawn for its values"] = view.drawn.mean(axis=0), view.drawn.std(axis=0)
    lines = ["| of | mean | standard deviation |", "|---|---:|---:|"]
    for title, part in parts.items():
        for axis in range(min(model.d, MOST_ROWS) if part is not None else 0):
            assert part is not None
            mean, spread = mean_and_spread(float(part[0][axis]), float(part[1][axis]))
            what = states.plain(with_unit(f"{title}, {units.axes[axis]}", units.position[axis]))
            lines.append(f"| {what} | {mean} | {spread} |")
    size = np.linalg.norm(view.f, axis=1)
    mean, spread = mean_and_spread(float(size.mean()), float(size.std()))
    lines.append(f"| {states.plain(with_unit('length of F on S', units.value))} | {mean} | {spread} |")
    return "\n".join(lines)


@st.cache_data(max_entries=10, show_spinner="Drawing pre-images of the selection ...")
def _view(home: str, run_id: str, text: str, n: int, _model: PolarFactorization, _found: Chosen) -> ElsewhereView:
    clouds = _found.shown.view.clouds
    return elsewhere.elsewhere(_model, clouds["rho"][_found.mask], clouds["field"][_found.mask])
