"""Going back: the relocation map (Figure 2 of the paper), and where it can be trusted."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Grid, Units
from npf_engine.figures import palette
from npf_engine.figures.layout import (
    MAP_HEIGHT,
    Extent,
    colour_bar,
    colour_bar_above,
    finish,
    float32,
    framed_alike,
    in_unit,
    log_axis,
    norm_title,
    place_format,
    position_axes,
    position_title,
    thin,
    value_format,
)
from npf_engine.figures.terrain import centres, norm_cells

INK = "rgba(128,136,148,0.55)"  # thin lines, on white and on dark


def norm_points(
    x: np.ndarray,
    f: np.ndarray,
    where: Extent,
    *,
    top: float,
    axes: tuple[int, int] = (0, 1),
    grid: Grid | None = None,
    revision: str = "norm_points",
    size: float = 4.0,
) -> go.Figure:
    """Points (n, d) coloured by |F| (values (n, d)), from 0 to ``top``: one half of the relocation map.

    Drawn as separate points, so that one can be clicked; ``customdata`` is F there. A raster adds its contour lines.
    """
    norm = np.linalg.norm(f, axis=1)
    figure = go.Figure(
        go.Scattergl(
            x=float32(x[:, axes[0]]),
            y=float32(x[:, axes[1]]),
            mode="markers",
            marker={
                "size": size,
                "color": float32(norm),
                "colorscale": palette.NORM,
                "cmin": 0.0,
                "cmax": top,
                "colorbar": colour_bar_above(norm_title(where.units)),
            },
            customdata=float32(f[:, :4]),
            hovertemplate=f"%{{x}}, %{{y}}<br>|F| = %{{marker.color:{value_format(norm)}}}{in_unit(where.units.value)}"
            "<extra>click: where else?</extra>",
            selected={"marker": {"opacity": 1.0}},
            unselected={"marker": {"opacity": 1.0}},
            showlegend=False,
        )
    )
    if grid is not None:
        figure.add_trace(contour_lines(grid))
    return framed_alike(position_axes(figure, where.units, where.low, where.high, revision, axes))


def relocated_picture(x: np.ndarray, f: np.ndarray, where: Extent, *, top: float) -> go.Figure:
    """Mean |F| over cells of Omega, F (n, 2) carried by the points x (n, 2): where dots would hide each other."""
    cells = norm_cells(x, f, where.units, where.low, where.high, 120, top)
    return position_axes(go.Figure(cells), where.units, where.low, where.high, "relocated_picture")


def trust_map(
    x: np.ndarray,
    miss: np.ndarray,
    worst: float,
    where: Extent,
    *,
    axes: tuple[int, int] = (0, 1),
    grid: Grid | None = None,
) -> go.Figure:
    """Places x (n, d) coloured by what going to their gradient and back misses, on a logarithmic scale; those beyond
    ``worst`` are ringed. For d = 1 the miss is the height."""
    if x.shape[1] == 1:
        return _trust_graph(x[:, 0], miss, worst, where.units)
    level = np.log10(np.clip(miss, 1e-3, 3.0))
    bad = miss > worst
    ticks = [-3, -2, -1, 0]
    bar = colour_bar("median miss / spread of F") | {"tickvals": ticks, "ticktext": ["≤ 0.001", "0.01", "0.1", "1"]}
    figure = go.Figure(
        go.Scattergl(
            x=float32(x[:, axes[0]]),
            y=float32(x[:, axes[1]]),
            mode="markers",
            marker={
                "size": 6,
                "color": float32(level),
                "colorscale": palette.NORM,
                "cmin": -3,
                "cmax": 0.3,
                "colorbar": bar,
            },
            customdata=float32(miss[:, None]),
            hovertemplate="%{x}, %{y}<br>median miss %{customdata[0]:.4~f} of F's spread<extra></extra>",
            showlegend=False,
        )
    )
    ring = {"size": 9, "symbol": "circle-open", "color": palette.COLOURS["inverse"], "line": {"width": 1.4}}
    figure.add_trace(
        go.Scattergl(
            x=float32(x[bad][:, axes[0]]),
            y=float32(x[bad][:, axes[1]]),
            mode="markers",
            marker=ring,
            name="worst tenth",
            hoverinfo="skip",
        )
    )
    if grid is not None:
        figure.add_trace(contour_lines(grid))
    position_axes(figure, where.units, where.low, where.high, "trust", axes)
    figure.update_layout(showlegend=True)
    return figure


def _trust_graph(x: np.ndarray, miss: np.ndarray, worst: float, units: Units) -> go.Figure:
    figure = go.Figure(
        go.Scattergl(
            x=float32(x),
            y=float32(np.clip(miss, 1e-6, None)),
            mode="markers",
            marker={"size": 4, "color": palette.COLOURS["inverse"]},
            showlegend=False,
            hovertemplate=f"%{{x:{place_format(x.min(), x.max())}}}<br>median miss %{{y:.4~f}} of F's spread"
            "<extra></extra>",
        )
    )
    figure.add_hline(y=max(worst, 1e-6), line={"dash": "dash", "color": palette.COLOURS["floor"]})
    finish(figure, height=MAP_HEIGHT, revision="trust_graph")
    figure.update_xaxes(title=position_title(units, 0))
    figure.update_yaxes(log_axis(np.clip(miss, 1e-6, None)), title="median miss / spread of F")
    return figure


def norm_difference(
    x: np.ndarray,
    difference: np.ndarray,
    where: Extent,
    *,
    top: float,
    axes: tuple[int, int] = (0, 1),
    grid: Grid | None = None,
) -> go.Figure:
    """Places x (n, d) coloured by |F| there less |F| of the gradient that was sent there, from -top to top; 0 is
    grey."""
    figure = go.Figure(
        go.Scattergl(
            x=float32(x[:, axes[0]]),
            y=float32(x[:, axes[1]]),
            mode="markers",
            marker={
                "size": 4,
                "color": float32(difference),
                "colorscale": palette.DIFFERENCE,
                "cmin": -top,
                "cmax": top,
                "colorbar": colour_bar(f"{norm_title(where.units)}: too small – too large"),
            },
            hovertemplate="%{x}, %{y}<br>|F| there − |F| asked for: "
            f"%{{marker.color:{value_format(difference)}}}{in_unit(where.units.value)}<extra></extra>",
            showlegend=False,
        )
    )
    if grid is not None:
        figure.add_trace(contour_lines(grid))
    return position_axes(figure, where.units, where.low, where.high, "norm_difference", axes)


def contour_lines(grid: Grid) -> go.Contour:
    """Thin contour lines of the elevation, to find one's way by."""
    z, step = thin(np.where(grid.mask, grid.elevation, np.nan), 160)
    x, y = centres(grid, step)
    return go.Contour(
        z=z,
        x=x,
        y=y,
        ncontours=10,
        contours={"coloring": "none"},
        line={"width": 0.8, "color": INK},
        showscale=False,
        showlegend=False,
        hoverinfo="skip",
    )
