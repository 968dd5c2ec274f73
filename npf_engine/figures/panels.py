"""Clouds side by side (Figure 1 of the paper): each point keeps the colour of the place where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from npf_engine.figures import palette
from npf_engine.figures.layout import (
    BIN_ABOVE,
    Extent,
    aspect,
    counts,
    finish,
    float32,
    position_title,
    span,
    value_title,
)

PANEL_HEIGHT = 355


@dataclass(frozen=True)
class Panel:
    """One cloud on two axes: ``key`` of the palette, points (n, 2), titles and ranges of the axes.

    ``ratio`` is the length of a unit of the second axis over one of the first on the screen; None leaves it free.
    """

    key: str
    points: np.ndarray
    titles: tuple[str, str]
    ranges: tuple[tuple[float, float], tuple[float, float]]
    ratio: float | None = 1.0


def panel(
    key: str,
    planes: Mapping[str, np.ndarray],
    where: Extent,
    *,
    position: bool,
    axes: tuple[int, int] = (0, 1),
    principal: bool = False,
    position_unit: str = "",
) -> Panel:
    """The panel of one cloud among ``planes`` (key -> (n, 2)); clouds of one space share their ranges.

    ``position``: a cloud in Omega (range of "rho"), else one of values (range of "field"). ``principal``: the planes
    are on the principal axes of F#rho, ``position_unit`` then being the unit of positions on them.
    """
    units, reference = where.units, planes["rho" if position else "field"]
    ratio: float | None = 1.0
    if principal:
        unit = position_unit if position else units.value
        titles = [f"principal axis {k} of F♯ρ" + (f" ({unit})" if unit else "") for k in (1, 2)]
    elif len(units.axes) == 1:  # the planes are graphs: the place, and what is found there
        titles = [position_title(units, 0), (position_title if position else value_title)(units, 0)]
        ratio = None
    else:
        titles = [(position_title if position else value_title)(units, axis) for axis in axes]
        ratio = aspect(units, where.low, where.high, axes) if position else 1.0
    pad = 0.06 if position else 0.1
    ranges = (span(reference[:, 0], pad=pad), span(reference[:, 1], pad=pad))
    return Panel(key, planes[key], (titles[0], titles[1]), ranges, ratio)


def column(panels: Sequence[Panel], origin: np.ndarray, *, size: float = 3.0) -> go.Figure:
    """Panels below each other in one figure (one set of WebGL contexts).

    ``origin`` (n,) uint8 of ``palette.origin_index``, the same for all panels: point i of each panel comes from the
    same x. Above 200,000 points a panel shows counts instead.
    """
    figure = make_subplots(rows=len(panels), cols=1, vertical_spacing=0.32 / max(2, len(panels)))
    for row, panel in enumerate(panels, start=1):
        figure.add_trace(_cloud(panel, origin, size), row=row, col=1)
        _axes(figure, panel, row)
    finish(figure, height=PANEL_HEIGHT * len(panels), revision="panels")
    _heads(figure, panels)
    figure.update_layout(
        coloraxis={"colorscale": palette.origin_scale(), "cmin": 0, "cmax": 255, "showscale": False},
    )
    return figure


def overlay(panels: Sequence[Panel], *, size: float = 3.5, height: int = 420, revision: str = "overlay") -> go.Figure:
    """Clouds over each other, each in its object's colour; axes of the first panel."""
    figure = go.Figure()
    for panel in panels:
        figure.add_trace(
            go.Scattergl(
                x=float32(panel.points[:, 0]),
                y=float32(panel.points[:, 1]),
                mode="markers",
                marker=ringed(panel.key, size),
                name=palette.TITLES[panel.key],
                hovertemplate=POINT,
            )
        )
    finish(figure, height=height, revision=revision, legend=True)
    first = panels[0]
    figure.update_xaxes(title=first.titles[0], range=first.ranges[0], constrain="domain")
    figure.update_yaxes(title=first.titles[1], range=first.ranges[1], constrain="domain")
    if first.ratio is not None:
        figure.update_yaxes(scaleanchor="x", scaleratio=first.ratio)
    return figure


