"""A training as it runs: grad u#rho as it forms, M's mesh as it folds, I's draws as they find their places, and which
axis its curves want."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Units
from npf_engine.figures import palette
from npf_engine.figures.layout import Extent, aspect, finish, float32, position_title, span, with_unit
from npf_engine.figures.panels import Panel, overlay

HEIGHT = 380
KEYS = ("rho", "field", "m", "inverse", "grad_u")  # of the palette: colours for a value each


def live_snapshot(pushforward: np.ndarray, target: np.ndarray, unit: str = "", *, most: int = 2000) -> go.Figure:
    """grad u#rho (n, d) as it forms, over F#rho (m, d), in F's unit: the first two axes; densities for d = 1."""
    titles = (with_unit("F₁", unit), with_unit("F₂", unit))
    if target.shape[1] == 1:
        from npf_engine.figures.histograms import overlaid

        return overlaid({"field": target[:, 0], "grad_u": pushforward[:, 0]}, titles[0])
    ranges = (span(target[:, 0], cut=0.002, pad=0.1), span(target[:, 1], cut=0.002, pad=0.1))
    panels = [
        Panel("field", target[:most, :2], titles, ranges),
        Panel("grad_u", pushforward[:most, :2], titles, ranges),
    ]
    return overlay(panels, height=HEIGHT, revision="snapshot")


def live_mesh(across: np.ndarray, up: np.ndarray, where: Extent) -> go.Figure:
    """A square mesh after a map: its lines ``across`` and ``up`` (lines, points, 2), each in the colour of where its
    line was before."""
    figure = go.Figure()
    for lines, key in ((across, "rho"), (up, "field")):
        broken = np.concatenate([lines, np.full((len(lines), 1, 2), np.nan)], axis=1).reshape(-1, 2)
        figure.add_trace(
            go.Scatter(
                x=float32(broken[:, 0]),
                y=float32(broken[:, 1]),
                mode="lines",
                line={"width": 1, "color": palette.COLOURS[key]},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    return _on_map(figure, where)


def live_cloud(image: np.ndarray, rho: np.ndarray, where: Extent) -> go.Figure:
    """M_xi#rho (n, d) over rho (n, d), on the first two axes; densities for d = 1."""
    if rho.shape[1] == 1:
        from npf_engine.figures.histograms import overlaid

        return overlaid({"rho": rho[:, 0], "m_network": image[:, 0]}, position_title(where.units, 0))
    titles = (position_title(where.units, 0), position_title(where.units, 1))
    ranges = (span(rho[:, 0], pad=0.1), span(rho[:, 1], pad=0.1))
    panels = [Panel("rho", rho[:, :2], titles, ranges, None), Panel("m_network", image[:, :2], titles, ranges, None)]
    return overlay(panels, height=HEIGHT, revision="snapshot")


def live_draws(draws: np.ndarray, true: np.ndarray, where: Extent) -> go.Figure:
    """Draws of a few values (values, draws, d) over the places where they occur (values, n, d): a colour a value; the
    first two axes, for d = 1 a row a value."""
    figure = go.Figure()
    for number, (found, there) in enumerate(zip(draws, true, strict=True)):
        colour = palette.COLOURS[KEYS[number % len(KEYS)]]
        ring = {"size": 9, "color": "rgba(0,0,0,0)", "line": {"width": 1, "color": colour}}
        for points, marker in ((there, ring), (found, {"size": 4, "color": colour})):
            flat = points.shape[1] == 1
            figure.add_trace(
                go.Scatter(
                    x=float32(points[:, 0]),
                    y=float32(np.full(len(points), float(number)) if flat else points[:, 1]),
                    mode="markers",
                    marker=marker,
                    hoverinfo="skip",
                    showlegend=False,
                )
            )
    return _on_map(figure, where)


def _on_map(figure: go.Figure, where: Extent) -> go.Figure:
    """On Omega's box, a little of what is around it seen."""
    finish(figure, height=HEIGHT, revision="snapshot")
    low, high = np.array(where.low[:2]), np.array(where.high[:2])
    pad = 0.08 * (high - low)
    figure.update_xaxes(title=position_title(where.units, 0), range=[low[0] - pad[0], high[0] + pad[0]])
    if len(where.low) > 1:
        ranges = [low[1] - pad[1], high[1] + pad[1]]
        figure.update_yaxes(title=position_title(where.units, 1), range=ranges)
    if len(where.low) == 2:
        figure.update_xaxes(constrain="domain")
        ratio = aspect(where.units, where.low, where.high)
        figure.update_yaxes(scaleanchor="x", scaleratio=ratio, constrain="domain")
    return figure


def extent(picture: dict[str, np.ndarray]) -> Extent:
    """Omega's box and the names of its axes, as a live picture has them."""
    units = Units(tuple(map(str, picture["axes"])), tuple(map(str, picture["units"])), "")
    return Extent(units, tuple(map(float, picture["low"])), tuple(map(float, picture["high"])))


def wants_log(values: np.ndarray) -> bool:
    """Whether a curve is read better on a logarithmic axis."""
    return bool(values.size > 2 and values.min() > 0 and values.max() > 20 * values.min())
