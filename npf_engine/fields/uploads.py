"""A user's file -> a Field: a raster of elevation, a table of samples, heights on a grid, or a mesh.

No file is parsed in this process: ``file_reading`` does it in a child with limits of memory, time and files, locked
away from the network (``tasks.child``). What comes back is no larger than the spec takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.fields.field import Field
from npf_engine.fields.ground import Ground
from npf_engine.fields.raster import Raster, SourceGrid
from npf_engine.fields.readers import file_reading, gridded_open, raster_files
from npf_engine.fields.readers.columns import Column, Layout
from npf_engine.fields.readers.file_reading import SUFFIXES, ColumnPreview, UploadPreview
from npf_engine.fields.readers.gridded_axes import Choice
from npf_engine.fields.readers.gridded_look import GriddedLook
from npf_engine.fields.readers.grids import HeightTable, grid_field
from npf_engine.fields.readers.meshes import MeshLook
from npf_engine.fields.readers.tables import Samples
from npf_engine.fields.samples import samples_field
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.topography import raster_field
from npf_engine.fields.units_of_height import HeightUnit
from npf_engine.tasks import child

__all__ = ["SUFFIXES", "ColumnPreview", "UploadPreview", "load_upload", "open_raster", "preview"]

T = TypeVar("T")
Progress = Callable[[float, float, str], None]
LOOK = child.Limits(seconds=20.0)
LOAD = child.Limits(seconds=60.0)  # what becomes a training may take longer than a look at it


def load_upload(path: Path, spec: FieldSpec, progress: Progress | None = None) -> Field:
    """The Field of a raster (.tif, .hgt, zipped or gzipped) or of a table (.csv, .parquet, .npz).

    Table: columns x1..xd, F1..Fd (rho is the law of the rows), or x1, x2, z on a regular grid. Raises
    InputError with one sentence naming the file and, where there is one, the row and the column. progress may raise.
    """
    path = Path(path)
    types = (Raster, SourceGrid, Ground, HeightUnit, Samples, Layout, Column, HeightTable)
    what = _in_child(file_reading.read_upload, path, spec, LOAD, types, progress)
    idle = f"smooth = {spec.smooth:g} is of gridded data and did nothing here" if spec.smooth > 0 else ""
    if isinstance(what, Raster):
        source = {"source": f"raster {path.name}"}
        if idle:
            what = replace(what, notes=(*what.notes, f"{idle}: sigma smooths a raster."))
        return raster_field(raster_files.raster_name(path), what, spec, source, progress)
    if isinstance(what, HeightTable):
        if idle:
            what = replace(
                what, raster=replace(what.raster, notes=(*what.raster.notes, f"{idle}: sigma smooths heights."))
            )
        return grid_field(path.stem, what, spec)
    if idle and not any(text.startswith("smooth = ") for text in what.warnings):  # bands have said it
        what = replace(what, warnings=(*what.warnings, f"{idle}: samples are taken as they are."))
    return samples_field(path.stem, what, spec)


def open_raster(path: Path, spec: FieldSpec, name: str, progress: Progress | None = None) -> Raster:
    """A raster of a folder or of the cache, called ``name`` in sentences, resampled to what the spec takes."""
    return child.call(
        file_reading.read_raster,
        Path(path),
        name,
        spec,
        what=name,
        limits=LOAD,
        returns=(Raster, SourceGrid, Ground, HeightUnit),
        progress=_reading(progress),
    )


def preview(path: Path, spec: FieldSpec | None = None, progress: Progress | None = None) -> UploadPreview:
    """What ``load_upload`` would read, with every defect found. Never raises for what is in the file."""
    path = Path(path)
    spec = spec or FieldSpec(source=str(path))
    try:
        returns = (UploadPreview, ColumnPreview, GriddedLook, Choice, MeshLook)
        return _in_child(file_reading.read_preview, path, spec, LOOK, returns, progress)
    except InputError as error:
        size = path.stat().st_size if path.is_file() else 0
        return UploadPreview(path.name, size, "unreadable", defects=[str(error)])


def _in_child(
    read: Callable[[Path, FieldSpec, Path | None], T],
    path: Path,
    spec: FieldSpec,
    limits: child.Limits,
    returns: tuple[type, ...],
    progress: Progress | None,
) -> T:
    second = stored_files.path_of(spec.second) if spec.second.strip() else None
    if second is not None and not second.is_file():
        raise InputError(f"The raster of the second component, {second.name}, is not there; choose it again.")
    try:
        return child.call(
            read, path, spec, second, what=path.name, limits=limits, returns=returns, progress=_reading(progress)
        )
    except child.Stopped as error:
        if file_reading.is_mesh(path) and error.reason in ("memory", "crash"):  # VTK believes a header that lies
            raise InputError(
                f"{path.name} could not be read by VTK within {(limits.memory or 0) / 2**30:.0f} GB of memory: it is "
                "damaged or too large; export it again, or thin it out."
            ) from error
        raise gridded_open.explained(path, error) from error


def _reading(progress: Progress | None) -> Progress | None:
    """Reading is the first tenth of building a field, and the parser does not say how far it is."""
    if progress is None:
        return None
    return lambda done, total, text: progress(0.05, 1.0, text or "reading the file")