def ringed(key: str, size: float) -> dict[str, object]:
    """Dots in an object's colour through which others are seen, with a rim of the full colour: seen on any ground."""
    colour = palette.COLOURS[key]
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return {"size": size, "color": f"rgba({red},{green},{blue},0.5)", "line": {"width": 0.8, "color": colour}}


def cloud_3d(clouds: Mapping[str, np.ndarray], titles: Sequence[str], *, height: int = 520) -> go.Figure:
    """Clouds (n, 3) over each other in space, each in its object's colour, with equal axes."""
    figure = go.Figure()
    for key, points in clouds.items():
        figure.add_trace(
            go.Scatter3d(
                x=float32(points[:, 0]),
                y=float32(points[:, 1]),
                z=float32(points[:, 2]),
                mode="markers",
                marker={"size": 1.8, "color": palette.COLOURS[key], "opacity": 0.6},
                name=palette.TITLES[key],
                hovertemplate="%{x:.4~g}, %{y:.4~g}, %{z:.4~g}",
            )
        )
    finish(figure, height=height, revision="space", legend=True)
    axes = {f"{axis}axis": {"title": title} for axis, title in zip("xyz", titles, strict=True)}
    figure.update_layout(scene={**axes, "aspectmode": "data"}, dragmode="orbit")
    return figure


def graphs(
    x: np.ndarray, curves: Mapping[str, np.ndarray], x_title: str, y_title: str, *, height: int = 380
) -> go.Figure:
    """Functions of one variable as graphs: x (n,), key of the palette -> values (n,). For d = 1."""
    order = np.argsort(x, kind="stable")
    names = {
        "field": "F",
        "grad_u": "∇u",
        "m": "M<sub>θ</sub>",
        "m_network": "M<sub>ξ</sub>",
        "reconstruction": "∇u∘M<sub>ξ</sub>",
        "potential": "u",
        "inverse": "I<sub>ψ</sub>",
        "rho": "identity",
    }
    figure = go.Figure()
    for key, values in curves.items():
        figure.add_trace(
            go.Scatter(
                x=float32(x[order]),
                y=float32(values[order]),
                mode="lines",
                line={"color": palette.COLOURS[key], "width": 2, "dash": "dot" if key in DOTTED else "solid"},
                name=names[key],
            )
        )
    finish(figure, height=height, revision="graphs", legend=True)
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title)
    return figure


POINT = "%{x:.4~g}, %{y:.4~g}"  # where a point lies, with its cloud's name beside
DOTTED = ("m_network", "reconstruction")  # drawn over the curve that they should equal


def _cloud(panel: Panel, origin: np.ndarray, size: float) -> go.Scattergl | go.Heatmap:
    if len(panel.points) > BIN_ABOVE:
        return counts(panel.points, *panel.ranges)
    return go.Scattergl(
        x=float32(panel.points[:, 0]),
        y=float32(panel.points[:, 1]),
        mode="markers",
        marker={"size": size, "color": origin, "coloraxis": "coloraxis", "opacity": 0.85},
        name=palette.TITLES.get(panel.key, panel.key),
        hovertemplate=POINT,
        showlegend=False,
    )


def _axes(figure: go.Figure, panel: Panel, row: int) -> None:
    figure.update_xaxes(title=panel.titles[0], range=panel.ranges[0], constrain="domain", row=row, col=1)
    figure.update_yaxes(title=panel.titles[1], range=panel.ranges[1], constrain="domain", row=row, col=1)
    if panel.ratio is not None:
        figure.update_yaxes(scaleanchor=f"x{row if row > 1 else ''}", scaleratio=panel.ratio, row=row, col=1)


def _heads(figure: go.Figure, panels: Sequence[Panel]) -> None:
    for row, panel in enumerate(panels, start=1):
        axis = str(row) if row > 1 else ""
        figure.add_annotation(
            text=palette.panel_title(panel.key),
            xref=f"x{axis} domain",
            yref=f"y{axis} domain",
            x=0.5,
            y=1.0,
            yanchor="bottom",
            yshift=4,
            showarrow=False,
            font={"size": 17},
        )
