"""A job of few samples whose clock is moved by looking at it, for the tests of single stages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from npf_engine.fields.field import Scaling, Units
from npf_engine.polar.stages.job import Job
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks.recorder import Recorder
from tests.tiny import tiny_spec


class Clock(Recorder):
    """A second passes at each look at the clock; what is saved and told is kept."""

    def __init__(self, memo: dict[str, Any] | None = None) -> None:
        self.now, self.memo, self.told, self.stages = 0.0, memo or {}, list[tuple[Any, ...]](), list[tuple[Any, ...]]()

    def clock(self) -> float:
        self.now += 1.0
        return self.now

    def save(self, key: str, state: dict[str, Any]) -> None:
        self.memo[key] = state

    def load(self, key: str) -> dict[str, Any] | None:
        return self.memo.get(key)

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        self.told.append((stage, step, total, scalars))

    def stage(self, name: str, state: str, seconds: float | None = None) -> None:
        self.stages.append((name, state, seconds))

    def note(self, text: str) -> None:
        self.told.append((text,))


def job(recorder: Recorder | None = None, n: int = 90, d: int = 2, **settings: Any) -> tuple[Job, TrainingSpec]:
    """A job on n training samples of F(x) = 40 + (3 x_1, x_2^3, ...) and 20 test samples, off the origin; its spec."""
    spec = tiny_spec(**({"u.hidden": (4,), "seed": 5} | settings))
    g = torch.Generator().manual_seed(1)
    x = 2 * torch.rand(n + 20, d, generator=g) - 1
    y = 40 + torch.cat([3 * x[:, :1], x[:, 1:] ** 3], 1)
    field: Any = SimpleNamespace(
        d=d,
        rho="box",
        x_train=x[:n],
        y_train=y[:n],
        x_test=x[n:],
        y_test=y[n:],
        lattice=None,
        name="f",
        n=n + 20,
        kind="function",
        warnings=[],
        conversions=[],
        shift=(),
        provenance={},
        scaling=Scaling.of_box((-1.0,) * d, (1.0,) * d),
        units=Units(("x",) * d, ("",) * d, ""),
        low=(-1.0,) * d,
        high=(1.0,) * d,
        function=None,
    )
    return Job(field, x[:n], y[:n], spec.seed, recorder or Clock()), spec


def picks(batch: int, n: int = 90) -> tuple[Tensor, torch.Generator]:
    """What a loop's stand-in (tests/polar/loops.py) draws for its one step, and its generator after that."""
    g = torch.Generator().manual_seed(3)
    return torch.randint(n, (batch,), generator=g), g
