"""The exact discrete factorization beside the learned one: lengths at the samples' places, and the difference."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures import palette
from npf_engine.figures.layout import Extent, colour_bar, finish, float32, in_unit, position_axes, position_title

HEIGHT = 340
SIZE = 5.0
EDGES = "rgba(255, 255, 255, 0.45)"  # of cells, over colours that are dark or strong
DIFFERENCE: palette.Scale = [(0.0, "#8F98A5"), (0.5, "#C2609A"), (1.0, "#DB164E")]  # seen on white and on dark


def top_of(*lengths: np.ndarray) -> float:
    """One end of the colours for maps that are compared: the 99 % quantile."""
    top = float(np.nanquantile(np.concatenate([part.ravel() for part in lengths]), 0.99))
    return top if top > 0 else 1.0


def length_map(x: np.ndarray, length: np.ndarray, where: Extent, top: float, unit: str, key: str) -> go.Figure:
    """``length`` (n,) in ``unit`` from 0 to ``top`` at the places x (n, d), d >= 2; ``key`` "off..." has its own
    colours."""
    scale = DIFFERENCE if key.startswith("off") else palette.NORM
    axes = where.units.axes
    figure = go.Figure(
        go.Scattergl(
            x=float32(x[:, 0]),
            y=float32(x[:, 1]),
            mode="markers",
            marker={
                "size": SIZE,
                "color": float32(length),
                "colorscale": scale,
                "cmin": 0.0,
                "cmax": top,
                "colorbar": colour_bar(unit) | {"orientation": "h", "y": -0.08, "yanchor": "top"},
            },
            hovertemplate=f"{axes[0]} %{{x}}, {axes[1]} %{{y}}<br>%{{marker.color:.4g}}{in_unit(unit)}<extra></extra>",
            showlegend=False,
        )
    )
    position_axes(figure, where.units, where.low, where.high, f"exact_{key}")
    figure.update_layout(height=HEIGHT, margin={"l": 4, "r": 4, "t": 8, "b": 8})
    figure.update_xaxes(title=None)
    figure.update_yaxes(title=None)
    return figure


def value_map(
    line: np.ndarray,
    length: np.ndarray,
    where: Extent,
    top: float,
    unit: str,
    key: str,
    edges: np.ndarray | None = None,
) -> go.Figure:
    """``length`` (k, k) in ``unit`` from 0 to ``top`` on a grid of the region, rows along x2, NaN outside it; line
    (2, k): the places along both axes. edges (n, 2): outlines of cells drawn over it, NaN between them."""
    axes = where.units.axes
    figure = go.Figure(
        go.Heatmap(
            x=float32(line[0]),
            y=float32(line[1]),
            z=float32(length),
            colorscale=DIFFERENCE if key.startswith("off") else palette.NORM,
            zmin=0.0,
            zmax=top,
            colorbar=colour_bar(unit) | {"orientation": "h", "y": -0.08, "yanchor": "top"},
            hovertemplate=f"{axes[0]} %{{x}}, {axes[1]} %{{y}}<br>%{{z:.4g}}{in_unit(unit)}<extra></extra>",
            hoverongaps=False,
        )
    )
    if edges is not None:
        figure.add_trace(
            go.Scattergl(
                x=float32(edges[:, 0]),
                y=float32(edges[:, 1]),
                mode="lines",
                line={"width": 0.6, "color": EDGES},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    position_axes(figure, where.units, where.low, where.high, f"exact_{key}")
    figure.update_layout(height=HEIGHT, margin={"l": 4, "r": 4, "t": 8, "b": 8})
    figure.update_xaxes(title=None)
    figure.update_yaxes(title=None)
    return figure


def graphs(x: np.ndarray, exact: np.ndarray, learned: np.ndarray, where: Extent, title: str, key: str) -> go.Figure:
    """In one dimension: both as graphs over x (n,), the exact one as steps."""
    order = np.argsort(x)
    figure = go.Figure()
    for values, name, colour in ((exact, "exact", "floor"), (learned, "learned", key)):
        figure.add_trace(
            go.Scattergl(
                x=float32(x[order]),
                y=float32(values[order]),
                mode="markers",
                name=name,
                marker={"size": 4, "color": palette.COLOURS[colour]},
                hovertemplate=f"%{{x}}<br>{name} %{{y:.4g}}<extra></extra>",
            )
        )
    finish(figure, height=HEIGHT, revision=f"exact_{key}", legend=True)
    figure.update_xaxes(title=position_title(where.units, 0))
    figure.update_yaxes(title=title)
    return figure
