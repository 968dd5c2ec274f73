"""What a child with limits does with a user's file: read it for a field, or for a preview. ``uploads`` calls it.

Files are hostile until they are read: nothing is unpickled, nothing unpacked before its size is known, and
whatever is wrong becomes one sentence with its place. Nothing here imports torch before it must.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.raster import Raster, resample
from npf_engine.fields.readers import gridded_open, mesh_file, meshes, raster_files, raster_vectors, tables
from npf_engine.fields.readers.gridded_look import GriddedLook
from npf_engine.fields.readers.gridded_look import look as gridded_look
from npf_engine.fields.readers.grids import HeightTable, coordinates_of, height_grid, heights_of
from npf_engine.fields.readers.meshes import MeshLook
from npf_engine.fields.readers.options import RasterOptions
from npf_engine.fields.readers.table import Table
from npf_engine.fields.readers.table_defects import defects as table_defects
from npf_engine.fields.readers.table_defects import ignored_note, warnings_of
from npf_engine.fields.readers.table_ground import in_degrees
from npf_engine.fields.readers.tables import Samples
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.surface import known_elevation, reduced
from npf_engine.numbers import percent
from npf_engine.settings.limits import MAX_FILE_BYTES

T = TypeVar("T")
SUFFIXES = (*raster_files.SUFFIXES, *tables.SUFFIXES, *gridded_open.SUFFIXES, *mesh_file.SUFFIXES)
PREVIEW_ROWS = 8
THUMBNAIL_PIXELS = 256 * 256


@dataclass(frozen=True)
class ColumnPreview:
    """A column in use: name as in the file, what it is (x1, F2, z), unit or "", range, number of empty cells."""

    name: str
    role: str
    unit: str
    minimum: float
    maximum: float
    missing: int


@dataclass(frozen=True)
class UploadPreview:
    """What was read from a file, before anything is saved. ``defects`` make it unfit; ``warnings`` should be known.

    rows: of the table or raster; shape: (rows, cols) of a raster or grid, (z, rows, cols) of a box; head: first rows,
    in the order of ``columns``; elevation: (rows, cols) float32 of at most 65,536 pixels, NaN at voids; bounds: outer
    edges (west, south, east, north) in ``coordinates``.
    """

    file: str
    size_bytes: int
    kind: Literal["raster", "samples", "grid", "gridded", "unreadable"]
    d: int | None = None
    rows: int = 0
    columns: tuple[ColumnPreview, ...] = ()
    head: tuple[tuple[float, ...], ...] = ()
    shape: tuple[int, ...] | None = None
    elevation: np.ndarray | None = None
    bounds: tuple[float, float, float, float] | None = None
    coordinates: str = ""
    gridded: GriddedLook | None = None
    bands: int = 1  # of a raster
    mesh: MeshLook | None = None
    names: tuple[str, ...] = ()  # of all columns of a table
    warnings: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether a field can be made of the file."""
        return not self.defects


def is_mesh(path: Path) -> bool:
    """Whether the name of the file is that of a VTK file."""
    return path.suffix.lower() in mesh_file.SUFFIXES


def read_raster(path: Path, name: str, spec: FieldSpec) -> Raster:
    """A raster called ``name``, checked to carry a field and resampled to ``spec.max_samples``. Raises InputError."""
    return reduced(_parsed(path, _raster_of(spec)), name, spec.max_samples)


def read_upload(path: Path, spec: FieldSpec, second: Path | None = None) -> Raster | Samples | HeightTable:
    """All that a field needs of a file, and no more than the spec takes. second: the raster of the second component.

    Raises InputError.
    """
    what = _read(path, spec, second)
    if isinstance(what, Raster):
        return reduced(what, path.name, spec.max_samples)
    return heights_of(what, spec) if what.layout.kind == "grid" else tables.samples_of(what, spec)


def read_preview(path: Path, spec: FieldSpec, second: Path | None = None) -> UploadPreview:
    """What ``read_upload`` would read, with every defect found. Never raises for what is in the file."""
    size = path.stat().st_size if path.is_file() else 0
    mesh: MeshLook | None = None
    names: tuple[str, ...] = ()
    try:
        if gridded_open.is_gridded(path):
            return _gridded_preview(path, size, gridded_look(path, spec))
        _check(path)
        if is_mesh(path):
            mesh = _parsed(path, lambda file: meshes.look(file, spec))
        if path.suffix.lower() in tables.SUFFIXES:
            names = _parsed(path, tables.names_of)
        what = _read(path, spec, second)
    except InputError as error:
        return UploadPreview(path.name, size, "unreadable", mesh=mesh, names=names, defects=[str(error)])
    if isinstance(what, Raster):
        return _raster_preview(path, size, what)
    return replace(_table_preview(size, what, spec), mesh=mesh, names=names)


