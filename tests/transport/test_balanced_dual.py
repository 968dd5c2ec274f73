"""The dual in balanced coordinates: what a lost dual leaves, budgets of steps and of seconds, a known minimum."""

from __future__ import annotations

import itertools

import pytest
import torch

from npf_engine.networks.wide import WidePotential
from npf_engine.tasks import steady
from npf_engine.transport import balanced_dual
from npf_engine.transport.balanced_dual import BalancedPlan, Samples, minimise_dual
from npf_engine.transport.schedule import Seconds, Steps


def _clouds(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    return torch.randn(n, 2, generator=g), torch.randn(n, 2, generator=g)


def _breaks(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """A clock of 5 ms a look at it, and conjugates that are not finite from their ``at``-th call on."""
    ticks, calls = itertools.count(), itertools.count()
    real = balanced_dual.conjugate

    def conjugate(*args: object, **kwargs: object) -> object:
        found = real(*args, **kwargs)  # type: ignore[arg-type]
        if next(calls) >= at:
            found.x.fill_(torch.nan)
        return found

    monkeypatch.setattr(steady, "seconds", lambda: 0.005 * next(ticks))
    monkeypatch.setattr(balanced_dual, "conjugate", conjugate)


SMALL = BalancedPlan(batch=32)


def test_weights_from_before_the_dual_was_lost_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _breaks(monkeypatch, at=60)
    x, y = _clouds(500)
    u = WidePotential(2, (4,), pieces=2)
    fit = minimise_dual(u, Samples(x, y + 3, x, y + 3), SMALL, Steps(400))
    assert fit.diverged >= fit.steps > 20 and fit.best < fit.curve[0][1]
    assert all(torch.isfinite(p).all() for p in u.parameters())


def test_a_dual_that_is_lost_at_once_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _breaks(monkeypatch, at=1)
    x, y = _clouds(500)
    with pytest.raises(FloatingPointError, match="not finite at step"):
        minimise_dual(WidePotential(2, (4,), pieces=2), Samples(x, y, x, y), SMALL, Steps(400))


def test_a_schedule_of_steps_is_not_the_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.count()
    monkeypatch.setattr(steady, "seconds", lambda: 1e-6 * next(now))
    x, y = _clouds(500)
    samples = Samples(x, y, x, y)
    fit = minimise_dual(WidePotential(2, (4,), pieces=2), samples, SMALL, Steps(24, 1.0))
    assert fit.steps == 24 and len(fit.curve) == balanced_dual.VALIDATIONS + 1
    monkeypatch.setattr(steady, "seconds", lambda: 0.01 * next(now))
    assert minimise_dual(WidePotential(2, (4,), pieces=2), samples, SMALL, Steps(10**6, 1.0)).steps < 100


def test_where_nothing_is_to_be_gained_it_ends_before_its_time_and_no_worse_than_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(steady, "seconds", lambda: 0.01 * next(ticks))  # however busy the machine is
    x, y = _clouds(4000)
    check = _clouds(4000)[1]
    u = WidePotential(2, (), pieces=0, share=0.0, seed=0)  # |x|^2 / 2, the answer
    fit = minimise_dual(u, Samples(x, y, check[:2000], check[2000:]), BalancedPlan(0.03, 2048), Seconds(12.0))
    assert fit.ended_early and fit.curve[-1][0] < 11.9
    assert fit.best <= fit.curve[0][1]
    assert fit.best == pytest.approx(2.0, abs=0.15)  # E |x|^2 of the standard normal in the plane
