"""The papers' network within a time: its start, its pairs, and the time that each stage gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import PotentialConfig
from npf_engine.transport import fit_narrow as module
from npf_engine.transport.clouds import Clouds
from npf_engine.transport.dual import DualPlan
from npf_engine.transport.fit_narrow import _pairs, _start, fit_narrow
from npf_engine.transport.schedule import Seconds, Steps
from tests.transport.by_hand import ByHand

X = torch.randn(60, 2, generator=torch.Generator().manual_seed(1))
Y = 5 + torch.randn(50, 2, generator=torch.Generator().manual_seed(2)) @ torch.tensor([[3.0, 0.5], [0.5, 1.0]])
SMALL = PotentialConfig(hidden=(4, 3), regression_steps=70, polish_steps=30, pairings=3, pair_size=1000, patience=0)


def test_the_start_has_the_size_of_the_target() -> None:
    u = _start(X[:50], Y, SMALL, 3)
    away = Y - Y.mean(0)
    assert float(u.scale) == pytest.approx(float(away.square().sum(1).mean()) ** 0.5, rel=1e-5)
    assert torch.equal(u.direct[0].B, QuadraticICNN(2, (4, 3), seed=3).direct[0].B) and len(u.direct) == 2
    moved = u.gradient(X).detach()
    assert float((moved.mean(0) - Y.mean(0)).norm()) < 0.3 * float(u.scale)
    still = _start(X[:50], Y, replace(SMALL, start="identity"), 3)
    quadratic = float(still.scale) * 2 * still.tail.A.T @ still.tail.A
    torch.testing.assert_close(quadratic, torch.eye(2), atol=1e-4, rtol=1e-4)
    assert float(still.tail.B.detach().abs().max()) == 0
    assert float(_start(X[:50], torch.full((50, 2), 4.0), SMALL, 0).scale) == 1.0


@pytest.mark.parametrize(
    ("left", "seconds", "size", "count"),
    [(100.0, 1.0, 60, 3), (100.0, 60.0, 60, 2), (-1.0, 60.0, 7, 1), (4.0, 0.1, 60, 3), (3.9, 0.1, 7, 3)],
)
def test_assignments_are_made_until_there_are_enough_or_the_time_is_up(
    left: float, seconds: float, size: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, asked = ByHand(), list[tuple[int, int, int]]()

    def collect_pairs(x: Tensor, y: Tensor, size: int, count: int, seed: int, to: Any) -> tuple[Tensor, Tensor]:
        recorder.now += seconds
        asked.append((size, count, seed))
        return torch.full((2, 2), float(seed)), torch.full((2, 2), -float(seed))

    monkeypatch.setattr(module, "collect_pairs", collect_pairs)
    monkeypatch.setattr(module, "FEW_PAIRS", 7)
    source, target = _pairs(X, X, SMALL, 20, 50 + left, recorder)
    each = [seeds.child(20, f"pairs.{k}") for k in range(count)]
    assert asked == [(size, 1, seed) for seed in each]
    assert torch.equal(source[::2, 0], torch.tensor(each).float()) and torch.equal(target, -source)
    _pairs(X, X, replace(SMALL, pair_size=30), 0, 900.0, recorder)
    assert asked[-1][0] == 30


class Stages:
    """Both trainings and the pairs as stand-ins that take a known time; what each was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorder = ByHand()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.pairs_until = 0.0

        def pairs(x: Any, y: Any, config: Any, seed: int, until: float, recorder: Any) -> tuple[Tensor, Tensor]:
            self.pairs_until = until
            recorder.now += 10.0
            return x[:9], y[:9]

        def fit_to_pairs(u: Any, pairs: Any, config: Any, seed: int, recorder: Any, budget: Any, held_out: Any) -> None:
            self.asked.append(("pairs", {"budget": budget, "seed": seed, "held_out": held_out}))
            recorder.now += 20.0

        def fit_dual(u: Any, x: Any, y: Any, plan: DualPlan, seed: int, recorder: Any, held_out: Any = None) -> None:
            self.asked.append(("dual", {"plan": plan, "seed": seed, "held_out": held_out, "n": len(y)}))

        monkeypatch.setattr(module, "_pairs", pairs)
        monkeypatch.setattr(module, "fit_to_pairs", fit_to_pairs)
        monkeypatch.setattr(module, "fit_dual", fit_dual)


def test_pairs_get_two_fifths_of_the_time_and_a_polish_three_tenths_of_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages, clouds = Stages(monkeypatch), Clouds(X, Y, 0)
    found = fit_narrow(clouds, SMALL, 3, 150.0, stages.recorder)
    assert found.info == {"method": "icnn"} and torch.equal(found.at.P, clouds.plain().P)
    assert stages.pairs_until == pytest.approx(90.0)
    # The pairs took ten seconds of the hundred, the regression on them twenty.
    (_, pairs), (name, polish) = stages.asked
    assert (pairs["budget"].count, pairs["seed"], pairs["held_out"]) == (70, 3, None)
    assert pairs["budget"].seconds == pytest.approx(0.7 * 90)
    plan = polish["plan"]
    assert name == "dual" and (plan.budget, polish["seed"], polish["n"]) == (Steps(30, 70.0), 3, 45)
    assert plan.schedule.rate == SMALL.polish_lr and plan.start is not None and plan.start.shape == (45, 2)


def test_without_a_polish_the_pairs_have_all_the_time_and_with_patience_it_is_validated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages, clouds = Stages(monkeypatch), Clouds(X, Y, 0)
    fit_narrow(clouds, replace(SMALL, polish_steps=0, patience=4), 3, 150.0, stages.recorder)
    ((_, given),) = stages.asked
    assert given["budget"] == Steps(70, 90.0) and len(given["held_out"].x) == 6 and len(given["held_out"].y) == 5
    assert not given["held_out"].memory.isnan().any()
    both = Stages(monkeypatch)
    fit_narrow(clouds, replace(SMALL, patience=4), 3, 150.0, both.recorder)
    assert both.asked[1][1]["held_out"] is both.asked[0][1]["held_out"] is not None


def test_where_no_neighbour_is_near_conjugates_start_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = torch.randn(40, module.LOOKUP_MAX_D + 1, generator=torch.Generator().manual_seed(0))
    stages = Stages(monkeypatch)
    fit_narrow(Clouds(wide, wide + 1, 0), replace(SMALL, patience=4), 3, 150.0, stages.recorder)
    assert stages.asked[0][1]["held_out"].memory.isnan().all() and stages.asked[1][1]["plan"].start is None


def test_by_the_dual_alone_all_of_the_time_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages(monkeypatch)
    fit_narrow(Clouds(X, Y, 0), replace(SMALL, method="dual"), 3, 51.0, stages.recorder)
    ((name, given),) = stages.asked
    plan = given["plan"]
    assert name == "dual" and plan.budget == Seconds(1.0) and plan.schedule.rate == SMALL.dual_lr
    assert given["seed"] == 3 and given["n"] == 45
    for until in (50.0, 49.0):
        with pytest.raises(FloatingPointError, match="more seconds"):
            fit_narrow(Clouds(X, Y, 0), SMALL, 3, until, stages.recorder)
