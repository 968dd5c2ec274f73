"""Potentials by the dual: their sizes, how many steps a time allows, the steps that are looked at, the identity."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npf_engine.networks.classical_icnn import ClassicalICNN
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.studies.lab import dual_methods
from npf_engine.studies.lab.dual_methods import dual_network, fit_by_dual
from npf_engine.tasks.recorder import Recorder


@pytest.mark.parametrize(
    ("d", "published", "ours", "others"), [(2, False, 32, 32), (40, False, 40, 80), (2, True, 2, 4), (40, True, 40, 80)]
)
def test_networks_have_the_papers_sizes_or_at_least_32(d: int, published: bool, ours: int, others: int) -> None:
    target = torch.randn(100, d, generator=torch.Generator().manual_seed(0))
    u = dual_network("icnn", d, target, 3, published)
    assert isinstance(u, QuadraticICNN) and u.s.name == "elu" and u.strong_convexity == pytest.approx(0.01)
    assert [layer.units for layer in u.direct] == [ours] * 4 and u.tail.rank == (1 if published else d)
    for name, quadratic in (("icnn-linear", False), ("icnn-fquad", True)):
        v = dual_network(name, d, target, 3, published)
        assert isinstance(v, ClassicalICNN) and v.hidden == (others,) * 4
        assert (v.A is not None) == quadratic and v.strong_convexity == pytest.approx(0.01)
    w = dual_network("lse", d, target, 3, published)
    assert isinstance(w, LogSumExpPotential) and torch.equal(w.W.detach(), target[:64])
    assert float(nn.functional.softplus(w.raw_t.detach())) == pytest.approx(
        0.3
    ) and w.strong_convexity == pytest.approx(0.05)


class ByHand(Recorder):
    now = 50.0

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "steps", "done", "seen"),
    [
        (None, None, 400, [*range(0, 400, 33), 399]),
        (None, 5, 5, [0, 1, 2, 3, 4]),
        (20.0, None, 28, [*range(0, 27, 2), 27]),  # 0.9 (50 + 20 - 54) / 0.5
        (20.0, 1000, 28, [*range(0, 27, 2), 27]),
        (20.0, 10, 10, list(range(10))),
        (4.2, None, 1, [0]),
    ],
)
def test_a_time_allows_the_steps_that_fit_into_what_the_start_leaves(
    seconds: float | None, steps: int | None, done: int, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds for the identity, half a second a step."""
    recorder, runs, watched = ByHand(), list[tuple[Any, ...]](), list[int]()

    def identity(u: Any, x: Tensor, seed: int, to: Recorder) -> None:
        recorder.now += 2.0

    def fit_dual(
        u: Any, x: Any, y: Any, count: int, rate: float, config: Any, solver: Any, seed: int, to: Any, watch: Any
    ) -> None:
        recorder.now += 0.5 * count
        runs.append((count, rate, config.batch, config.lr_floor, solver.max_iterations, len(x), len(y), seed))
        for step in range(count):
            assert watch is None or watch(step) == {}

    monkeypatch.setattr(dual_methods, "_identity", identity)
    monkeypatch.setattr(dual_methods, "fit_dual", fit_dual)

    def normal(n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 2, generator=generator)

    def watch(step: int, u: Any) -> None:
        watched.append(step)

    u = fit_by_dual("lse", normal, normal, 2, 3, recorder, seconds, steps, watch, batch=77)
    assert isinstance(u, LogSumExpPotential) and watched == seen
    given = (dual_methods.RATES["lse"], 77, 0.05, 60, dual_methods.POOL, dual_methods.POOL, 3)
    assert runs[-1] == (done, *given) and runs[:-1] == ([] if seconds is None else [(4, *given)])
    fit_by_dual("lse", normal, normal, 2, 3, recorder, None, 3)  # and nobody has to watch


def test_the_identity_is_the_regression_of_points_on_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []

    class Once:
        def __init__(self, *given: Any) -> None:
            assert given[3:5] == (dual_methods.IDENTITY_STEPS, dual_methods.IDENTITY_RATE)

        def run(self, loss: Any) -> None:
            losses.append(float(loss(0, torch.Generator().manual_seed(5))[0]))

    class Tripled:
        def gradient(self, x: Tensor) -> Tensor:
            return 3 * x

    monkeypatch.setattr(dual_methods, "Loop", Once)
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(1)).double()
    dual_methods._identity(Tripled(), x, 0, Recorder())
    picked = x[torch.randint(200, (dual_methods.IDENTITY_BATCH,), generator=torch.Generator().manual_seed(5))]
    assert losses == [pytest.approx(4 * float(picked.square().sum(1).mean()))]
