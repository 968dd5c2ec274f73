"""Coastlines on the maps of fields on the Earth: in degrees, and on the two maps that gridded data are read onto."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Units
from npf_engine.figures.layout import float32

RADIUS = 6371.007  # km, of the sphere with the Earth's area
FARTHEST = 175.0  # degrees from the middle of an azimuthal map: beyond, a line would run round its edge
MOST_STEP = 0.2  # of a map's longer side: a longer step is one across the cut, not a coast
ON_GROUND, ON_COLOURS = "rgba(120,130,145,0.95)", "rgba(255,255,255,0.75)"
Lines = Sequence[np.ndarray]  # (k, 2) each, longitude and latitude in degrees


def known(units: Units, origin: tuple[float, float] | None) -> bool:
    """Whether positions in these units are places on the Earth: degrees, or a map whose origin is known."""
    if len(units.axes) != 2:
        return False
    return units.axes == ("longitude", "latitude") or (origin is not None and set(units.position) == {"km"})


def on_map(lines: Lines, units: Units, origin: tuple[float, float] | None) -> list[np.ndarray]:
    """The lines in the user's positions: as they are in degrees; by Lambert's cylinder (x along the equator), or by his
    azimuthal map about ``origin`` (longitude, latitude), on a sphere (Snyder, Map Projections, 1987, 10 and 24)."""
    if units.axes[0] == "longitude":
        return [np.asarray(line, dtype=np.float64) for line in lines]
    assert origin is not None
    project = _cylinder if units.axes[0] == "along the equator" else _azimuthal
    return [project(np.radians(np.asarray(line, dtype=np.float64)), *np.radians(origin)) for line in lines]


def _cylinder(line: np.ndarray, lon_0: float, lat_0: float) -> np.ndarray:
    lon = (line[:, 0] - lon_0 + np.pi) % (2 * np.pi) - np.pi
    return RADIUS * np.stack([lon, np.sin(line[:, 1])], axis=1)


def _azimuthal(line: np.ndarray, lon_0: float, lat_0: float) -> np.ndarray:
    lon, lat = line[:, 0] - lon_0, line[:, 1]
    cosine = np.sin(lat_0) * np.sin(lat) + np.cos(lat_0) * np.cos(lat) * np.cos(lon)
    factor = RADIUS * np.sqrt(2.0 / np.maximum(1.0 + cosine, 1e-12))
    x = factor * np.cos(lat) * np.sin(lon)
    y = factor * (np.cos(lat_0) * np.sin(lat) - np.sin(lat_0) * np.cos(lat) * np.cos(lon))
    found = np.stack([x, y], axis=1)
    found[cosine < np.cos(np.radians(FARTHEST))] = np.nan
    return found


def trace(
    lines: Lines,
    units: Units,
    low: Sequence[float],
    high: Sequence[float],
    origin: tuple[float, float] | None,
    colour: str = ON_GROUND,
) -> go.Scatter | None:
    """What of the lines lies in the box, as one trace; None where nothing does."""
    box = np.array([low, high], dtype=np.float64)
    parts, longest = [], MOST_STEP * float((box[1] - box[0]).max())
    for line in on_map(lines, units, origin):
        if (np.nanmin(line, axis=0, initial=np.inf) <= box[1]).all() and (
            np.nanmax(line, axis=0, initial=-np.inf) >= box[0]
        ).all():
            jump = np.flatnonzero(np.linalg.norm(np.diff(line, axis=0), axis=1) > longest) + 1
            parts += [np.insert(line, jump, np.nan, axis=0), np.full((1, 2), np.nan)]
    if not parts:
        return None
    at = np.concatenate(parts)
    return go.Scatter(
        x=float32(at[:, 0]),
        y=float32(at[:, 1]),
        mode="lines",
        line={"color": colour, "width": 1.1},
        hoverinfo="skip",
        showlegend=False,
    )
