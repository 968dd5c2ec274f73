"""How the lab tells of its work: a stage for each method, what its networks do as parts of it, the time left."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from npf_engine.settings import reading
from npf_engine.studies.lab.result import MethodResult
from npf_engine.tasks.progress import Place
from npf_engine.tasks.recorder import Recorder, State
from npf_engine.tasks.restoring import restored
from npf_engine.transport.methods import registry
from npf_engine.transport.methods.method import Map, Showing

KEY = "lab"  # of the checkpoint
GUESS = 20.0  # seconds of a seed without a budget; set right by what is measured
QUICK, MEASURE = 2.0, 0.2  # seconds of a seed: of what does not learn, of the measures


class SeedRecorder(Showing):
    """Passes on what the fit of one seed tells, as a part of its method's stage, and the map on the way to ``see``.

    Keeps no checkpoint: potentials of all methods and seeds have stages of the same names, and one would go on from
    another's weights. Finished methods are kept by ``save_done``.
    """

    def __init__(
        self, inner: Recorder, method: str, index: int, seeds: int, see: Callable[[int, Map], None] | None = None
    ) -> None:
        super().__init__(inner, see)
        self.method = method
        self.seed = f"seed {index + 1} of {seeds}" if seeds > 1 else ""

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """A step of the part; of the phases of many seeds only the seed is told."""
        at = Place.of(stage)
        part = self.seed or at.part or {"u": "fit"}.get(at.stage, at.stage)
        self.inner.progress(str(Place(self.method, part)), step, total, **scalars)

    def note(self, text: str) -> None:
        """With the method's name."""
        self.inner.note(f"{self.method}: {text}")


def weights(methods: Sequence[str], seeds: int, seconds: float | None) -> dict[str, float]:
    """Guessed seconds of each method, for the time left."""
    learned = GUESS if seconds is None else seconds
    each = {name: learned if registry.get(name).learns else QUICK for name in methods}
    return {name: seeds * (guess + MEASURE) for name, guess in each.items()}


def save_done(recorder: Recorder, results: Mapping[str, MethodResult], arrays: dict[str, np.ndarray]) -> None:
    """Keep the rows and the clouds of the methods that are through, for a run that is resumed."""
    rows = {name: row.to_json() for name, row in results.items()}
    clouds = {name: torch.from_numpy(np.ascontiguousarray(cloud)) for name, cloud in arrays.items()}
    recorder.save(KEY, {"results": json.dumps(rows), "clouds": clouds})


def load_done(recorder: Recorder) -> tuple[dict[str, MethodResult], dict[str, np.ndarray]]:
    """What ``save_done`` kept; nothing where nothing was."""
    return restored(recorder, KEY, _done) or ({}, {})


def _done(state: State) -> tuple[dict[str, MethodResult], dict[str, np.ndarray]]:
    rows = reading.as_mapping("results", json.loads(reading.text(state, "results")))
    results = {name: MethodResult.of_json(reading.as_mapping(name, row)) for name, row in rows.items()}
    clouds = reading.mapping(state, "clouds")
    return results, {name: reading.of(clouds, name, torch.Tensor).numpy() for name in clouds}
