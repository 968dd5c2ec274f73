"""Rows of a file on the globe: longitude, latitude and two numbers of F, as places and values on the unit sphere.

The uniform law of the sphere is the reference only where the places fill it: a grid in degrees that goes round the
globe lies closer towards the poles, so F is taken from it at evenly spread places. All other rows stay where they are,
and the exact factorization takes the law of the rows in place of the uniform one, which is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.cloud_columns import short_names, unit_at_end
from npf_engine.fields.clouds import Cloud
from npf_engine.fields.readers.component_names import northward_first
from npf_engine.fields.readers.gridded_units import unit_of
from npf_engine.manifolds.spaces import Sphere, carried, on_sphere

Array = NDArray[np.float64]
RADIUS = 6_371_008.8  # of the Earth in metres, the mean one
HOUR = 3_600.0  # seconds
ORDER = "longitude, latitude, and two of F in that order (eastward, then northward)"
HOLES = 0.1  # share of a grid's nodes that may be missing
LEAST_LINES = 3  # meridians, and parallels, of a grid
SLACK = 1.01  # of a step: places are written with a few digits
UNEVEN = 6.0  # standard errors of a mean over uniform places: beyond it they are told to be uneven
LAW = "the reference law is that of the rows, which M keeps"


@dataclass(frozen=True)
class OnGlobe:
    """x, y = F(x) (n, 3), unit vectors; notes: sentences on what was done with the file's rows."""

    x: Tensor
    y: Tensor
    notes: tuple[str, ...]


def on_globe(cloud: Cloud, hours: float | None, most: int) -> OnGlobe:
    """The places and F there of rows (longitude, latitude, two of F), in degrees; with ``hours`` the two are a wind in
    m/s, eastward and northward, and F(x) is where it carries x straight on in so many hours, over a ball of the Earth's
    mean radius. Of a grid all around the globe F is taken at up to ``most`` evenly spread places, each the nearest's.

    Raises InputError for another number of columns, names and units that say otherwise, and latitudes beyond a pole.
    """
    if cloud.points.shape[1] != 4:
        raise InputError(f"{cloud.file} has {cloud.points.shape[1]} columns; give {ORDER}")
    _check_names(cloud, hours)
    if np.abs(cloud.points[:, 1]).max(initial=0.0) > 90:
        raise InputError(f"{cloud.file} has latitudes beyond a pole; give {ORDER}")
    factors, notes = _speeds(cloud) if hours is not None else ((1.0, 1.0), [])
    table = torch.from_numpy(cloud.points)
    x, values = on_sphere(table[:, 0], table[:, 1]), table[:, 2:] * torch.tensor(factors, dtype=torch.float64)
    missing = missing_nodes(cloud.points[:, 0], cloud.points[:, 1])
    if missing is not None:
        even = Sphere().spread_evenly(min(len(x), most))
        nearest = cKDTree(x.numpy()).query(even.numpy())[1]
        notes.append(f"a grid around the globe: F was taken from its nearest nodes at {len(even):,} even places")
        if missing:
            notes.append(f"{missing:,} nodes of the grid are missing: there F is that of their nearest neighbours")
        x, values = even, values[torch.from_numpy(nearest)]
    elif uneven(x):
        notes.append(f"x is not uniform on the sphere: {LAW}")
    if hours is None:
        y = on_sphere(values[:, 0], values[:, 1])
    else:
        y = carried(x, *(values * (HOUR * hours / RADIUS)).unbind(1))
    return OnGlobe(x, y, (*cloud.notes, *notes))


def missing_nodes(longitude: Array, latitude: Array) -> int | None:
    """How many nodes a grid in degrees lacks whose meridians go round the globe and whose parallels reach within a
    step of both poles; None where the rows (n,) are no such grid."""
    turns, rows = np.unique(np.mod(np.round(longitude, 6), 360.0)), np.unique(np.round(latitude, 6))
    if min(len(turns), len(rows)) < LEAST_LINES:
        return None
    nodes = len(turns) * len(rows)
    places = {*zip(np.mod(np.round(longitude, 6), 360.0).tolist(), np.round(latitude, 6).tolist(), strict=True)}
    if len(places) < (1 - HOLES) * nodes:
        return None
    around, up = np.diff(np.append(turns, turns[0] + 360.0)), np.diff(rows)
    step = float(np.median(up)) * SLACK
    closed = float(around.max()) <= 2 * float(np.median(around)) * SLACK  # a meridian may be missing
    polar = 90.0 - float(rows[-1]) <= step and float(rows[0]) + 90.0 <= step
    return nodes - len(places) if closed and polar else None


def uneven(x: Tensor) -> bool:
    """Whether uniform places of the sphere would hardly lie as x (n, 3) does, by means of degree 1 and 2."""
    first = x * math.sqrt(3)
    pairs = torch.stack([x[:, 0] * x[:, 1], x[:, 0] * x[:, 2], x[:, 1] * x[:, 2]], dim=1) * math.sqrt(15)
    squares = (x.square() - 1 / 3) * math.sqrt(45 / 4)
    means = torch.cat([first, pairs, squares], dim=1).mean(0)  # each of mean 0 and variance 1 under the uniform law
    return float(means.abs().max()) > UNEVEN / math.sqrt(len(x))


def _check_names(cloud: Cloud, hours: float | None) -> None:
    """InputError where the header says another order, or units that are not these."""
    if not cloud.names:
        return
    short = short_names(cloud.names)
    shown = ", ".join(cloud.names)
    for k, name in enumerate(("longitude", "latitude")):
        if name in short and short.index(name) != k:
            raise InputError(f"{cloud.file} names its columns {shown}; give {ORDER}")
    for first, second in ((0, 1), (2, 3)):
        if northward_first(*(cloud.names[k] for k in (first, second))) or (
            "lat" in short[first] and "lon" in short[second]
        ):
            raise InputError(f"{cloud.file} names its columns {shown}; give {ORDER}")
    for k in (0, 1) if hours is not None else (0, 1, 2, 3):
        unit = unit_at_end(cloud.names[k])
        if unit_of(unit).speed is not None:
            raise InputError(f"{cloud.file}: {cloud.names[k]} is a speed; give --hours, for which it carries")
        if unit and not unit.lower().startswith(("deg", "°")):
            raise InputError(f"{cloud.file}: {cloud.names[k]} is in {unit}; give degrees")


def _speeds(cloud: Cloud) -> tuple[tuple[float, float], list[str]]:
    """What turns the winds into m/s, and what to know of it."""
    factors, notes = [], []
    for name in cloud.names[2:]:
        unit = unit_at_end(name)
        speed = unit_of(unit).speed
        if unit and speed is None:
            raise InputError(f"{cloud.file}: {name} is in {unit}, which is no speed; give m/s")
        factors.append(1.0 if speed is None else speed)
        if factors[-1] != 1.0:
            notes.append(f"{name} was turned into m/s: times {factors[-1]:.6g}")
    if not factors or not any(unit_at_end(name) for name in cloud.names[2:]):
        notes.append("the file does not say the unit of the winds: m/s was assumed")
    elif not all(unit_at_end(name) for name in cloud.names[2:]):
        raise InputError(f"{cloud.file} says the unit of one wind alone; name it in both: u [m/s], v [m/s]")
    return (factors[0], factors[1]) if factors else (1.0, 1.0), notes
