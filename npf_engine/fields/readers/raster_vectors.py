"""Two bands of a raster, or of two rasters on one grid, as the components of F: (x, y), in the units of the file.

Nothing is differentiated or smoothed: F at the middle of a pixel is what the bands say there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.raster import Raster, crs_title, resample
from npf_engine.fields.readers import crs as systems
from npf_engine.fields.readers.columns import Column, Layout
from npf_engine.fields.readers.gridded_map import map_of, turned
from npf_engine.fields.readers.gridded_place import Axes, Points
from npf_engine.fields.readers.gridded_samples import along_grid, draw, mostly_between
from npf_engine.fields.readers.options import RasterOptions
from npf_engine.fields.readers.raster_files import read_raster
from npf_engine.fields.readers.table import Table, in_one_unit
from npf_engine.fields.readers.terrain_tiles import SUFFIX
from npf_engine.fields.spec import FieldSpec
from npf_engine.numbers import percent
from npf_engine.tasks.archives import brief

_BAND = re.compile(r"(?:band\s*)?(\d{1,4})", re.IGNORECASE)
AXES = {"degrees": ("longitude", "latitude"), "metres": ("east", "north"), "pixels": ("column", "row from the south")}
GUESSED = (
    "The file does not say what its bands lie along; about a pole of its own they were taken along its columns and "
    "rows: set along=earth where they are eastward and northward."
)
AT_POLE = 1e-9  # degrees
SAME = 1e-3  # of a pixel, by how much the edges of two rasters of one grid may differ


def asked(spec: FieldSpec) -> bool:
    """Whether a raster's F is two bands of it rather than the slope of one."""
    return bool(spec.components.strip() or spec.second.strip())


def read_vectors(path: Path, spec: FieldSpec, second: Path | None = None) -> Table:
    """The samples of F, one a pixel where both bands are known. second: the file of the second component.

    Raises InputError for bands that are not there, and for two rasters that do not lie on one grid.
    """
    if path.suffix.lower() == SUFFIX and second is None:
        raise InputError(f"{path.name} is a tile of heights, which are one band; leave components empty.")
    numbers = _bands(path.name, spec, second is not None)
    options = [replace(RasterOptions.of(spec), band=number) for number in numbers]
    parts = [read_raster(path, options[0]), read_raster(second or path, options[1])]
    names = [f"band {number}" for number in numbers]
    if second is not None:
        names = [f"{file.name}, {name}" for file, name in zip((path, second), names, strict=True)]
        _check_one_grid(path.name, second.name, *parts)
    return _table(path.name, names, parts, spec)


def _bands(name: str, spec: FieldSpec, two_files: bool) -> tuple[int, int]:
    """Which bands the components are, from 1."""
    words = [word.strip() for word in spec.components.split(",") if word.strip()]
    found = [_BAND.fullmatch(word) for word in words]
    numbers = [int(match[1]) for match in found if match is not None]
    if len(numbers) != len(words) or len(numbers) not in ((0, 1, 2) if two_files else (2,)):
        raise InputError(
            f"{name}: components of a raster are two bands, as 'band 1, band 2', not {brief(spec.components)!r}."
        )
    first = numbers[0] if numbers else spec.band
    return first, numbers[1] if len(numbers) == 2 else first


def _check_one_grid(first: str, second: str, a: Raster, b: Raster) -> None:
    if a.elevation.shape != b.elevation.shape or a.coordinates != b.coordinates:
        sizes = " and ".join(" x ".join(map(str, part.elevation.shape)) for part in (a, b))
        raise InputError(
            f"{first} and {second} do not lie on one grid ({sizes} pixels, in {a.coordinates} and {b.coordinates}); "
            "warp one to the other's grid (gdalwarp does it)."
        )
    if not systems.same(a.crs, b.crs):
        titles = " and ".join(crs_title(part.crs) for part in (a, b))
        raise InputError(
            f"{first} and {second} lie in different coordinate systems ({titles}); warp one to the other's grid "
            "(gdalwarp does it)."
        )
    rows, cols = a.elevation.shape
    west, south, east, north = a.bounds
    steps = ((east - west) / cols, (north - south) / rows) * 2
    if any(abs(p - q) > SAME * step for p, q, step in zip(a.bounds, b.bounds, steps, strict=True)):
        raise InputError(
            f"{first} and {second} do not lie at the same place; warp one to the other's grid (gdalwarp does it)."
        )


