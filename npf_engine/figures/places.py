"""Maps of a number at each place of a grid, beside its floor in the same colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures import palette
from npf_engine.figures.layout import Extent, colour_bar, float32, position_axes

HEIGHT = 360
FACTORS = (4.0, 2.0)  # named on a scale of logarithms; the colours end at the first


@dataclass(frozen=True)
class Colours:
    """A scale from ``low`` to ``high`` with its title; marks: what is written at which value, plain numbers without."""

    title: str
    low: float
    high: float
    scale: palette.Scale
    marks: Mapping[float, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlaceMap:
    """A titled map: ``values`` (k, k), rows along x2, NaN where nothing is known, at ``line`` (2, k), in ``colours``;
    hover: what stands before the number that is pointed at."""

    title: str
    line: np.ndarray
    values: np.ndarray
    colours: Colours
    hover: str


def factors(title: str) -> Colours:
    """For the logarithm of a factor: grey at 1, where nothing is wrong."""
    most = np.log(FACTORS[0])
    marks = {0.0: "1"}
    for factor in FACTORS:
        marks |= {-float(np.log(factor)): f"1/{factor:g}", float(np.log(factor)): f"{factor:g}"}
    return Colours(title, -most, most, palette.DIFFERENCE, dict(sorted(marks.items())))


def amounts(title: str, *values: np.ndarray) -> Colours:
    """From 0 to the largest of all values of maps that are compared."""
    top = max((float(np.nanmax(part, initial=0.0)) for part in values), default=0.0)
    return Colours(title, 0.0, top or 1.0, palette.NORM)


def place_map(drawn: PlaceMap, where: Extent, key: str) -> go.Figure:
    """The map over Omega's box with its colours below it."""
    axes, colours = where.units.axes, drawn.colours
    bar = colour_bar(colours.title) | {"orientation": "h", "y": -0.08, "yanchor": "top"}
    bar |= {"title": {"text": colours.title, "side": "top"}}
    if colours.marks:
        bar |= {"tickvals": list(colours.marks), "ticktext": list(colours.marks.values())}
    shown = np.exp(drawn.values) if colours.marks else drawn.values
    figure = go.Figure(
        go.Heatmap(
            x=float32(drawn.line[0]),
            y=float32(drawn.line[1]),
            z=float32(np.clip(drawn.values, colours.low, colours.high)),
            customdata=float32(shown)[..., None],
            colorscale=colours.scale,
            zmin=colours.low,
            zmax=colours.high,
            colorbar=bar,
            hovertemplate=f"{axes[0]} %{{x}}, {axes[1]} %{{y}}<br>{drawn.hover} %{{customdata[0]:.3~g}}<extra></extra>",
            hoverongaps=False,
        )
    )
    position_axes(figure, where.units, where.low, where.high, f"places_{key}")
    figure.update_layout(height=HEIGHT, margin={"l": 4, "r": 4, "t": 8, "b": 8})
    figure.update_xaxes(title=None)
    return figure.update_yaxes(title=None)
