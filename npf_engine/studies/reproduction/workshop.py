"""The runs that a table or figure stands on: each is done once, and kept for the others that stand on it too."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.fields.cachedir import cache_folder
from npf_engine.settings import reading
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import to_json
from npf_engine.studies import kinds
from npf_engine.tasks import files, layout
from npf_engine.tasks.processes import FileLock
from npf_engine.tasks.progress import Place
from npf_engine.tasks.recorder import Passing, Recorder, State

if TYPE_CHECKING:
    from npf_engine.polar import PolarFactorization

PLACES = ("NPF_DEM_DIR", "NPF_MNIST_DIR")  # where data come from: other files, other numbers
FILES = "files.json"  # of a kept run: its files and their sizes
WORKED = "worked"  # checkpoint: seconds of a part in processes before this one
WAIT = 0.5  # seconds between two looks at a run that another process does


@dataclass(frozen=True)
class Part:
    """A run that is done: what it is called here, its report as JSON, the folder with its files; spent: seconds that
    this process gave to it."""

    name: str
    report: dict[str, object]
    folder: Path
    spent: float = 0.0

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of one of its files. Raises InputError."""
        return files.arrays(self.folder / name)

    def model(self) -> PolarFactorization:
        """The model of a training. Raises InputError."""
        from npf_engine.bundle.package import load_bundle

        return load_bundle(next(iter(self.folder.glob("npf-*.zip")), self.folder / "npf.zip"))

    @property
    def fingerprint(self) -> str | None:
        """Of its weights."""
        return reading.maybe_text(self.report, "fingerprint")

    @property
    def seconds(self) -> float:
        """That it took, when it was done."""
        told = self.report.get("seconds")
        return reading.number(told, "total") if isinstance(told, dict) else reading.as_number("seconds", told)


class PartRecorder(Passing):
    """Tells of a part as one stage of the whole, and keeps its checkpoints apart from the other parts'."""

    def __init__(self, inner: Recorder, name: str, expected: Sequence[str] = ()) -> None:
        super().__init__(inner)
        self.name, self.key, self.expected = name, layout.slug(name), expected
        before = inner.load(f"{self.key}.{WORKED}") or {}
        self.earlier = reading.maybe_number(before, "seconds", 0.0)  # of this part alone
        self.began = inner.clock()

    def plan(self, weights: dict[str, float]) -> None:
        """What the part takes, as one stage; the runs that are to come are guessed to take as long."""
        whole = sum(weights.values())
        self.inner.plan({self.name: whole} | dict.fromkeys(self.expected, whole))

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """A step of the part's own stage."""
        self.inner.progress(str(Place(self.name, stage.replace(": ", ", "))), step, total, **scalars)

    def note(self, text: str) -> None:
        """With the part's name."""
        self.inner.note(f"{self.name}: {text}")

    def snapshot(self, name: str, **arrays: np.ndarray) -> None:
        """The part's picture is the run's."""
        self.inner.snapshot(name, **arrays)

    def checkpoint_due(self) -> bool:
        """As the whole run's."""
        return self.inner.checkpoint_due()

    def save(self, key: str, state: State) -> None:
        """Under the part's name, and how long the part has worked until now."""
        self.inner.save(f"{self.key}.{key}", state)
        self.inner.save(f"{self.key}.{WORKED}", {"seconds": self.earlier + self.inner.clock() - self.began})

    def load(self, key: str) -> State | None:
        """What was kept under the part's name."""
        return self.inner.load(f"{self.key}.{key}")


class Silent(Passing):
    """Tells of a fit as a stage and keeps nothing: fits of other networks and seeds have stages of the same names, and
    one would go on from another's weights."""

    def __init__(self, inner: Recorder, name: str) -> None:
        super().__init__(inner)
        self.name = name

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """A step of the fit."""
        self.inner.progress(self.name, step, total, **scalars)


def done(name: str, spec: Spec, recorder: Recorder, expected: Sequence[str] = ()) -> Part:
    """The run that ``spec`` describes, taken from those that are kept under the home, or done there now and kept.

    Of two processes that want the same one waits for the other. expected: the runs that come after it. Raises
    InputError where it cannot be had here, Cancelled when the recorder says so.
    """
    kept, began = cache_folder("reproduced") / _key(spec), recorder.clock()
    with layout.writing(kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(kept.with_suffix(".lock"))
    while not lock.acquire(WAIT):
        recorder.check()
        recorder.progress(str(Place(name, "another run is at it")), 0, 1)
    try:
        report = _whole(kept)
        if report is not None:
            recorder.stage(name, "restored")
            return Part(name, report, kept, recorder.clock() - began)
        recorder.stage(name, "started")
        report = _make(spec, PartRecorder(recorder, name, expected), kept)
        recorder.stage(name, "done")
        return Part(name, report, kept, recorder.clock() - began)
    finally:
        lock.release()


def _make(spec: Spec, recorder: Recorder, kept: Path) -> dict[str, object]:
    """Do the run beside its place, then put it there whole."""
    workplace = kept.with_suffix(".part")  # one that a process died in is gone on with
    workplace.mkdir(exist_ok=True)
    report = kinds.of(spec).do(spec, recorder, workplace).to_json()
    report.pop("bundle", None)  # a path of this folder
    files.write_json(workplace / layout.REPORT, report)
    sizes = {path.relative_to(workplace).as_posix(): path.stat().st_size for path in _files(workplace)}
    files.write_json(workplace / FILES, sizes)
    shutil.rmtree(kept, ignore_errors=True)  # one that was damaged
    workplace.rename(kept)
    return report


def _whole(kept: Path) -> dict[str, object] | None:
    """The report of a run that is kept with all its files as they were written; None where it has to be done again."""
    sizes = files.read_json(kept / FILES)
    if sizes is None or {p.relative_to(kept).as_posix(): p.stat().st_size for p in _files(kept)} != sizes:
        return None
    return files.read_json(kept / layout.REPORT)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != FILES]


def _key(spec: Spec) -> str:
    """Of what decides the numbers: settings, the program, and the files that data may come from."""
    told: dict[str, object] = {"spec": to_json(spec), "kind": kinds.of(spec).name, "program": _program()}
    told |= {name: _inside(os.environ.get(name, "")) for name in PLACES}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:20]


@functools.cache
def _program() -> str:
    """A digest of the package's own files: other code may give other numbers."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[2].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _inside(folder: str) -> list[tuple[str, int, int]]:
    """Names, sizes and times of the files of a folder of data."""
    if not folder or not Path(folder).is_dir():
        return []
    found = [(path, path.stat()) for path in sorted(Path(folder).iterdir()) if path.is_file()]
    return [(path.name, told.st_size, int(told.st_mtime)) for path, told in found]