def _raster_of(spec: FieldSpec) -> Callable[[Path], Raster]:
    return lambda path: raster_files.read_raster(path, RasterOptions.of(spec))


def _read(path: Path, spec: FieldSpec, second: Path | None = None) -> Raster | Table:
    _check(path)
    if raster_files.is_raster(path) and raster_vectors.asked(spec):
        if second is not None:
            _check(second)
            if not raster_files.is_raster(second):
                raise InputError(
                    f"{second.name} is no raster; the second component is a raster on the first one's grid."
                )
        return _parsed(path, lambda file: raster_vectors.read_vectors(file, spec, second))
    if raster_files.is_raster(path):
        return _parsed(path, _raster_of(spec))
    read = meshes.read_mesh if is_mesh(path) else tables.read_table
    return _parsed(path, lambda file: read(file, spec))


def _check(path: Path) -> None:
    """InputError for a file that no reader is asked to read."""
    name = path.name
    if not path.is_file():
        raise InputError(f"There is no file called {name}; choose a file.")
    if not name.lower().endswith(SUFFIXES):
        raise InputError(f"{name} is of no kind that is understood; use one of {', '.join(SUFFIXES)}.")
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{name} is empty (0 bytes); export it again.")
    if size > MAX_FILE_BYTES:
        raise InputError(f"{name} has {size / 1e6:,.0f} MB; the limit is {MAX_FILE_BYTES / 1e6:,.0f} MB: thin it out.")


def _parsed(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise  # a limit of the child
        raise InputError(f"{path.name} cannot be read ({error.strerror or error}); check the file.") from error


def _gridded_preview(path: Path, size: int, seen: GriddedLook) -> UploadPreview:
    defects = [seen.defect] if seen.defect else []
    d = 3 if len(seen.variables) == 3 else 2
    return UploadPreview(path.name, size, "gridded", d, shape=seen.shape, gridded=seen, defects=defects)


def _raster_preview(path: Path, size: int, raster: Raster) -> UploadPreview:
    warnings, defects = [*raster.conversions, *raster.notes], []
    voids = int(np.isnan(raster.elevation).sum())
    if voids:
        warnings.append(
            f"{voids:,} pixels ({percent(voids / raster.elevation.size, 2)}) are void: they are filled, or left out "
            "with voids = mask."
        )
    column: tuple[ColumnPreview, ...] = ()
    try:
        known_elevation(path.name, raster.elevation, raster.unit.name, raster.offset)
    except InputError as error:
        defects.append(str(error))
    if voids < raster.elevation.size:
        low, high = (float(edge(raster.elevation)) + raster.offset for edge in (np.nanmin, np.nanmax))
        column = (ColumnPreview("elevation", "z", raster.unit.name, low, high, voids),)
    rows, cols = raster.elevation.shape
    return UploadPreview(
        path.name,
        size,
        "raster",
        d=2,
        rows=rows,
        columns=column,
        shape=(rows, cols),
        bands=raster.bands,
        elevation=resample(raster.elevation, THUMBNAIL_PIXELS),
        bounds=raster.bounds,
        coordinates=raster.coordinates,
        warnings=warnings,
        defects=defects,
    )


def _degrees(table: Table) -> bool:
    try:
        return in_degrees(table.layout)
    except InputError:  # told when it is read
        return False


def _table_preview(size: int, table: Table, spec: FieldSpec) -> UploadPreview:
    columns, shape, elevation, bounds = [], None, None, None
    degrees = _degrees(table)
    for column in table.layout.columns:
        values = table.values[column.role]
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (float("nan"), float("nan"))
        missing = int(np.isnan(values).sum())
        unit = column.unit or ("degrees" if column.role in ("x1", "x2") and degrees else "")
        columns.append(ColumnPreview(column.name.strip(), column.role, unit, low, high, missing))
    head = np.stack([table.values[c.role][:PREVIEW_ROWS] for c in table.layout.columns], axis=1)
    if table.layout.kind == "samples":
        defects = table_defects(table)
        warnings = ignored_note(table) if defects else [*table.conversions, *warnings_of(table, spec)]
    else:
        defects, warnings = [], ignored_note(table)
        try:
            grid = height_grid(table)
            shape, bounds = (grid.z.shape[0], grid.z.shape[1]), grid.bounds
            elevation = resample(grid.z, THUMBNAIL_PIXELS)
            warnings += grid.notes
        except InputError as error:
            defects.append(str(error))
    return UploadPreview(
        table.file,
        size,
        table.layout.kind,
        d=table.layout.d,
        rows=table.rows,
        columns=tuple(columns),
        head=tuple(tuple(map(float, row)) for row in head),
        shape=shape,
        elevation=elevation,
        bounds=bounds,
        coordinates="" if bounds is None else coordinates_of(table),
        warnings=warnings,
        defects=defects,
    )
