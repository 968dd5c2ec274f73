"""The papers' network within a time: its start, its pairs, how many steps there is time for, what each stage gets."""

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
from npf_engine.transport.fit_narrow import _affordable, _pairs, _start, fit_narrow
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


@pytest.mark.parametrize(
    ("fixed", "each", "left", "steps"),
    [
        (0.5, 0.2, 110.6, 421),  # (0.85 * 100 - 0.7) / 0.2
        (6.0, 0.2, 121.6, 211),  # (0.85 * 100 - 6.2) / (8.2 / 22): steps that vary, and not ten of them 2 seconds
        (0.5, 0.2, 11.0, 1),
    ],
)
def test_the_steps_that_fit_are_known_from_three_short_runs_on_copies(
    fixed: float, each: float, left: float, steps: int
) -> None:
    u, recorder, counts = QuadraticICNN(2, (3,), seed=1), ByHand(), list[int]()

    def run(model: QuadraticICNN, count: int) -> None:
        assert model is not u and torch.equal(model.raw_w, u.raw_w)
        recorder.now += (7.0 if not counts else fixed) + each * count  # the very first is slower
        counts.append(count)

    found = _affordable(u, run, 50 + left, 0.85, recorder)
    assert counts == [1, 1, 11]
    assert found == steps


class Stages:
    """Both trainings and the pairs as stand-ins that take no time; what each was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, affordable: int) -> None:
        self.recorder = ByHand()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.timed: list[tuple[float, float]] = []
        self.pairs_until = 0.0

        def count_of(u: Any, steps: Any, until: float, share: float, recorder: Any) -> int:
            self.timed.append((until, share))
            steps(module.copy_as(u, torch.float32), 11)
            self.asked.pop()[1]["held_out"] is None or pytest.fail("a copy is not looked at")  # type: ignore[func-returns-value]
            return affordable

        def pairs(x: Any, y: Any, config: Any, seed: int, until: float, recorder: Any) -> tuple[Tensor, Tensor]:
            self.pairs_until = until
            recorder.now += 10.0
            return x[:9], y[:9]

        def fit_to_pairs(
            u: Any, source: Any, target: Any, config: Any, seed: int, recorder: Any, held_out: Any
        ) -> None:
            self.asked.append(("pairs", {"steps": config.regression_steps, "seed": seed, "held_out": held_out}))
            recorder.now += 20.0

        def fit_dual(u: Any, x: Any, y: Any, count: int, rate: float, *rest: Any, **more: Any) -> None:
            given = {"steps": count, "rate": rate, "seed": rest[2], "held_out": None, "start": None, "n": len(y)}
            self.asked.append(("dual", given | more))

        monkeypatch.setattr(module, "_affordable", count_of)
        monkeypatch.setattr(module, "_pairs", pairs)
        monkeypatch.setattr(module, "fit_to_pairs", fit_to_pairs)
        monkeypatch.setattr(module, "fit_dual", fit_dual)


def test_pairs_get_two_fifths_of_the_time_and_a_polish_three_tenths_of_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages, clouds = Stages(monkeypatch, 50), Clouds(X, Y, 0)
    found = fit_narrow(clouds, SMALL, 3, 150.0, stages.recorder)
    assert found.info == {"method": "icnn"} and torch.equal(found.at.P, clouds.plain().P)
    assert stages.pairs_until == pytest.approx(90.0)
    # The pairs took ten seconds of the hundred; the timed run and the fit to pairs twenty each.
    assert stages.timed == [(pytest.approx(60 + 0.7 * 90), 0.85), (150.0, 0.85)]
    assert stages.asked[0] == ("pairs", {"steps": 50, "seed": 3, "held_out": None})
    name, polish = stages.asked[1]
    start = polish.pop("start")
    assert name == "dual" and polish == {"steps": 30, "rate": SMALL.polish_lr, "seed": 3, "held_out": None, "n": 45}
    assert start.shape == (45, 2)


def test_without_a_polish_the_pairs_have_all_the_time_and_with_patience_there_are_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages, clouds = Stages(monkeypatch, 500), Clouds(X, Y, 0)
    fit_narrow(clouds, replace(SMALL, polish_steps=0, patience=4), 3, 150.0, stages.recorder)
    assert stages.timed == [(150.0, module.LOOKS)] and len(stages.asked) == 1
    _, given = stages.asked[0]
    assert given["steps"] == 70 and len(given["held_out"].x) == 6 and len(given["held_out"].y) == 5
    assert not given["held_out"].memory.isnan().any()
    both = Stages(monkeypatch, 500)
    fit_narrow(clouds, replace(SMALL, patience=4), 3, 150.0, both.recorder)
    assert both.asked[1][1]["held_out"] is both.asked[0][1]["held_out"] is not None


def test_where_no_neighbour_is_near_conjugates_start_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = torch.randn(40, module.LOOKUP_MAX_D + 1, generator=torch.Generator().manual_seed(0))
    stages = Stages(monkeypatch, 5)
    fit_narrow(Clouds(wide, wide + 1, 0), replace(SMALL, patience=4), 3, 150.0, stages.recorder)
    assert stages.asked[0][1]["held_out"].memory.isnan().all() and stages.asked[1][1]["start"] is None


def test_by_the_dual_alone_all_steps_that_fit_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages(monkeypatch, 500)
    fit_narrow(Clouds(X, Y, 0), replace(SMALL, method="dual"), 3, 51.0, stages.recorder)
    ((name, given),) = stages.asked
    assert name == "dual" and given["steps"] == 500 and given["rate"] == SMALL.dual_lr and given["seed"] == 3
    assert given["n"] == 45 and stages.timed == [(51.0, 0.85)]
    for until in (50.0, 49.0):
        with pytest.raises(FloatingPointError, match="more seconds"):
            fit_narrow(Clouds(X, Y, 0), SMALL, 3, until, stages.recorder)
