"""Samples whose positions are longitude and latitude, on an equal-area map in kilometres, as gridded data are.

Rows that fill a grid of parallels and meridians are drawn by the area of their cells; of scattered ones rho stays the
law of the rows. ``crs = none`` leaves the degrees as they stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.degeneracy import far_rows
from npf_engine.fields.readers import crs as systems
from npf_engine.fields.readers import gridded_gaps as gaps
from npf_engine.fields.readers.assigned import EXAMPLE
from npf_engine.fields.readers.columns import Column, Layout, plain
from npf_engine.fields.readers.component_names import northward_first
from npf_engine.fields.readers.gridded_map import Map, map_of, of_the_earth, turned
from npf_engine.fields.readers.gridded_place import EARTH, Axes, Points
from npf_engine.fields.readers.gridded_samples import draw, mostly_between
from npf_engine.fields.spec import FieldSpec

LEAST_FULL = 0.5  # share of a grid that the rows must fill, to be one
SMALLEST_SIDE = 8
ROUNDED = 1e-3  # of a step: what parts values that are one but for rounding
DEGREE = re.compile(r"deg|°", re.IGNORECASE)
LONGITUDES, LATITUDES = ("lon", "lons", "long", "lng", "longitude"), ("lat", "lats", "latitude")
ENDING = re.compile(r"(?<=[a-z])(deg|degrees|dd|decimal)$")  # of a name without its separators: lon_dd
ANGLES = re.compile(r"rad(ian)?s?|gon|grads?|gradians?|arc ?(min|sec)\w*", re.IGNORECASE)
AS_THEY_STAND = (
    "Positions are longitude and latitude, taken as they stand: a degree of longitude is as long as one of "
    "latitude only at the equator, and rho counts rows, not areas."
)


@dataclass(frozen=True)
class OnMap:
    """x (n, 2) in km and f (n, 2) on the map, the layout with its axes, and what was done; between: how many of them
    are interpolated; origin: longitude and latitude of x = 0 on a map of the Earth."""

    x: np.ndarray
    f: np.ndarray
    layout: Layout
    conversions: tuple[str, ...]
    notes: tuple[str, ...]
    between: int = 0
    origin: tuple[float, float] | None = None


def in_degrees(layout: Layout) -> bool:
    """Whether positions are longitude and latitude, by their names or their units. Raises InputError for angles in
    another unit, and where latitude comes first: which of F's components is eastward would be a guess."""
    if len(layout.positions) != 2:
        return False
    places = tuple(_place(column) for column in layout.positions)
    if None in places or len(set(places)) != 2:
        return False
    for column in layout.positions:
        if ANGLES.fullmatch(column.unit):
            raise InputError(f"{column.told} is in {column.unit}; give longitude and latitude in degrees.")
    if any(column.unit and not DEGREE.match(column.unit) for column in layout.positions):
        return False
    if places == ("latitude", "longitude"):
        first, second = (column.told for column in layout.positions)
        raise InputError(
            f"Latitude ({first}) is the first position and longitude ({second}) the second; assign the eastward "
            f"position and component first (columns = '{EXAMPLE}')."
        )
    return True


def _place(column: Column) -> str | None:
    """ "longitude" or "latitude", where a column is one by its name or by its unit."""
    name, unit = ENDING.sub("", plain(column.name)), column.unit.lower().replace(" ", "_")
    if name in LONGITUDES or unit.startswith(("degrees_e", "degree_e")):
        return "longitude"
    return "latitude" if name in LATITUDES or unit.startswith(("degrees_n", "degree_n")) else None


def check_crs(spec: FieldSpec) -> None:
    """Raises InputError for a coordinate system that is set of a table, which would be used nowhere."""
    if spec.crs not in ("", systems.NOWHERE):
        raise InputError(
            f"crs is {spec.crs}, and tables are read without one: positions called lon and lat are degrees on WGS84, "
            "others a plane (crs = none leaves degrees as they stand); leave crs out."
        )


