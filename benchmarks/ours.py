"""The stage u of a training alone, with its curve: what the peers of ``bench_terrain_peers`` are held against."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from npf_engine.fields.field import Field
from npf_engine.networks.potential import Potential, build_potential
from npf_engine.polar.stages.job import Job, Network
from npf_engine.polar.stages.potential import train_potential
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks.memory import keep_freed_memory
from npf_engine.tasks.recorder import Recorder


@dataclass
class Snapshot:
    """u's weights after ``seconds`` of wall time; ``best``: those that would be returned then, in the order of its
    parameters, where they are others."""

    seconds: float
    state: dict[str, Tensor]
    best: list[Tensor]


@dataclass
class StageU(Recorder):
    """Keeps u's weights at geometrically spaced times."""

    first: float = 0.5
    ratio: float = 1.3
    snapshots: list[Snapshot] = field(default_factory=list)
    begin: float = field(default_factory=time.perf_counter)
    spent: float = 0.0  # on keeping weights

    def __post_init__(self) -> None:
        self.due = self.first

    def elapsed(self) -> float:
        """Seconds of work since the stage began."""
        return time.perf_counter() - self.begin - self.spent

    def checkpoint_due(self) -> bool:
        """At the next time of the curve."""
        return self.elapsed() >= self.due

    def save(self, key: str, state: dict[str, Any]) -> None:
        """Every checkpoint of a loop that holds u."""
        elapsed = self.elapsed()
        if "u" in state.get("modules", {}):
            self._keep(elapsed, state["modules"]["u"], state["plateau"].get("best", []))
            self.due = max(self.due, elapsed) * self.ratio
        self.spent += self.elapsed() - elapsed

    def _keep(self, seconds: float, state: dict[str, Tensor], best: list[Tensor]) -> None:
        own = {name: value.detach().clone() for name, value in state.items()}
        self.snapshots.append(Snapshot(seconds, own, [b.clone() for b in best]))


def train_u(data: Field, spec: TrainingSpec) -> tuple[list[tuple[float, Potential]], float]:
    """[(seconds, u at that time)], the last one the finished u, and its seconds: wall time from the start of the
    stage, without the keeping of weights."""
    keep_freed_memory()
    job = Job.of(data, spec.stages, recorder := StageU())
    network = train_potential(job, spec.u, spec.conjugate, watched=spec.report.n).u
    seconds = recorder.elapsed()
    curve = [(shot.seconds, _rebuild(job, network, shot)) for shot in recorder.snapshots]
    return [*curve, (seconds, network.module)], seconds


def _rebuild(job: Job, network: Network[Potential], shot: Snapshot) -> Potential:
    u = build_potential(**network.arguments).to(job.x.device, job.x.dtype)
    u.load_state_dict(shot.state)
    if shot.best:
        torch._foreach_copy_([p.detach() for p in u.parameters()], shot.best)
    return u
