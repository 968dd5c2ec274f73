"""The dual in balanced coordinates, step by step: rates, batches, tolerances and validations by their formulas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npf_engine.transport import balanced_dual, optimise
from npf_engine.transport.balanced_dual import BalancedPlan, DualFit, Samples, minimise_dual
from npf_engine.transport.schedule import Budget, Seconds, Steps
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
    """One minimise_dual whose conjugates are all (1, 1) and take a second each, whose held-out duals are those of the
    test; everything that was asked for on the way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, duals: Iterable[float] | None = None) -> None:
        self.recorder, self.u = ByHand(), Linear()
        self.solved: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []
        self.lost: Iterable[int] = ()
        duals = iter(duals or (100.0 - k for k in range(999)))
        mine = self

        class Adam(optimise.Adam):
            def step(self, rates: Sequence[float]) -> None:
                mine.steps.append({"lr": rates[0], "betas": self.groups[0][1], "slope": mine.u.p.grad})
                super().step(rates)

        class HeldOut:
            memory, first, converged, x = torch.zeros(1), 100.0, 0.75, torch.zeros(1)

            def __init__(self, u: Any, x: Tensor, y: Tensor, start: Tensor, method: str, **given: Any) -> None:
                assert x is CHECK[0] and y is CHECK[1] and start is y and method == "lbfgs"
                assert given == {"tolerance": 3e-3, "max_iterations": 60, "solved": 0.0}

            def dual(self) -> float:
                return next(duals)

        def conjugate(u: Any, y: Tensor, guess: Tensor, **given: Any) -> Any:
            mine.recorder.now += 1.0
            number = len(mine.solved)
            mine.solved.append({"y": y, "guess": guess.clone()} | given)
            x = torch.full_like(y, math.nan if number in mine.lost else 1.0)
            return SimpleNamespace(x=x, evaluations=float(number))

        monkeypatch.setattr(optimise, "Adam", Adam)
        monkeypatch.setattr(balanced_dual, "conjugate", conjugate)
        monkeypatch.setattr(balanced_dual, "extra_iterations", lambda extra, solved: extra + 1)
        monkeypatch.setattr(balanced_dual, "HeldOut", HeldOut)

    def run(self, budget: Budget, **plan: Any) -> DualFit:
        given: Any = {"rate": 0.2, "batch": 64} | plan
        return minimise_dual(self.u, Samples(X, Y, *CHECK), BalancedPlan(**given), budget, recorder=self.recorder)  # type: ignore[arg-type]


def test_every_step_has_its_rate_batch_and_tolerance_by_the_share_that_is_spent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Fit(monkeypatch)
    fit = run.run(Steps(96), iterations=(5, 21))
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
    assert fit.evaluations == pytest.approx(95 / 2)
    assert fit.curve == [(8.0 * k, 100.0 - k) for k in range(13)]
    assert (fit.best, fit.converged, fit.ended_early, fit.diverged) == (88.0, 0.75, False, 0)


def test_the_smallest_batch_is_one_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Fit(monkeypatch)
    run.run(Steps(3), batch=1)
    assert [len(solved["y"]) for solved in run.solved] == [1, 1, 1]


def test_the_clock_ends_it_with_or_without_a_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Fit(monkeypatch).run(Seconds(24.0)).steps == 24
    assert Fit(monkeypatch).run(Steps(1000, 24.0)).steps == 24
    assert Fit(monkeypatch).run(Seconds(-5.0)).steps == 1


@pytest.mark.parametrize("when", [6, 9])
def test_what_brings_nothing_more_hastens_the_rest_once(when: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The duals stop to fall so that the validation of that number is the first without a gain."""
    falling = [100.0 - k for k in range(when - balanced_dual.PATIENCE + 1)]
    run = Fit(monkeypatch, [*falling, *[falling[-1]] * 99])
    fit = run.run(Seconds(96.0))
    spent = 8 * when
    assert fit.ended_early and fit.steps == spent + (96 - spent) // 4 and len(fit.curve) == 13
    assert fit.curve[when + 1][0] == pytest.approx(spent + 2)
    by_steps = Fit(monkeypatch, [*falling, *[falling[-1]] * 99]).run(Steps(24))
    assert by_steps.steps == 24 and not by_steps.ended_early


def test_numbers_that_are_lost_go_back_with_half_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimise, "EVERY", 20)
    run = Fit(monkeypatch)
    run.lost = (45,)
    fit = run.run(Steps(96))
    # Lost in step 46, seen after 51; it goes on from 41.
    assert fit.diverged == 0 and fit.steps == 96 and len(run.steps) == 96 + 10
    share = 0.01 + 0.99 * (1 + math.cos(math.pi * 60 / 96)) / 2
    assert run.steps[70]["lr"] == pytest.approx(0.1 * share)
    assert len(fit.curve) == 13 and torch.isfinite(run.u.p).all()


def test_after_two_setbacks_it_ends_with_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Fit(monkeypatch)
    run.lost = range(10, 9999)
    fit = run.run(Steps(96))
    assert fit.diverged == fit.steps > 10 and fit.best == 99.0 and torch.isfinite(run.u.p).all()
    early = Fit(monkeypatch)
    early.lost = range(9999)
    with pytest.raises(FloatingPointError, match="not finite at step"):
        early.run(Steps(96))
