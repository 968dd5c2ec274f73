"""The coastlines of Natural Earth that the app brings, laid over maps of fields on the Earth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from npf_engine.fields.field import Units
from npf_engine.figures import coast
from ui.worldmap import LINES

WIDE = {"degrees": 60.0, "km": 6000.0}  # sides of a map from which the coarse lines do


def add(
    figure: go.Figure,
    units: Units,
    low: Sequence[float],
    high: Sequence[float],
    provenance: Mapping[str, object],
    *,
    over_colours: bool = False,
) -> go.Figure:
    """The figure with the coasts that lie in its box, where the field is on the Earth; ``over_colours``: on a picture
    that fills the box, else on the page's own ground."""
    told = provenance.get("origin")
    pair = [part for part in told if isinstance(part, int | float)] if isinstance(told, list | tuple) else []
    origin = (float(pair[0]), float(pair[1])) if len(pair) == 2 else None
    if provenance.get("earth") is not False and coast.known(units, origin):
        wide = max(b - a for a, b in zip(low, high, strict=True)) > WIDE.get(units.position[0], np.inf)
        colour = coast.ON_COLOURS if over_colours else coast.ON_GROUND
        found = coast.trace(_lines("coarse" if wide else "coast"), units, low, high, origin, colour)
        if found is not None:
            figure.add_trace(found)
    return figure


@st.cache_resource(max_entries=2, show_spinner=False)
def _lines(name: str) -> list[np.ndarray]:
    """Longitude and latitude in degrees, (k, 2) a line; the file has the first point and then steps."""
    told = json.loads(LINES.read_text(encoding="utf-8"))
    return [np.cumsum(np.reshape(line, (-1, 2)), axis=0) * told["unit"] for line in told[name]]