def _table(file: str, names: list[str], parts: list[Raster], spec: FieldSpec) -> Table:
    first = parts[0]
    grids = [resample(part.elevation, spec.max_samples) for part in parts]
    rows, cols = grids[0].shape
    west, south, east, north = first.bounds
    x = west + (np.arange(cols) + 0.5) * (east - west) / cols
    y = north - (np.arange(rows) + 0.5) * (north - south) / rows
    if first.coordinates == "degrees":
        y = np.where(np.abs(np.abs(y) - 90.0) < AT_POLE, np.copysign(90.0, y), y)  # rounding leads beyond it
    known = np.isfinite(grids[0]) & np.isfinite(grids[1])
    row, col = np.nonzero(known)
    lost = int(known.size - known.sum())
    values = {"x1": x[col], "x2": y[row]}
    for k, (grid, part) in enumerate(zip(grids, parts, strict=True), start=1):
        values[f"F{k}"] = grid[row, col].astype(np.float64) + part.offset
    every = dict.fromkeys(text for part in parts for text in part.notes)
    notes = [text for text in every if "was taken as the elevation" not in text]
    if spec.smooth > 0:
        notes.append(f"smooth = {spec.smooth:g} is of gridded data and did nothing here: bands are taken as they are.")
    if lost:
        notes.append(f"{lost:,} of {known.size:,} pixels ({percent(lost / known.size, 2)}) are void and were left out.")
    if (rows, cols) != first.elevation.shape:
        was = " x ".join(map(str, first.elevation.shape))
        notes.append(
            f"The raster of {was} pixels was averaged to {rows} x {cols}, since at most {spec.max_samples:,} samples "
            "are used."
        )
    globe = first.ground.axes if first.ground is not None else None
    across, up = AXES[first.coordinates]
    told = f"F is ({names[0]}, {names[1]}), the first along {across}, the second along {up}, in the file's own units."
    told += f" Positions are in {crs_title(first.crs)}." if first.crs else ""
    position = "" if first.coordinates == "pixels" else first.coordinates
    layout = Layout(
        "samples",
        (Column(0, across, "x1", position or "pixels"), Column(1, up, "x2", position or "pixels")),
        tuple(
            Column(k + 1, name, f"F{k}", "" if part.unit.assumed else part.unit.name)
            for k, (name, part) in enumerate(zip(names, parts, strict=True), start=1)
        ),
        (),
    )
    table = Table(file, layout, values, tuple(dict.fromkeys(notes)), (told,), lost, globe, raster=True)
    table = in_one_unit(table, strict=True)
    true = systems.true_places(first.crs, *np.meshgrid(x, y)) if first.coordinates == "degrees" else None
    return table if true is None else _about_its_own_pole(table, true, known, systems.half_axes(first.crs), spec)


def _about_its_own_pole(
    table: Table, true: tuple[np.ndarray, np.ndarray], known: np.ndarray, axes: Axes, spec: FieldSpec
) -> Table:
    """The samples on the map of the ground: pixels of a raster about a pole of its own lie where their true longitude
    and latitude (rows, cols) say, and components along its columns and rows are turned to there."""
    f = np.full((*known.shape, 2), np.nan)
    f[known] = table.field_values()
    points = Points(*true, axes, rectilinear=False, forward=(1, -1))  # rows run south
    notes: list[str] = []
    if spec.along != "earth":
        f = along_grid(points, f)
        notes = [] if spec.along else [GUESSED]
    chart = map_of(points)
    vectors, said = turned(f, chart) if spec.axes == "map" else (f, "")
    drawn = draw(points, chart, vectors, spec.max_samples, spec.split_seed)
    names = [
        replace(column, name=name, unit=unit)
        for column, name, unit in zip(table.layout.positions, chart.names, chart.units, strict=True)
    ]
    values = {f"x{k + 1}": drawn.x[:, k] for k in range(2)} | {f"F{k + 1}": drawn.f[:, k] for k in range(2)}
    between = len(drawn.x) - drawn.nodes
    told = (
        "Places were computed from degrees about a pole of the file's own.",
        *chart.told,
        said,
        f"{len(drawn.x):,} samples by the area of the cells: {drawn.nodes:,} of {drawn.known:,} pixels, and "
        f"{between:,} between them with values interpolated.",
    )
    return replace(
        table,
        layout=replace(table.layout, positions=tuple(names)),
        values=values,
        notes=(*table.notes, *notes, *mostly_between(between, drawn.known, "pixels"), *chart.notes),
        conversions=(*table.conversions, *(text for text in told if text)),
    )
