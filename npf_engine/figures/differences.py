"""Maps of differences side by side: one range of colours for all, axes that move together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from npf_engine.fields.field import Units
from npf_engine.figures import palette
from npf_engine.figures.layout import aspect, colour_bar, finish, float32, in_unit

ACROSS = 2
TOP = 0.995  # quantile of all values at the end of the colours


def maps(x: np.ndarray, y: np.ndarray, layers: Mapping[str, np.ndarray], units: Units, unit: str) -> go.Figure:
    """Title -> values (rows, cols) >= 0 at x (cols,) and y (rows,), in ``unit``."""
    place = f"{units.axes[0]} %{{x}}, {units.axes[1]} %{{y}}"
    across = min(ACROSS, len(layers))
    down = -(-len(layers) // across)
    figure = make_subplots(down, across, subplot_titles=list(layers), horizontal_spacing=0.06, vertical_spacing=0.12)
    top = float(np.quantile(np.concatenate([values.ravel() for values in layers.values()]), TOP)) or 1.0
    for number, values in enumerate(layers.values()):
        figure.add_trace(
            go.Heatmap(
                x=float32(x),
                y=float32(y),
                z=float32(values),
                coloraxis="coloraxis",
                hovertemplate=f"{place}<br>%{{z:.4g}}{in_unit(unit)}<extra></extra>",
            ),
            row=number // across + 1,
            col=number % across + 1,
        )
    finish(figure, height=80 + 340 * down, revision="differences")
    bar = colour_bar(unit) | {"orientation": "h", "y": -0.14 / down, "yanchor": "top", "title": {"text": unit}}
    figure.update_layout(coloraxis={"colorscale": palette.NORM, "cmin": 0.0, "cmax": top, "colorbar": bar})
    figure.update_xaxes(matches="x", constrain="domain")
    figure.update_yaxes(matches="y", constrain="domain")
    ratio = aspect(units, (float(x[0]), float(y[0])), (float(x[-1]), float(y[-1])), (0, 1))
    if ratio is not None:
        figure.update_yaxes(scaleanchor="x", scaleratio=ratio)
    return figure
