"""What a field looks like: elevation or potential, arrows, |F|, where the values lie, histograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from npf_engine.fields.field import Field
from npf_engine.fields.summary import moments
from npf_engine.figures import histograms, panels, streamlines, terrain
from npf_engine.figures.layout import position_title, wide
from npf_engine.glossary import typeset
from npf_engine.measures import views
from npf_engine.numbers import number
from npf_engine.tasks.layout import slug
from pages.field import region
from ui import coast, states
from ui.plots import plot

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

MOST_ROWS = 12  # components in the table
MOST_POINTS = 300_000  # of a preview; the training has them all
Arrays = dict[str, np.ndarray]
SIZE, LINES = "|F|", "Streamlines"
# what an arrow's length tells -> (how figures call it, caption)
ARROWS: dict[str, tuple[terrain.Length, str]] = {
    SIZE: (
        "size",
        "F itself at samples spread over the region: an arrow points where F does, its length grows with |F|.",
    ),
    "log |F|": (
        "log",
        "F at samples spread over the region: an arrow points where F does, its length grows with the logarithm of "
        "|F|, over two powers of ten.",
    ),
    "One length": ("equal", "The direction of F at samples spread over the region; its size is the colour alone."),
    LINES: ("equal", "Lines that are everywhere along F, with a head where it points; they say nothing of its size."),
}


def facts(field: Field) -> None:
    """One line on size and law, then every warning."""
    unit = f", F in {states.plain(field.units.value)}" if field.units.value else ""
    kind = "known on samples" if field.kind == "samples" else "known as a function"
    if field.lattice is not None:
        kind = "known on a grid and by interpolation between its nodes"
    space = f"in **{field.d}** dimension{'s' if field.d > 1 else ''}"
    between = int(field.provenance.get("interpolated", 0))
    if between:
        kind = f"interpolated to **{field.n:,}** samples"
        st.markdown(
            f"From **{field.n - between:,}** {'rows' if 'rows' in field.provenance else 'points'}, {kind} {space}{unit}"
        )
    else:
        st.markdown(f"**{field.n:,}** samples {space}, {kind}{unit}")
    _moments(field)
    for conversion in field.conversions:
        st.caption(f":material/straighten: {states.sentence(typeset(conversion))}")
    for warning in field.warnings:
        st.warning(states.sentence(typeset(warning)), icon=":material/warning:")


def _moments(field: Field) -> None:
    """What a training would see of F, as ``preview`` prints it."""
    found = moments(field)
    unit = f", in {states.plain(field.units.value)}" if field.units.value else ""
    with st.expander(f"Moments of F{unit}", icon=":material/functions:"):
        rows = zip(found.mean, found.std, found.min, found.max, strict=True)
        names = ("mean", "spread", "least", "greatest")
        st.dataframe(
            [
                {"": f"F{k + 1}"} | {name: number(value, 5) for name, value in zip(names, row, strict=True)}
                for k, row in enumerate(rows)
            ][:MOST_ROWS],
            hide_index=True,
        )
        st.caption(f"Median of |F|: {number(found.median_norm, 5)}")


def show(field: Field, beside: DeltaGenerator) -> None:
    """The pictures of a field: the one that says most ``beside`` its form, the others below both."""
    x = field.scaling.to_user(field.x_train[:MOST_POINTS].double()).numpy()
    f = field.y_train[:MOST_POINTS].numpy()
    name = f"npf-{slug(field.name)}"

    def data() -> Arrays:
        return {"x": x, "F": f}

    if field.d == 2:
        _plane(x, f, field, data, name, beside)
        return
    with beside:
        if field.d == 1:
            _line(x, f, field, data, name)
        else:
            _many(f, field, data, name)
    _histograms(f, field, data, name)


def _histograms(f: np.ndarray, field: Field, data: Callable[[], Arrays], name: str, column: bool = False) -> None:
    most = histograms.MOST_COMPONENTS
    which = "each component" if field.d <= most else f"the first {most} of {field.d} components"
    unit = f", in {states.plain(field.units.value)}" if field.units.value else ""
    caption = f"How the values of F{unit}, are distributed" if unit else "How the values of F are distributed"
    drawn = histograms.component_column if column else histograms.component_histograms
    figure = drawn(f, field.units.value)
    caption += f" over the samples: {which}{', and the size' if field.d > 1 else ''}."
    plot(figure, "field_histograms", caption, data, name)


def _plane(
    x: np.ndarray, f: np.ndarray, field: Field, data: Callable[[], Arrays], name: str, beside: DeltaGenerator
) -> None:
    """Maps and the histograms below; beside the form the surface, or where there is none the field itself."""
    box = (field.units, field.low, field.high)
    surface = field.grid is not None or field.potential is not None
    top = terrain.largest(f)  # of both maps that show |F|

    def on_earth(figure: go.Figure, over_colours: bool = False) -> go.Figure:
        return coast.add(figure, *box, field.provenance, over_colours=over_colours)

    def directions() -> None:
        _directions(x, f, field, on_earth, data, name)

    def size() -> None:
        figure = on_earth(terrain.norm_map(x, f, *box, top=top), True)
        plot(figure, "field_norm", "The size of F at each place, in the colours of the arrows.", data, name)

    def values() -> None:
        told = "The law F♯ρ of the values, which ∇u has to reproduce: bright where they are dense."
        plot(terrain.values_map(f, field.units), "field_values", told, data, name)

    broad = wide(*box)  # arrows need all of the page then, its size can be seen beside the form
    if surface:
        first, rest = (lambda: _surface(x, field, name)), [directions, size, values]
    else:
        first, rest = (size, [directions, values]) if broad else (directions, [size, values])
    with beside:
        first()
    if broad:  # maps as wide as the page
        for draw in rest[:-1]:
            draw()
        rest = rest[-1:]
    _in_rows([*rest, lambda: _histograms(f, field, data, name, column=len(rest) % 2 == 1)])
    if field.grid is not None:
        st.markdown("## The region in space")
        region.show(field, field.grid, x, f, name)


def _in_rows(parts: Sequence[Callable[[], object]]) -> None:
    """Two beside each other, a last one alone as wide as both."""
    for first in range(0, len(parts), 2):
        pair = parts[first : first + 2]
        for column, draw in zip(st.columns(len(pair), gap="medium"), pair, strict=True):
            with column:
                draw()


def _directions(
    x: np.ndarray,
    f: np.ndarray,
    field: Field,
    on_earth: Callable[[go.Figure], go.Figure],
    data: Callable[[], Arrays],
    name: str,
) -> None:
    """Arrows of a length that is chosen, or streamlines."""
    box = (field.units, field.low, field.high)
    way = st.segmented_control(
        "Length of arrows",
        list(ARROWS),
        default=SIZE,
        key="arrows",
        required=True,
        help="Where F varies much, arrows that grow with |F| show the largest alone.",
    )
    if way == LINES:
        figure, caption = streamlines.streamlines(x, f, *box), ARROWS[LINES][1]
    else:
        length, caption = ARROWS[way or SIZE]
        side = 30 if wide(*box) else 22
        figure = terrain.arrows(x, f, *box, side=side, top=terrain.largest(f), length=length)
    plot(on_earth(figure), "field_arrows", caption, data, name)


def _surface(x: np.ndarray, field: Field, name: str) -> None:
    grid = field.grid
    if grid is not None:
        east, north = terrain.centres(grid)

        def elevation() -> Arrays:
            return {"x": east, "y": north, "elevation": grid.elevation}

        plot(
            terrain.elevation_map(grid, field.units),
            "field_elevation",
            "The elevation after smoothing, with contour lines: F is its slope."
            + (" Clear pixels lie outside of Ω." if not np.isfinite(grid.elevation).all() else ""),
            elevation,
            name,
        )
    elif field.potential is not None:
        values = field.potential(field.x_train[: len(x)]).double().numpy()
        plot(
            terrain.potential_map(x, values, field.units, field.low, field.high),
            "field_potential",
            "The potential that F is the gradient of. Were it convex, it would be u, and M would move nothing.",
            lambda: {"x": x, "potential": values},
            name,
        )


def _line(x: np.ndarray, f: np.ndarray, field: Field, data: Callable[[], Arrays], name: str) -> None:
    few = slice(0, 4000)
    title = f"F ({field.units.value})" if field.units.value else "F"
    figure = panels.graphs(x[few, 0], {"field": f[few, 0]}, position_title(field.units, 0), title)
    rises = views.rises(x[:, 0], f[:, 0])
    what = (
        "It never falls: u is its integral, and M moves nothing."
        if rises
        else "Where it falls, M turns the order of points round."
    )
    plot(figure, "field_graph", f"The graph of F. {what}", data, name)


def _many(f: np.ndarray, field: Field, data: Callable[[], Arrays], name: str) -> None:
    axes = [f"F{axis + 1}" for axis in range(field.d)]
    left, right, _ = st.columns([1, 1, 3])
    first = left.selectbox("Across", axes, 0, key="axis_across")
    second = right.selectbox("Up", axes, 1, key="axis_up")
    pair = (axes.index(first), axes.index(second))
    plot(
        terrain.values_map(f, field.units, axes=pair),
        "field_values",
        "The law F♯ρ of the values on two of its axes: bright where they are dense.",
        data,
        name,
    )
