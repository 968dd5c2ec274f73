"""A landscape run: the contour of g, its modes, basins over time, and where the draws are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Units
from npf_engine.figures import palette
from npf_engine.figures.layout import finish, float32, position_axes, value_format
from npf_engine.settings import reading
from npf_engine.settings.reading import Record

LEVELS = 24
MODE_COLOURS = ("#1F7FC4", "#C97F00", "#0E9673", "#DB164E", "#8F5FD0", "#3F95A8", "#A0703C", "#C2609A")
EXACT = palette.COLOURS["floor"]
NEAR_COLOURS = {  # as the marks of critical points
    "modes": palette.COLOURS["rho"],
    "saddles": palette.COLOURS["inverse"],
    "maxima": palette.COLOURS["trivial"],
    "elsewhere": "#9AA5B1",
}


def ranks(g: np.ndarray) -> np.ndarray:
    """The share of the finite values of g that are below each value, in [0, 1], in the shape of g: a steep wall would
    otherwise take all the levels of a map. Places where g is not finite count as the highest."""
    z = np.asarray(g, dtype=np.float64)
    finite = np.sort(z[np.isfinite(z)])
    return np.searchsorted(finite, z) / max(1, finite.size)


def contour(
    x: np.ndarray, y: np.ndarray, g: np.ndarray, units: Units, low: Sequence[float], high: Sequence[float]
) -> go.Figure:
    """Level lines of g (len(x), len(y)) over axes x, y, spaced evenly in the rank of g, so that deep basins show."""
    z, rank = np.asarray(g, dtype=np.float64), ranks(g)
    figure = go.Figure(
        go.Contour(
            x=float32(x),
            y=float32(y),
            z=float32(rank.T),
            customdata=float32(z.T),
            colorscale=palette.ELEVATION,
            ncontours=LEVELS,
            line={"width": 0.6, "color": "rgba(20,30,40,0.35)"},
            opacity=0.85,
            showscale=False,
            hovertemplate=f"%{{x}}, %{{y}}<br>g = %{{customdata:{value_format(z, 5)}}}<extra></extra>",
            name="g",
            showlegend=False,
        )
    )
    return position_axes(figure, units, low, high, "landscape")


def add_modes(figure: go.Figure, modes: Sequence[Record]) -> go.Figure:
    """Diamonds where the modes are (a cross is a saddle), numbered from 1, in the colours of ``occupancy``."""
    places = [reading.numbers(mode, "location") for mode in modes]
    figure.add_trace(
        go.Scatter(
            x=float32([place[0] for place in places]),
            y=float32([place[1] for place in places]),
            mode="markers",
            text=[str(k + 1) for k in range(len(modes))],
            marker={
                "symbol": "diamond",
                "size": 12,
                "line": {"width": 1.5, "color": "white"},
                "color": [MODE_COLOURS[k % len(MODE_COLOURS)] for k in range(len(modes))],
            },
            name="mode",
            showlegend=True,
            hovertemplate="mode %{text}: %{x}, %{y}<extra></extra>",
        )
    )
    for k, place in enumerate(places):
        x, y = (float(value) for value in place[:2])
        figure.add_annotation(
            x=x,
            y=y,
            text=f"<b>{k + 1}</b>",
            showarrow=False,
            yshift=24,
            borderpad=1,
            font={"size": 12, "color": "#16202A"},
            bgcolor="rgba(255,255,255,0.85)",
        )
    return figure


def occupancy(
    steps: np.ndarray, shares: np.ndarray, targets: Sequence[float], *, height: int = 280, names: Sequence[str] = ()
) -> go.Figure:
    """Share of particles in each basin over the steps: shares (T, k); dashed: what the law has there, targets (k,)."""
    figure = go.Figure()
    for k in range(shares.shape[1]):
        colour = MODE_COLOURS[k % len(MODE_COLOURS)]
        name = names[k] if k < len(names) else f"mode {k + 1}"
        figure.add_trace(
            go.Scatter(
                x=float32(steps), y=float32(shares[:, k]), mode="lines", name=name, line={"color": colour, "width": 2}
            )
        )
        figure.add_hline(y=float(targets[k]), line={"color": colour, "width": 1, "dash": "dash"})
    finish(figure, height=height, revision="occupancy", legend=True)
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="share of particles", tickformat=".0%", range=[-0.02, 1.02])
    return figure


def weights(results: Sequence[Record], *, height: int = 300, law: str = "exp(−c g)") -> go.Figure:
    """Bars of each mode by method beside the ``law`` that the first one's targets are of; results as
    ``landscape --json`` prints them.

    The full part of a bar is the share of draws near the mode, the pale part on top the rest of its basin. Results of
    earlier versions know the basin only.
    """
    modes = reading.mappings(results[0], "modes")
    labels = [f"mode {k + 1}" for k in range(len(modes))]
    figure = go.Figure(
        go.Bar(
            x=labels,
            y=float32([reading.number(mode, "target") for mode in modes]),
            name=law,
            marker={"color": EXACT},
            offsetgroup="exact",
        )
    )
    for index, result in enumerate(results):
        colour = MODE_COLOURS[index % len(MODE_COLOURS)]
        own, method = reading.mappings(result, "modes"), reading.text(result, "method")
        whole = float32([reading.number(mode, "occupancy") for mode in own])
        near = float32([reading.number(mode, "near" if "near" in mode else "occupancy") for mode in own])
        common: dict[str, object] = {"x": labels, "offsetgroup": method}
        figure.add_trace(go.Bar(y=near, name=method, marker={"color": colour}, **common))
        if any("near" in mode for mode in own):
            figure.add_trace(
                go.Bar(
                    y=whole - near,
                    base=near,
                    name=f"{method}: in the basin, not near",
                    opacity=0.35,
                    marker={"color": colour},
                    customdata=whole,
                    hovertemplate="%{x}: in its basin %{customdata:.1%}<extra></extra>",
                    **common,
                )
            )
    finish(figure, height=height, revision="weights", legend=True)
    figure.update_layout(barmode="group")
    figure.update_yaxes(title="share of draws", tickformat=".0%")
    return figure


def where(results: Sequence[tuple[str, dict[str, float]]], *, height: int = 220) -> go.Figure:
    """One bar for each (name, shares): near modes, near saddles, near maxima and elsewhere, end to end to 1."""
    names = [name for name, _ in results][::-1]
    near = {
        kind: np.array([shares[f"near_{kind}"] for _, shares in results][::-1])
        for kind in ("modes", "saddles", "maxima")
    }
    parts = [(f"near {kind}", near[kind], NEAR_COLOURS[kind]) for kind in near]
    parts.append(("elsewhere", np.clip(1 - sum(near.values()), 0, 1), NEAR_COLOURS["elsewhere"]))
    figure = go.Figure()
    for title, share, colour in parts:
        figure.add_trace(
            go.Bar(
                y=names,
                x=float32(share),
                orientation="h",
                name=title,
                marker={"color": colour},
                hovertemplate="%{y}, " + title + ": %{x:.1%}<extra></extra>",
            )
        )
    finish(figure, height=height, revision="where", legend=True)
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    figure.update_xaxes(title="share of draws", tickformat=".0%", range=[0, 1.01])
    return figure