def on_map(layout: Layout, x: np.ndarray, f: np.ndarray, spec: FieldSpec, globe: Axes | None = None) -> OnMap:
    """Samples x, f (n, d) on the map where they are in degrees; as they stand where not, or where they are to.

    globe: half axes of the ellipsoid in metres, the Earth's by default.
    """
    if not in_degrees(layout):
        return OnMap(x, f, layout, (), ())
    layout, f, order = _eastward_first(layout, f)
    if spec.crs == systems.NOWHERE:
        return OnMap(x, f, layout, (), (*order, AS_THEY_STAND))
    _check_range(layout, x)
    axes = globe or EARTH
    notes: list[str] = []
    x, f = _opened(x, f)
    grid = _grid(x, f, axes)
    points, values = grid or (Points(x[:, :1], x[:, 1:], axes, rectilinear=False), f[:, None, :])
    notes += [*order] if spec.unit else [*order, *unit_not_said(layout)]
    if grid is not None:
        points, values, away = gaps.without_alone(points, values, spec.missing == "mask")
        notes += [*away, *gaps.gaps_told(points)]
    chart = map_of(points)
    vectors, told = turned(values, chart) if spec.axes == "map" else (values, "")
    positions = tuple(
        replace(column, name=name, unit=unit)
        for column, name, unit in zip(layout.positions, chart.names, chart.units, strict=True)
    )
    names = " and ".join(column.told for column in layout.values)
    said = [*_told(chart, grid is not None), f"Taken as eastward and northward: {names}.", told]
    if grid is None:
        good = np.isfinite(chart.x[:, 0]) & np.isfinite(vectors).all(axis=(1, 2))
        there, f = np.stack([chart.x[:, 0], chart.y[:, 0]], axis=1)[good], vectors[good, 0]
        between = 0
    else:
        drawn = draw(points, chart, vectors, spec.max_samples, spec.split_seed)
        there, f, between = drawn.x, drawn.f, len(drawn.x) - drawn.nodes
        said.append(
            f"{len(there):,} samples by the area of the cells: {drawn.nodes:,} of {drawn.known:,} rows, and "
            f"{between:,} between them with values interpolated."
        )
        notes += mostly_between(between, drawn.known, "rows")
    layout, told_all = replace(layout, positions=positions), tuple(text for text in said if text)
    origin = chart.origin if of_the_earth(axes) else None
    return OnMap(there, f, layout, told_all, (*notes, *chart.notes), between, origin)


def _eastward_first(layout: Layout, f: np.ndarray) -> tuple[Layout, np.ndarray, list[str]]:
    """Layout and F (n, 2) with the eastward component first, where names say that the northward one was; told."""
    first, second = layout.values
    if not northward_first(first.name, second.name):
        return layout, f, []
    turned_round = (replace(second, role=first.role), replace(first, role=second.role))
    told = (
        f"By their names {second.told} is the eastward component and {first.told} the northward one, "
        "and they were taken so."
    )
    return replace(layout, values=turned_round), f[:, ::-1], [told]


def unit_not_said(layout: Layout) -> list[str]:
    """The sentence on components without a unit."""
    if any(column.unit for column in layout.values):
        return []
    first, *rest = (column.told for column in layout.values)
    return [
        f"The table does not say what {' and '.join([first, *rest])} are in: write it in the header, as {first} [m/s], "
        "or set unit."
    ]


def nowhere(layout: Layout, x: np.ndarray) -> np.ndarray:
    """Which rows (n,) of positions in degrees lie at 0, 0, far from all others: what programs write where a place is
    not known."""
    places = [_place(column) for column in layout.positions]
    here = (x == 0.0).all(axis=1)
    if set(places) != {"longitude", "latitude"} or not here.any() or here.all():
        return np.zeros(len(x), dtype=bool)
    far = far_rows(np.concatenate([x[~here], np.zeros((1, 2))]))[-1]  # however many stand there: they are one place
    return here if far else np.zeros(len(x), dtype=bool)


