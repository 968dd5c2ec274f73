"""The dual within a time, step by step: rates, batches, tolerances, looks and setbacks by their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npf_engine.transport import timed
from npf_engine.transport.timed import TimedFit, minimise_dual
from tests.transport.by_hand import ByHand

X, Y = torch.full((90, 2), 3.0), torch.stack([torch.arange(70.0), torch.ones(70)], 1)
CHECK = torch.zeros(5, 2), torch.ones(6, 2)


class Linear(nn.Module):
    """u(x) = <p, x>."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.p


class Fit:
    """One minimise_dual whose conjugates are all (1, 1) and take a second each, whose looks answer as the test says;
    everything that was asked for on the way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorder, self.u = ByHand(), Linear()
        self.solved: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []
        self.averaged: list[tuple[float, int]] = []
        self.stale: Callable[[int], bool] = lambda looks: False
        self.lost: Iterable[int] = ()
        self.spoiled: Iterable[int] = ()
        self.since: set[int] = set()
        self.best = [torch.tensor([5.0, 6.0])]
        self.looked = 0
        mine = self

        class Adam(torch.optim.Adam):
            def step(self, closure: Any = None) -> None:  # type: ignore[override]
                group = self.param_groups[0]
                mine.steps.append(
                    {"lr": group["lr"], "betas": group["betas"], "slope": mine.u.p.grad, "fresh": not self.state}
                    | {"at": mine.u.p.detach().clone()}
                )
                super().step(closure)

        def conjugate(u: Any, y: Tensor, guess: Tensor, **given: Any) -> Any:
            mine.recorder.now += 1.0
            number = len(mine.solved)
            mine.solved.append({"y": y, "guess": guess.clone()} | given)
            x = torch.full_like(y, math.nan if number in mine.lost else 1.0)
            return SimpleNamespace(x=x, evaluations=float(number))

        def follow(average: list[Tensor], parameters: list[Tensor], decay: float, step: int) -> None:
            mine.averaged.append((decay, step))
            if step in mine.spoiled:
                average[0].fill_(math.nan)

        def held_out(u: Any, x: Tensor, y: Tensor, start: Tensor, method: str, **given: Any) -> Any:
            assert x is CHECK[0] and y is CHECK[1] and start is y and method == "lbfgs"
            assert given == {"tolerance": 3e-3, "max_iterations": 60, "solved": 0.0}
            return "held out"

        monkeypatch.setattr(torch.optim, "Adam", Adam)
        monkeypatch.setattr(timed, "conjugate", conjugate)
        monkeypatch.setattr(timed, "extra_iterations", lambda extra, solved: extra + 1)
        monkeypatch.setattr(timed, "follow", follow)
        monkeypatch.setattr(timed, "HeldOut", held_out)
        monkeypatch.setattr(timed, "Looks", self.looks)

    def looks(self, held_out: Any, patience: int, gain: float) -> Any:
        assert (held_out, patience, gain) == ("held out", timed.PATIENCE, timed.SMALLEST_GAIN)

        def look(parameters: list[Tensor], average: list[Tensor]) -> float:
            self.looked += 1
            return 100.0 - self.looked

        def stale(since: int) -> bool:
            self.since.add(since)
            return self.stale(self.looked)

        return SimpleNamespace(look=look, stale=stale, best=self.best, best_dual=-7.0, best_converged=0.75)

    def run(self, seconds: float, **given: Any) -> TimedFit:
        named: Any = {"rate": 0.2, "batch": 64, "recorder": self.recorder} | given
        return minimise_dual(self.u, X, Y, *CHECK, 50 + seconds, **named)  # type: ignore[arg-type]


def test_every_step_has_its_rate_batch_and_tolerance_by_the_share_that_is_spent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Fit(monkeypatch)
    fit = run.run(1e9, steps=96, iterations=(5, 21))
    assert fit.steps == len(run.steps) == len(run.solved) == 96
    for k, (step, solved) in enumerate(zip(run.steps, run.solved, strict=True)):
        share = 0.01 + 0.99 * (1 + math.cos(math.pi * k / 96)) / 2
        assert step["lr"] == pytest.approx(0.2 * share * min(1.0, (k + 1) / 50)) and step["betas"] == (0.9, 0.99)
        assert len(solved["y"]) == round(64 * 8 ** (k / 96 - 1))
        assert solved["tolerance"] == pytest.approx(math.sqrt(2) * (0.006 + 0.02 * share))
        assert solved["max_iterations"] == round(5 + 16 * k / 96) + k and solved["method"] == "lbfgs"
        torch.testing.assert_close(step["slope"], torch.tensor([2.0, 2.0]))  # 3 - 1: means over the batch
        known = (solved["guess"] == 1.0).all(1)
        assert torch.equal(solved["guess"][~known], solved["y"][~known]) and (k > 0 or not known.all())
    assert any(bool((s["guess"] != s["y"]).any()) for s in run.solved)  # conjugates are remembered
    assert run.averaged == [(timed.DECAY, k) for k in range(1, 97)]
    assert fit.evaluations == pytest.approx(95 / 2)
    assert [seconds for seconds, _ in fit.looks] == [8.0 * k for k in range(13)]
    assert [dual for _, dual in fit.looks] == [99.0 - k for k in range(13)]
    assert (fit.best, fit.converged) == (-7.0, 0.75) and run.u.p.tolist() == [5.0, 6.0]
    assert (fit.ended_early, fit.setbacks, fit.diverged) == (False, 0, 0)


def test_the_smallest_batch_is_one_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Fit(monkeypatch)
    run.run(1e9, steps=3, batch=1)
    assert [len(solved["y"]) for solved in run.solved] == [1, 1, 1]


def test_the_clock_ends_it_with_or_without_a_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Fit(monkeypatch).run(24.0).steps == 24
    assert Fit(monkeypatch).run(24.0, steps=1000).steps == 24
    assert Fit(monkeypatch).run(-5.0).steps == 1


@pytest.mark.parametrize("when", [4, 7])
def test_looks_that_are_stale_hasten_the_rest_once(when: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Fit(monkeypatch)
    run.stale = lambda looks: looks >= when
    fit = run.run(96.0)
    spent = 8 * (when - 1)
    assert fit.ended_early and fit.steps == spent + (96 - spent) // 4 and run.since == {1}
    assert len(fit.looks) == 13 and fit.looks[when][0] == pytest.approx(spent + 2)


def test_what_is_stale_at_the_end_or_by_a_number_of_steps_hastens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Fit(monkeypatch)
    run.stale = lambda looks: looks == 13
    fit = run.run(96.0)
    assert fit.steps == 96 and not fit.ended_early
    other = Fit(monkeypatch)
    other.stale = lambda looks: looks > 2
    fit = other.run(1e9, steps=24)
    assert fit.steps == 24 and not fit.ended_early


def test_a_dual_that_is_lost_goes_back_to_its_best_with_half_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Fit(monkeypatch)
    run.lost = (40,)
    fit = run.run(1e9, steps=96)
    # Lost in step 41, seen by the next look, after 48; what is remembered of the conjugates is forgotten as well.
    assert fit.setbacks == 1 and fit.diverged == 0 and fit.steps == 96
    assert run.steps[48]["at"].tolist() == [5.0, 6.0] and run.steps[48]["fresh"] and not run.steps[47]["fresh"]
    assert torch.equal(run.solved[48]["guess"], run.solved[48]["y"])
    share = 0.01 + 0.99 * (1 + math.cos(math.pi * 60 / 96)) / 2
    assert run.steps[60]["lr"] == pytest.approx(0.1 * share)
    assert len(fit.looks) == 13


def test_an_average_that_is_lost_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Fit(monkeypatch)
    run.spoiled = (44,)
    assert run.run(1e9, steps=96).setbacks == 1


def test_after_two_setbacks_it_ends_with_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Fit(monkeypatch)
    run.lost = range(10, 999)
    fit = run.run(1e9, steps=96)
    assert (fit.setbacks, fit.diverged, fit.steps, len(fit.looks)) == (2, 18, 18, 2)
    assert run.steps[16]["lr"] == pytest.approx(run.steps[15]["lr"] / 2 * 17 / 16, rel=0.02)
    assert run.steps[17]["lr"] == pytest.approx(run.steps[15]["lr"] / 4 * 18 / 16, rel=0.02)
    assert run.u.p.tolist() == [5.0, 6.0]
    early = Fit(monkeypatch)
    early.lost = range(999)
    with pytest.raises(FloatingPointError, match="at step 10"):
        early.run(1e9, steps=96)


def test_a_dual_that_is_lost_at_the_very_end_has_no_setback(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Fit(monkeypatch)
    run.lost = (95,)
    fit = run.run(1e9, steps=96)
    assert (fit.setbacks, fit.diverged, fit.steps, len(fit.looks)) == (0, 96, 96, 12)
