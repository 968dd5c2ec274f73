"""Copies of finished runs at an fsspec URL (NPF_ARTIFACTS): S3 and what speaks like it, a shared disk, or any other.

A run is a folder there, named by its id: its files, and a manifest with the size and SHA-256 of each, written last. So
a copy is whole or it is none. Names, sizes and sums of what lies there are checked as a stranger's are.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from npf_engine.bundle import archive
from npf_engine.bundle.cleaning import clean_text
from npf_engine.errors import InputError
from npf_engine.runs import location
from npf_engine.settings import limits, reading
from npf_engine.studies import kinds
from npf_engine.tasks import archives, layout

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

MANIFEST = "manifest.json"
FORMAT = 1
KEPT = (layout.SPEC, layout.ABOUT, layout.REPORT, layout.EVENTS, layout.STATUS, layout.LOG, layout.FIELD)
NEEDED = (layout.SPEC, layout.REPORT)
MOST_FILES, MANIFEST_BYTES, BLOCK = 4096, 2**21, 2**20
OBJECTS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci"}  # stores without folders to make


@dataclass(frozen=True)
class File:
    """A file of a copy: bytes, and the SHA-256 of its content."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Copy:
    """A whole copy of a run. created, finished: unix seconds."""

    id: str
    name: str
    kind: str
    verdict: str | None
    created: float
    finished: float | None
    files: Mapping[str, File]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())

    def to_json(self) -> dict[str, object]:
        """The manifest."""
        files = {name: {"size": file.size, "sha256": file.sha256} for name, file in self.files.items()}
        own = {key: getattr(self, key) for key in ("id", "name", "kind", "verdict", "created", "finished")}
        return {"format": FORMAT, **own, "files": files}

    @classmethod
    def of_json(cls, record: Mapping[str, object]) -> Copy:
        """Raises InputError for what is no manifest, or holds a name that no run has."""
        if reading.whole(record, "format") != FORMAT:
            raise InputError("its manifest is of another version of this program; update it")
        named = reading.mapping(record, "files")
        files = {
            name: File(reading.whole(item, "size"), reading.text(item, "sha256"))
            for name, item in ((name, reading.as_mapping(name, value)) for name, value in named.items())
        }
        run_id = reading.text(record, "id")
        archives.check_name("the manifest", run_id)
        if "/" in run_id or run_id.startswith("."):
            raise InputError(f"{limits.shown(run_id)} is no run's id")
        name, kind = reading.text(record, "name"), reading.text(record, "kind")
        verdict = reading.maybe_text(record, "verdict")
        copy = cls(
            id=run_id,
            name=" ".join(clean_text(name, limits.MAX_NAME).split()) or run_id,
            kind=clean_text(kind, limits.MAX_NAME),
            verdict=None if verdict is None else clean_text(verdict, limits.MAX_NAME),
            created=float(reading.number(record, "created")),
            finished=reading.maybe_number(record, "finished"),
            files=files,
        )
        copy.check()
        return copy

    def check(self) -> None:
        """InputError unless these are the files of a run, each within its folder."""
        if len(self.files) > MOST_FILES or any(file.size < 0 for file in self.files.values()):
            raise InputError(f"it lists more than {MOST_FILES} files, or one of no size; do not use it")
        if missing := [name for name in NEEDED if name not in self.files]:
            raise InputError(f"it has no {' and no '.join(missing)}, which every run has; send the run again")
        known = kinds.find(self.kind)
        patterns = (*KEPT, "npf-*.zip", *(() if known is None else known.files))
        for name in self.files:
            archives.check_name("the copy", name)
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
                raise InputError(f"it holds {limits.shown(name)}, which no run of this kind has; do not use it")


def files_of(folder: Path, kind: str) -> dict[str, Path]:
    """Name -> path of what of a finished run's folder is kept."""
    known = kinds.find(kind)
    own = {name: folder / name for name in KEPT if (folder / name).is_file()}
    return own | archive.result_files(folder, ("npf-*.zip", *(() if known is None else known.files)))


