"""Figure 1 for one model: what is given, what the model makes of it, and both together."""

from __future__ import annotations

from itertools import combinations

import streamlit as st

from npf_engine.figures import histograms, palette, panels
from npf_engine.figures.layout import position_title, value_title
from npf_engine.measures import views
from npf_engine.runs.store import Run
from npf_engine.tasks import layout
from ui import modelviews
from ui.plots import plot

FOLDS = 0.03  # share of points with neighbours from elsewhere above which M is said to fold
POINTS = (1000, 3000, 8000)
SEED = 0
COLUMNS = {
    "given": (
        ("field", "rho"),
        "**Given.** Above the law of F, below ρ. A point keeps its colour in every panel: the colour of the place "
        "where it comes "
        "from.",
    ),
    "learnt": (
        ("grad_u", "m"),
        "**Learnt.** ∇u♯ρ should cover F♯ρ, and Mθ♯ρ should cover ρ.",
    ),
    "together": (
        ("reconstruction", "m_network"),
        "**Together.** ∇u∘Mξ should equal F♯ρ in shape and colours, and Mξ, the network, should equal Mθ.",
    ),
}


def show(run: Run, name: str) -> None:
    """The panels of one model."""
    view, axes = _options(run)
    if view.d == 1:
        _graphs(view, name)
        return
    planes = view.planes(axes)
    origin = palette.origin_index(planes["rho"])
    if view.projection is not None:
        share = 100 * float(view.projection.share.sum())
        st.caption(f"All panels are on the first two principal axes of F♯ρ, which hold {share:.0f} % of its variance.")
    for column, (key, (pair, caption)) in zip(st.columns(3, gap="small"), COLUMNS.items(), strict=True):
        drawn = [item for item in pair if item in planes]
        with column:
            if not drawn:
                st.info("This model has no Mξ: its training stopped before that stage.", icon=":material/info:")
                continue
            if "m" in drawn:
                caption = f"{caption} {_folds(view)}"
            figure = panels.column([_panel(item, view, planes, axes) for item in drawn], origin)
            plot(figure, f"clouds_{key}", caption, {item: view.clouds[item] for item in ("rho", *drawn)}, name)
    if view.d == 3:
        _space(view, name)


def _options(run: Run) -> tuple[views.FactorizationView, tuple[int, int]]:
    with st.container(horizontal=True, gap="large"):
        n = st.segmented_control("Points", POINTS, default=POINTS[1], key="points", required=True)
        view = modelviews.clouds(str(layout.home()), run.id, int(n or POINTS[1]), SEED)
        if view.d != 3:
            return view, (0, 1)
        pairs = {f"{i + 1} and {j + 1}": (i, j) for i, j in combinations(range(3), 2)}
        chosen = st.segmented_control("Axes", list(pairs), default="1 and 2", key="axes", required=True)
    return view, pairs[chosen or "1 and 2"]


def _panel(key: str, view: views.FactorizationView, planes: views.Arrays, axes: tuple[int, int]) -> panels.Panel:
    unit = view.units.position[0] if view.one_unit else "scaled"
    return panels.panel(
        key,
        planes,
        view.units,
        view.low,
        view.high,
        position=key in views.POSITIONS,
        axes=axes,
        principal=view.projection is not None,
        position_unit=unit,
    )


def _folds(view: views.FactorizationView) -> str:
    """What M does with the colours of this model."""
    share = views.mixing(view)
    if share < FOLDS:
        most = f"All but {100 * share:.1f} % of the points" if share >= 0.0005 else "All points"
        return f"{most} that are neighbours in Mθ♯ρ come from neighbouring places: M hardly folds, or not at all."
    return (
        f"M folds: {100 * share:.0f} % of the points in Mθ♯ρ have a nearest neighbour that comes from elsewhere, and "
        "there the colours mix."
    )


def _graphs(view: views.FactorizationView, name: str) -> None:
    """d = 1: everything is a function of one variable."""
    x = view.clouds["rho"][:, 0]
    groups: dict[str, tuple[tuple[str, ...], str, str]] = {
        "values": (
            views.VALUES,
            value_title(view.units, 0),
            "∇u is the increasing rearrangement of F: it takes the same values equally often, in order. "
            "∇u∘Mξ (dotted) must lie on F.",
        ),
        "positions": (
            ("m", "m_network"),
            position_title(view.units, 0),
            "M carries each x to the place where ∇u takes the value F(x). Mξ (dotted) must lie on Mθ.",
        ),
    }
    for column, (key, (items, title, caption)) in zip(st.columns(2, gap="medium"), groups.items(), strict=True):
        curves = {item: view.clouds[item][:, 0] for item in items if item in view.clouds}
        with column:
            figure = panels.graphs(x, curves, position_title(view.units, 0), title)
            plot(figure, f"graphs_{key}", caption, {"x": x, **curves}, name)
    laws = {
        "law_values": (("field", "grad_u"), value_title(view.units, 0), "∇u♯ρ must have the law of F."),
        "law_positions": (("rho", "m"), position_title(view.units, 0), "M preserves ρ: both laws must agree."),
    }
    for column, (key, (items, title, caption)) in zip(st.columns(2, gap="medium"), laws.items(), strict=True):
        samples = {item: view.clouds[item][:, 0] for item in items}
        with column:
            plot(histograms.overlaid(samples, title, bins=50), key, caption, samples, name)


def _space(view: views.FactorizationView, name: str) -> None:
    """d = 3: the clouds over each other in space, to be turned."""
    pairs = {
        "space_values": (
            ("field", "grad_u"),
            value_title,
            "The law of F and its reconstruction must fill the same body.",
        ),
        "space_positions": (("rho", "m"), position_title, "Mθ♯ρ must fill Ω as evenly as ρ."),
    }
    for column, (key, (items, title, caption)) in zip(st.columns(2, gap="medium"), pairs.items(), strict=True):
        clouds = {item: view.clouds[item][:2000] for item in items}
        with column:
            figure = panels.cloud_3d(clouds, [title(view.units, axis) for axis in range(3)])
            plot(figure, key, caption, clouds, name)
