"""What every file is, whatever is in it: it lies at a path, or is an upload known by its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.fields.sources.source import FILES, Family, Source


@dataclass(frozen=True)
class FileSource(Source):
    """A file by its path or by what is in it; one that is not there is still no other field."""

    rank: ClassVar[int] = FILES
    family: ClassVar[Family] = "file"

    @property
    def path(self) -> Path:
        """The file or folder, whether it is there or not."""
        return stored_files.path_of(self.spec.source)

    @property
    def title(self) -> str:
        return stored_files.title_of(self.spec.source.strip())

    def found(self, folders: bool = False) -> Path:
        """The path of what is there: a file, or a folder where those are read. Raises InputError."""
        if "://" in self.spec.source:
            raise InputError("Addresses are never opened; download the file and name it.")
        if self.path.is_file() or (folders and self.path.exists()):
            return self.path
        if stored_files.is_upload(self.spec.source.strip()):
            raise InputError(f"The upload {self.path.name} is no longer here; upload it again on the Field page.")
        raise InputError(f"There is no file at {self.spec.source.strip()}; check the path.")
