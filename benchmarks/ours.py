"""The stage u of a training alone, with its curve: what the peers of ``bench_terrain_peers`` are held against."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from npf_engine.fields.field import Field
from npf_engine.networks.icnn import ConvexPotential
from npf_engine.polar.training import train
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks.recorder import Recorder


class _Done(Exception):
    """The stage u is over."""


@dataclass
class Snapshot:
    """u's weights after ``seconds`` of wall time; ``best``: those that would be returned then, in the order of its
    parameters, where they are others."""

    seconds: float
    state: dict[str, Tensor]
    best: list[Tensor]


@dataclass
class StageU(Recorder):
    """Keeps u's weights at geometrically spaced times, and ends the training when u is done."""

    first: float = 0.5
    ratio: float = 1.3
    snapshots: list[Snapshot] = field(default_factory=list)
    seconds: float = 0.0
    begin: float = field(default_factory=time.perf_counter)
    spent: float = 0.0  # on keeping weights

    def __post_init__(self) -> None:
        self.due = self.first

    def stage(self, name: str, state: str, seconds: float | None = None) -> None:
        """The clock starts with the stage u."""
        if state == "started":
            self.begin = time.perf_counter()

    def _elapsed(self) -> float:
        return time.perf_counter() - self.begin - self.spent

    def checkpoint_due(self) -> bool:
        """At the next time of the curve."""
        return self._elapsed() >= self.due

    def save(self, key: str, state: dict[str, Any]) -> None:
        """Every checkpoint of a loop that holds u, and the stage's own last word."""
        elapsed = self._elapsed()
        if key == "u.done":
            self.seconds = elapsed
            self._keep(elapsed, state["u"], [])
            raise _Done
        if "u" in state.get("modules", {}):
            self._keep(elapsed, state["modules"]["u"], state["plateau"].get("best", []))
            self.due = max(self.due, elapsed) * self.ratio
        self.spent += self._elapsed() - elapsed

    def _keep(self, seconds: float, state: dict[str, Tensor], best: list[Tensor]) -> None:
        own = {name: value.detach().clone() for name, value in state.items()}
        self.snapshots.append(Snapshot(seconds, own, [b.clone() for b in best]))


def train_u(data: Field, spec: TrainingSpec) -> tuple[list[tuple[float, ConvexPotential]], float]:
    """[(seconds, u at that time)], the last one the finished u, and its seconds: wall time from the start of the
    stage, without the keeping of weights."""
    recorder = StageU()
    with contextlib.suppress(_Done):
        train(data, spec, recorder)
    curve = [(shot.seconds, _rebuild(spec, data.d, shot)) for shot in recorder.snapshots]
    return curve, recorder.seconds


def _rebuild(spec: TrainingSpec, d: int, shot: Snapshot) -> ConvexPotential:
    u = ConvexPotential(d, spec.u.hidden, rank=spec.u.rank, activation=spec.u.activation, seed=spec.seed)
    u.load_state_dict(shot.state)
    if shot.best:
        torch._foreach_copy_([p.detach() for p in u.parameters()], shot.best)
    return u.to(torch.float64 if spec.dtype == "float64" else torch.float32)