class Artifacts:
    """What lies at one URL. Every method raises InputError, one sentence without the URL's secrets, where it cannot be
    reached."""

    def __init__(self, url: str) -> None:
        self.shown = location.shown(url)
        self._url = location.checked(url)

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[AbstractFileSystem]:
        try:
            import fsspec.core

            files, self._root = fsspec.core.url_to_fs(self._url)
            files.invalidate_cache()
            yield files
        except InputError:
            raise
        except ImportError:
            raise InputError(
                f"{self.shown} needs a package that is not installed; for S3: pip install '.[cluster]' in the "
                "project's folder"
            ) from None
        except Exception as error:  # each store has errors of its own
            raise InputError(
                f"{self.shown} cannot be used ({location.reason(error, self._url)}); check NPF_ARTIFACTS, its "
                "credentials and the network"
            ) from None

    def send(self, folder: Path, **about: object) -> Copy:
        """Copy a finished run's folder there; does nothing where just this copy is there. ``about``: id, name, kind,
        verdict, created and finished of the run."""
        record: dict[str, object] = {"format": FORMAT, **about, "files": {}}
        with self._reaching() as files:
            place = f"{self._root.rstrip('/')}/{about['id']}"
            there = self._manifest(files, place)
            sources = files_of(folder, str(about["kind"]))
            if there is not None and _unchanged(there, sources):
                return there
            _make_folder(files, place)
            if files.exists(f"{place}/{MANIFEST}"):
                files.rm_file(f"{place}/{MANIFEST}")  # from here on it is no copy, until all is there
            sent = {name: _put(files, path, f"{place}/{name}") for name, path in sources.items()}
            record["files"] = {name: {"size": file.size, "sha256": file.sha256} for name, file in sent.items()}
            copy = Copy.of_json(record)
            files.pipe_file(f"{place}/{MANIFEST}", layout.json_bytes(copy.to_json()))
        return copy

    def copies(self) -> tuple[list[Copy], list[str]]:
        """The whole copies there, newest first, and a sentence for each that cannot be read."""
        found, wrong = [], []
        with self._reaching() as files:
            for path in sorted(files.glob(f"{self._root.rstrip('/')}/*/{MANIFEST}")):
                place = str(path).rpartition("/")[0]
                try:
                    copy = self._manifest(files, place, strictly=True)
                except InputError as error:
                    wrong.append(f"{clean_text(place.rpartition('/')[2], limits.MAX_NAME)}: {error}")
                    continue
                if copy is not None:
                    found.append(copy)
        return sorted(found, key=lambda copy: -copy.created), wrong

    def find(self, run: str) -> Copy:
        """The copy of a run, by its id, or by its name where one run alone has it."""
        copies, wrong = self.copies()
        of_id = [copy for copy in copies if copy.id == run]
        named = of_id or [copy for copy in copies if copy.name == run]
        if len(named) == 1:
            return named[0]
        if named:
            ids = ", ".join(copy.id for copy in named)
            raise InputError(f"{len(named)} runs at {self.shown} are called {run!r}: give an id ({ids})")
        broken = next((f"; {sentence}" for sentence in wrong if sentence.startswith(f"{run}: ")), "")
        raise InputError(f"there is no whole copy of {run!r} at {self.shown}{broken}; `npf artifacts list` has all")

    def fetch(self, copy: Copy, into: Path) -> None:
        """Write the files of a copy into a folder. Raises InputError, too, where one is not what was sent."""
        layout.check_room(into, copy.size)
        with self._reaching() as files:
            for name, file in copy.files.items():
                path = into / name
                with layout.writing(path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                with files.open(f"{self._root.rstrip('/')}/{copy.id}/{name}", "rb") as source:
                    _get(source, path, file)

    def _manifest(self, files: AbstractFileSystem, place: str, strictly: bool = False) -> Copy | None:
        """That of a place; None where there is none, or (not ``strictly``) none that can be read."""
        path = f"{place}/{MANIFEST}"
        try:
            size = int(files.info(path)["size"])
        except FileNotFoundError:
            return None
        try:
            if size > MANIFEST_BYTES:
                raise InputError("its manifest is too large; send the run again")
            record = json.loads(files.cat_file(path))
            copy = Copy.of_json(reading.as_mapping("the manifest", record))
            if copy.id != place.rpartition("/")[2]:
                raise InputError(f"its manifest is that of another run, {limits.shown(copy.id)}; do not use it")
            return copy
        except (ValueError, RecursionError) as error:
            if not strictly:
                return None
            if isinstance(error, InputError):
                raise
            raise InputError("its manifest is not whole; send the run again") from None


def _unchanged(copy: Copy, sources: Mapping[str, Path]) -> bool:
    """Whether the results of a run are those of a copy; events and log may have grown since."""
    results = sources.keys() - {layout.EVENTS, layout.LOG, layout.STATUS, layout.ABOUT}
    if not results <= copy.files.keys() <= sources.keys():
        return False
    return all(_digest(sources[name]) == copy.files[name].sha256 for name in results)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_folder(files: AbstractFileSystem, path: str) -> None:
    """Where the store has folders; in one that has none this would make a bucket of a misspelt name."""
    if not OBJECTS.intersection([files.protocol] if isinstance(files.protocol, str) else files.protocol):
        files.makedirs(path, exist_ok=True)


def _put(files: AbstractFileSystem, path: Path, target: str) -> File:
    """Send a file; its size and sum, of the very bytes that went."""
    digest, size = hashlib.sha256(), 0
    _make_folder(files, target.rpartition("/")[0])
    with open(path, "rb") as source, files.open(target, "wb") as sink:
        while block := source.read(BLOCK):
            digest.update(block)
            size += len(block)
            sink.write(block)
    there = int(files.info(target)["size"])
    if there != size:
        raise OSError(f"{path.name} arrived with {there} of {size} bytes")
    return File(size, digest.hexdigest())


def _get(source: BinaryIO, path: Path, file: File) -> None:
    digest, size = hashlib.sha256(), 0
    with layout.writing(path), open(path, "wb") as sink:
        while block := source.read(BLOCK):
            size += len(block)
            if size > file.size:
                break
            digest.update(block)
            sink.write(block)
    if size != file.size or digest.hexdigest() != file.sha256:
        raise InputError(
            f"{path.name} is not what was sent: its content was changed or is not whole; send the run again"
        )


def configured() -> Artifacts | None:
    """What NPF_ARTIFACTS names; None where it is not set. Raises InputError for what is no URL."""
    url = os.environ.get(location.VARIABLE, "").strip()
    return Artifacts(url) if url else None
