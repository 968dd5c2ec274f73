"""A field from gridded data by the CF conventions: NetCDF, HDF5, Zarr, GRIB. Runs in the locked child.

One slice (a time, a level, a member) is read, in double precision, and no more points of it than a field takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers import gridded_gaps as gaps
from npf_engine.fields.readers import gridded_names as names
from npf_engine.fields.readers import gridded_samples as sampling
from npf_engine.fields.readers import gridded_smooth as smoothing
from npf_engine.fields.readers import gridded_volume as volumes
from npf_engine.fields.readers.gridded_axes import Choice, Layout, choice, layout, same_steps
from npf_engine.fields.readers.gridded_lattice import lattice
from npf_engine.fields.readers.gridded_map import map_of, of_the_earth, turned
from npf_engine.fields.readers.gridded_open import TAKEN, opened
from npf_engine.fields.readers.gridded_place import Points, points
from npf_engine.fields.readers.gridded_stagger import Component, together
from npf_engine.fields.readers.gridded_units import common, unit_of
from npf_engine.fields.readers.gridded_values import Index, Log, checked, values
from npf_engine.fields.readers.gridded_window import (
    SMALLEST_SIDE,
    cropped,
    every,
    placed,
    thinned,
    window,
    without_stray,
)
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.units_of_height import length_of
from npf_engine.numbers import percent
from npf_engine.settings.limits import rows_needed

if TYPE_CHECKING:
    import xarray as xr

MOST_POINTS = 4_000_000_000  # of one slice: beyond, looking for the part that is read takes minutes


@dataclass(frozen=True)
class Gridded:
    """Samples of F on the map: x, f (n, 2) float64 ((n, 3) of a flow in a box); nodes: how many are nodes of the grid,
    and come first.

    shape: of the grid that was read, before thinning; variables: those of F; pairs, scalars: those that the file
    offers; choices: its times, levels and members; rectangle: whether the map of Omega is the whole rectangle.
    lattice (rows, cols, 2), inside (rows, cols): F on a regular grid of the map's box, and where it is known. origin:
    longitude and latitude of the map's x = y = 0, None where there is no map of the Earth.
    """

    file: str
    x: np.ndarray
    f: np.ndarray
    nodes: int
    voids: int
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    position: tuple[str, ...]
    value: str
    variables: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    scalars: tuple[str, ...]
    choices: tuple[Choice, ...]
    lattice: np.ndarray
    inside: np.ndarray
    rectangle: bool
    conversions: tuple[str, ...]
    notes: tuple[str, ...]
    origin: tuple[float, float] | None


def read_gridded(path: Path, spec: FieldSpec) -> Gridded:
    """The samples that ``spec`` asks for. Raises InputError with one sentence for what cannot be read."""
    if not path.exists():
        raise InputError(f"There is no file called {path.name}; choose a file.")
    with opened(path) as ds:
        return _read(ds, path.name, spec)


def _read(ds: xr.Dataset, file: str, spec: FieldSpec) -> Gridded:
    log = Log()
    if TAKEN in ds.attrs:
        log.note(str(ds.attrs[TAKEN]))
    found = names.chosen(ds, spec, file)
    log.note(*found.notes)
    grid = layout(ds, found.names[0])
    if len(found.names) == 3:
        grid = volumes.steps_beside(grid, volumes.upward(ds, found.names))
    choices = _choices(ds, grid, spec)
    log.convert(*(step.told for step in choices))
    log.note(*(step.note for step in choices if step.size > 1))
    if len(found.names) == 3:
        return _in_space(ds, file, volumes.read_volume(ds, found.names, choices, spec, log), found, choices, log)
    parts, shape, read = _parts(ds, found, grid, choices, spec, log)
    parts, _ = cropped(placed(parts, log), spec, log)
    parts, points = without_stray(parts, spec, log)
    turn = len(parts) == 2 and points.earth and spec.smooth > 0 and _along_grid(points, found, spec, log)
    points, f, value = _field(smoothing.of_all(parts, spec, read, turn, log), points, found, spec, ds, log)
    if spec.smooth > 0:  # all of it was read
        points, f = thinned(points, f, spec, log)
    points, f, away = gaps.without_alone(points, f, spec.missing == "mask")  # of what was thinned, or has no slope
    log.note(*away, *gaps.gaps_told(points))
    chart = map_of(points)
    if points.earth and spec.axes == "map":
        f, said = turned(f, chart)
        log.convert(said)
    log.convert(*chart.told)
    log.note(*chart.notes)
    drawn = sampling.draw(points, chart, f, spec.max_samples, spec.split_seed)
    if drawn.known < max(rows_needed(2), SMALLEST_SIDE**2):
        raise InputError(
            f"{file}: F is known at {drawn.known:,} points of the grid, too few; choose another part of it."
        )
    regular, inside = lattice(points, chart, f, drawn.x.min(axis=0), drawn.x.max(axis=0))
    every_name = names.numeric(ds)
    told = _drawn(drawn, points, log)
    return Gridded(
        file=file,
        x=drawn.x,
        f=drawn.f,
        nodes=drawn.nodes,
        voids=int(points.lon.size - drawn.known),
        shape=shape,
        axes=chart.names,
        position=chart.units,
        value=value,
        variables=found.names,
        pairs=tuple((a, b) for a, b, _ in names.pairs(ds, every_name))[:50],
        scalars=tuple(every_name[:200]),
        choices=tuple(choices),
        lattice=regular,
        inside=inside,
        rectangle=bool(
            chart.whole and points.rectilinear and drawn.known == points.lon.size and not gaps.cuts(points).any
        ),
        conversions=(*log.conversions, *told),
        notes=tuple(log.notes),
        origin=chart.origin if of_the_earth(points.axes) else None,
    )


def _in_space(
    ds: xr.Dataset, file: str, box: volumes.Volume, found: names.Variables, choices: list[Choice], log: Log
) -> Gridded:
    """What was read of a flow in a box."""
    every = names.numeric(ds)
    return Gridded(
        file=file,
        x=box.x,
        f=box.f,
        nodes=box.nodes,
        voids=box.voids,
        shape=box.shape,
        axes=box.axes,
        position=box.position,
        value=box.value,
        variables=found.names,
        pairs=tuple((a, b) for a, b, _ in names.pairs(ds, every))[:50],
        scalars=tuple(every[:200]),
        choices=tuple(choices),
        lattice=np.zeros((0, 0, 3)),
        inside=np.zeros((0, 0), dtype=bool),
        rectangle=False,
        conversions=tuple(log.conversions),
        notes=tuple(log.notes),
        origin=None,
    )


def _choices(ds: xr.Dataset, grid: Layout, spec: FieldSpec) -> list[Choice]:
    """Which step of every dimension that is no place: the first of a kind is set by its setting, others are at 0."""
    wanted = spec.steps
    found: list[Choice] = []
    for kind, dim in grid.others:
        found.append(choice(ds, kind, dim, wanted.pop(kind, "")))
    for setting, text in wanted.items():
        if text and text not in ("0", "#0"):
            raise InputError(f"{setting} is {text}, but the variable has no such dimension; leave {setting} out.")
    return found


def _parts(
    ds: xr.Dataset, found: names.Variables, grid: Layout, choices: list[Choice], spec: FieldSpec, log: Log
) -> tuple[list[Component], tuple[int, int], tuple[int, ...]]:
    """The variables on common points, thinned where they are many and not smoothed first; the shape of the grid; every
    which of its rows and columns was read."""
    steps: dict[str, Index] = {step.dimension: step.index for step in choices}
    shape = (int(ds.sizes[grid.y]), int(ds.sizes[grid.x]))
    if shape[0] * shape[1] > MOST_POINTS:
        raise InputError(
            f"{found.names[0]} is a grid of {shape[0]:,} x {shape[1]:,} points; at most {MOST_POINTS:,} are looked at: "
            "cut a part out of it."
        )
    if min(shape) < SMALLEST_SIDE:
        raise InputError(
            f"{found.names[0]} is a grid of {shape[0]} x {shape[1]} points; at least {SMALLEST_SIDE} on each side are "
            "needed."
        )
    layouts = {name: layout(ds, name) for name in found.names}
    apart = any((own.y, own.x, own.lon) != (grid.y, grid.x, grid.lon) for own in layouts.values())
    rows, cols = window(ds, found.names[0], grid, steps, spec, shape)
    thin: tuple[int, ...] = (1, 1)  # what is staggered is thinned when it is together
    if not apart and spec.smooth > 0:
        thin = smoothing.read_first([rows.stop - rows.start, cols.stop - cols.start], spec.smooth)
    elif not apart:
        thin = every(rows, cols, spec, log)
    taken_of = [slice(part.start, part.stop, step) for part, step in zip((rows, cols), thin, strict=True)]
    parts = []
    for name, own in layouts.items():
        taken: dict[str, Index] = {**same_steps(ds, name, own.others, choices)}
        taken |= {
            dim: slice(part.start, None if part.stop == size else part.stop, part.step)
            for dim, part, size in zip((own.y, own.x), taken_of, shape, strict=True)
        }
        numbers = checked(values(ds, name, taken, (own.y, own.x), log), name, spec.missing, log)
        parts.append(Component(name, points(ds, name, own, taken, spec.crs, log), numbers))
    if len(parts) == 2:
        parts = list(together(parts[0], parts[1], log))
    if apart and spec.smooth <= 0:
        parts = [Component(part.name, *thinned(part.points, part.values, spec, log)) for part in parts]
    return parts, shape, thin


def _field(
    parts: list[Component], at: Points, found: names.Variables, spec: FieldSpec, ds: xr.Dataset, log: Log
) -> tuple[Points, np.ndarray, str]:
    """F (rows, cols, 2), eastward and northward (or along the plane's axes), and its unit."""
    at = parts[0].points
    if len(parts) == 1:
        return at, *_gradient(parts[0], at, ds, log)
    units = [str(ds.variables[part.name].attrs.get("units", "")) for part in parts]
    unit, factors, told, notes = common(units[0], units[1], (parts[0].name, parts[1].name))
    log.convert(*told)
    log.note(*notes)
    f = np.stack([part.values * factor for part, factor in zip(parts, factors, strict=True)], axis=-1)
    relative = ds.variables[parts[0].name].attrs.get("GRIB_uvRelativeToGrid")
    if relative is not None:  # surer than the standard name, which readers of GRIB give to both kinds
        found = replace(found, along=str(relative) not in ("0", "0.0", "False"))
    if at.earth and _along_grid(at, found, spec, log):
        f = sampling.along_grid(at, f)
        log.convert(f"{parts[0].name} and {parts[1].name} lie along the grid: they were turned to east and north.")
    return at, f, unit


def _along_grid(at: Points, found: names.Variables, spec: FieldSpec, log: Log) -> bool:
    """Whether components lie along the grid's columns and rows: as set, as the file says, else guessed and told."""
    if spec.along:
        return spec.along == "grid"
    if found.along is not None:
        return found.along and not at.rectilinear
    if at.rectilinear:
        return False
    log.note(
        f"The file does not say what {found.names[0]} and {found.names[1]} lie along; on a grid like this one they "
        "were taken along its rows and columns: set along=earth where they are eastward and northward."
    )
    return True


def _gradient(part: Component, at: Points, ds: xr.Dataset, log: Log) -> tuple[np.ndarray, str]:
    attrs = ds.variables[part.name].attrs
    unit = " ".join(str(attrs.get("units", "")).split())[:40]
    metres = length_of(unit)
    numbers = part.values
    if metres is not None and metres != 1.0:
        numbers = numbers * metres
        log.convert(f"{part.name} in {unit} was turned into metres: times {metres:g}.")
    shown = "metres" if metres is not None else (unit_of(unit).name if unit_of(unit).speed == 1.0 else unit) or "units"
    step = "metre" if at.earth else at.units[0] or "unit of length"
    if not at.earth and at.units[0] != at.units[1]:  # no lengths, or they would be in one unit
        step = f"{step} and per {at.units[1] or 'unit of length'}"
    where = "eastward and northward per metre of the ground" if at.earth else f"per {step}"
    log.convert(f"F is the gradient of {part.name}, {where}.")
    with np.errstate(invalid="ignore"):
        return sampling.derivative(at, numbers), f"{shown} per {step}"


def _drawn(drawn: sampling.Samples, at: Points, log: Log) -> list[str]:
    n, rest = len(drawn.x), at.lon.size - drawn.known
    if rest:
        log.note(
            f"{rest:,} of {at.lon.size:,} points ({percent(rest / at.lon.size, 2)}) are not known and are left out."
        )
    text = f"{n:,} samples by the area of the cells: {drawn.nodes:,} of {drawn.known:,} points of the grid"
    between = n - drawn.nodes
    log.note(*sampling.mostly_between(between, drawn.known, "points"))
    return [text + (f", and {between:,} between them with values interpolated." if between else ".")]
