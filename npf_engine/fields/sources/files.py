"""Files: rasters, tables of samples or of heights, meshes; uploads, paths, and rasters of the folder NPF_DEM_DIR."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from npf_engine.errors import InputError
from npf_engine.fields import stored_files, topography, uploads
from npf_engine.fields.field import Field
from npf_engine.fields.readers import raster_files
from npf_engine.fields.readers.file_reading import SUFFIXES, is_mesh
from npf_engine.fields.sources.file_source import FileSource
from npf_engine.fields.sources.registry import register
from npf_engine.fields.sources.source import FOLDER, TERRAIN_VALUE, FieldInfo, Progress, Source, ValueWord
from npf_engine.fields.spec import FieldSpec

FOLDER_SUFFIXES = (".tif", ".tiff", ".hgt", ".hgt.gz", ".hgt.zip")


@dataclass(frozen=True)
class _File(FileSource):
    """A raster, a table or a mesh."""

    def build(self, progress: Progress | None = None) -> Field:
        return uploads.load_upload(self.found(), self.spec, progress)


def _is_file(spec: FieldSpec) -> bool:
    source = spec.source.strip()
    if stored_files.is_upload(source) or os.sep in source:
        return True
    path = stored_files.path_of(source)
    if path.is_file() and path.suffix:
        return True
    return source.lower().endswith(SUFFIXES) and _in_folder(source) is None


@register
@dataclass(frozen=True)
class Raster(_File):
    """A raster in a file, such as one of elevation: F is its slope."""

    terrain: ClassVar[bool] = True

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if _is_file(spec) and raster_files.is_raster(Path(spec.source.strip())) else None

    @property
    def value_word(self) -> ValueWord:
        return "vector" if self.spec.components or self.spec.second else "gradient"


@register
@dataclass(frozen=True)
class Table(_File):
    """Columns x1..xd, F1..Fd, or x1, x2, z on a grid."""

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        path = Path(spec.source.strip())
        return cls(spec) if _is_file(spec) and not (raster_files.is_raster(path) or is_mesh(path)) else None


@register
@dataclass(frozen=True)
class Mesh(_File):
    """A VTK file: a vector of its points or cells, or the gradient of a scalar."""

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if _is_file(spec) and is_mesh(Path(spec.source.strip())) else None

    @property
    def value_word(self) -> ValueWord:
        return "gradient" if self.spec.scalar else "vector"


@register
@dataclass(frozen=True)
class FolderRaster(Source):
    """A raster of the folder NPF_DEM_DIR by its name: ``N43E007.hgt.zip`` -> ``N43E007``."""

    rank: ClassVar[int] = FOLDER
    terrain: ClassVar[bool] = True

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if _in_folder(spec.source.strip()) is not None else None

    @property
    def title(self) -> str:
        return self.spec.source.strip()

    def build(self, progress: Progress | None = None) -> Field:
        path = _in_folder(self.spec.source.strip())
        if path is None:
            raise InputError(f"The folder NPF_DEM_DIR holds no raster {self.spec.source.strip()} any more.")
        name = raster_files.raster_name(path)
        raster = uploads.open_raster(path, self.spec, name, progress)
        told = {"source": f"{path.name} of the folder NPF_DEM_DIR"}
        return topography.raster_field(name, raster, self.spec, told, progress)

    @classmethod
    def listed(cls) -> list[FieldInfo]:
        return [
            FieldInfo(name, path.name, "samples", 2, None, TERRAIN_VALUE, False, "raster folder")
            for name, path in folder_rasters().items()
        ]


def folder_rasters() -> dict[str, Path]:
    """Rasters of the folder NPF_DEM_DIR by name, a second one of a name in full."""
    folder = os.environ.get("NPF_DEM_DIR")
    if not folder or not Path(folder).expanduser().is_dir():
        return {}
    found: dict[str, Path] = {}
    for path in sorted(Path(folder).expanduser().iterdir()):
        if path.is_file() and path.name.lower().endswith(FOLDER_SUFFIXES) and not path.name.startswith("."):
            name = raster_files.raster_name(path)
            found[path.name if name in found else name] = path
    return found


def _in_folder(name: str) -> Path | None:
    return {key.lower(): value for key, value in folder_rasters().items()}.get(name.lower())
