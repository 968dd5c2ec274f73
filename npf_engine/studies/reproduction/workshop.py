"""The runs that a table or figure stands on: each is done once, and kept for the others that stand on it too."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine import __version__
from npf_engine.fields.cachedir import cache_folder
from npf_engine.settings import reading
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import to_json
from npf_engine.studies import kinds
from npf_engine.tasks import files, layout
from npf_engine.tasks.progress import Place
from npf_engine.tasks.recorder import Passing, Recorder, State

if TYPE_CHECKING:
    from npf_engine.polar import PolarFactorization

PLACES = ("NPF_DEM_DIR", "NPF_MNIST_DIR", "NPF_SHARED_DATA")  # where data come from: others, other numbers


@dataclass(frozen=True)
class Part:
    """A run that is done: its report as JSON, and the folder with its files; new: it was done just now."""

    report: dict[str, object]
    folder: Path
    new: bool = False

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of one of its files. Raises InputError."""
        return files.arrays(self.folder / name)

    def model(self) -> PolarFactorization:
        """The model of a training. Raises InputError."""
        from npf_engine.bundle.package import load_bundle

        return load_bundle(next(self.folder.glob("npf-*.zip")))

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

    def __init__(self, inner: Recorder, name: str) -> None:
        super().__init__(inner)
        self.name = name

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """A step of the part's own stage."""
        self.inner.progress(str(Place(self.name, stage.replace(": ", ", "))), step, total, **scalars)

    def note(self, text: str) -> None:
        """With the part's name."""
        self.inner.note(f"{self.name}: {text}")

    def checkpoint_due(self) -> bool:
        """As the whole run's."""
        return self.inner.checkpoint_due()

    def save(self, key: str, state: State) -> None:
        """Under the part's name."""
        self.inner.save(f"{self.name}-{key}", state)

    def load(self, key: str) -> State | None:
        """What was kept under the part's name."""
        return self.inner.load(f"{self.name}-{key}")


def done(name: str, spec: Spec, recorder: Recorder, folder: Path) -> Part:
    """The run that ``spec`` describes, done in ``folder``/parts/name and then kept, or taken from those that are.

    Raises InputError where it cannot be had here, Cancelled when the recorder says so.
    """
    kept = cache_folder("reproduced") / _key(spec)
    if (report := files.read_json(kept / layout.REPORT)) is not None:
        recorder.stage(name, "restored")
        return Part(report, kept)
    recorder.stage(name, "started")
    workplace = folder / "parts" / layout.slug(name)
    workplace.mkdir(parents=True, exist_ok=True)
    report = kinds.of(spec).do(spec, PartRecorder(recorder, name), workplace).to_json()
    report.pop("bundle", None)  # a path of this run's folder
    files.write_json(workplace / layout.REPORT, report)
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        workplace.rename(kept)
    except OSError:  # another run was done with it first, or the home is on another disk than the folder
        kept = workplace
    recorder.stage(name, "done")
    return Part(report, kept, new=True)


def _key(spec: Spec) -> str:
    """Of what decides the numbers: settings, version, and where data come from."""
    told: dict[str, object] = {"spec": to_json(spec), "kind": kinds.of(spec).name, "version": __version__}
    told |= {name: os.environ.get(name, "") for name in PLACES}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:20]