def nowhere_told(count: int) -> str:
    """The sentence on rows at 0, 0 that were left out."""
    return (
        f"{count:,} row{'s lie' if count > 1 else ' lies'} at 0, 0, far from all others: taken as a place that is not "
        "known, and left out; set missing = keep where it is one."
    )


def _check_range(layout: Layout, x: np.ndarray) -> None:
    """Raises InputError for degrees that are on no globe."""
    lon, lat = (column.told for column in layout.positions)
    far = float(x[np.abs(x[:, 1]).argmax(), 1])
    if abs(far) > 90.0:
        swapped = ": perhaps the two columns are exchanged" if np.abs(x[:, 0]).max() <= 90.0 else ""
        raise InputError(
            f"{lat} reaches {far:g}, and latitudes end at 90{swapped}; assign the columns, or set crs = none to leave "
            "both as they stand."
        )
    if np.abs(x[:, 0]).max() > 540.0 or np.ptp(x[:, 0]) > 361.0:
        raise InputError(
            f"{lon} goes from {x[:, 0].min():g} to {x[:, 0].max():g}, more than once round the globe; mend it, or set "
            "crs = none to leave degrees as they stand."
        )


def _told(chart: Map, by_area: bool) -> list[str]:
    """What the map is; of scattered rows without what holds for areas."""
    if by_area:
        return list(chart.told)
    return [
        *(text.partition(": rho is")[0].rstrip(".") + "." for text in chart.told),
        "rho is the law of the rows, not of areas.",
    ]


def _opened(x: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose longitudes rise from west to east without a jump: a region across 180 degrees, written 170 ... 180,
    -179 ..., is cut where the circle has its widest gap; a meridian that is written at both ends counts once."""
    x = x.astype(np.float64, copy=True)
    if abs(np.ptp(x[:, 0]) - 360.0) < 1e-9:
        once = x[:, 0] < x[:, 0].max() - 1e-9
        x, f = x[once], f[once]
    x[:, 0] = cut_open(x[:, 0])
    return x, f


def cut_open(longitudes: np.ndarray) -> np.ndarray:
    """Longitudes (n,) of a region across 180 degrees as 170 ... 190; as they are where they have no wider gap than that
    from the last to the first."""
    lon = np.unique(longitudes)
    around = 360.0 - float(np.ptp(lon)) if len(lon) else 0.0
    if len(lon) < 2 or float(np.diff(lon).max()) <= around * (1 + 1e-6) + 1e-6:
        return longitudes
    circle = np.unique(np.mod(lon, 360.0))
    gaps = np.diff(circle, append=circle[0] + 360.0)
    west = circle[(int(np.argmax(gaps)) + 1) % len(circle)]
    return np.asarray(west + np.mod(longitudes - west, 360.0))


def _lines(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different values, those that rounding alone parts being one, and which of them each is."""
    line, index = np.unique(values, return_inverse=True)
    steps = np.diff(line)
    wide = steps[steps > ROUNDED * float(np.ptp(line)) / max(len(line), 1)]
    if not len(wide):
        return line, index
    group = np.concatenate([[0], np.cumsum(steps > ROUNDED * float(np.median(wide)))])
    return np.bincount(group, line) / np.bincount(group), group[index]


def _grid(x: np.ndarray, f: np.ndarray, axes: Axes) -> tuple[Points, np.ndarray] | None:
    """Rows that fill a grid of parallels and meridians: its points, and F (rows, cols, 2), NaN where no row is."""
    (lon, col), (lat, row) = _lines(x[:, 0]), _lines(x[:, 1])
    size = len(lon) * len(lat)
    if min(len(lon), len(lat)) < SMALLEST_SIDE or not LEAST_FULL * size <= len(x) <= size:
        return None
    values = np.full((len(lat), len(lon), 2), np.nan)
    values[row, col] = f
    if int(np.isfinite(values).all(axis=2).sum()) != len(x):  # a place stands there twice
        return None
    across, up = np.meshgrid(lon, lat)
    return Points(across, up, axes), values
