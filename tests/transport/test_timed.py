"""The dual within a time: what a lost dual leaves, how the rest of the schedule is hastened, a known minimum."""

from __future__ import annotations

import itertools

import pytest
import torch

from npf_engine.networks.wide import WidePotential
from npf_engine.tasks import steady
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import timed
from npf_engine.transport.timed import HASTE, minimise_dual


def _clouds(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    return torch.randn(n, 2, generator=g), torch.randn(n, 2, generator=g)


def _breaks(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """A clock of 5 ms a look at it, and conjugates that are not finite from their ``at``-th call on."""
    ticks, calls = itertools.count(), itertools.count()
    real = timed.conjugate

    def conjugate(*args: object, **kwargs: object) -> object:
        found = real(*args, **kwargs)  # type: ignore[arg-type]
        if next(calls) >= at:
            found.x.fill_(torch.nan)
        return found

    monkeypatch.setattr(steady, "seconds", lambda: 0.005 * next(ticks))
    monkeypatch.setattr(timed, "conjugate", conjugate)


def test_weights_from_before_the_dual_was_lost_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _breaks(monkeypatch, at=60)
    x, y = _clouds(500)
    u = WidePotential(2, (4,), pieces=2)
    fit = minimise_dual(u, x, y + 3, x, y + 3, 2.0, batch=32)
    assert fit.diverged >= fit.steps > 20 and fit.best < fit.looks[0][1]
    assert all(torch.isfinite(p).all() for p in u.parameters())


def test_a_dual_that_is_lost_at_once_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _breaks(monkeypatch, at=1)
    x, y = _clouds(500)
    with pytest.raises(FloatingPointError, match="not finite at step"):
        minimise_dual(WidePotential(2, (4,), pieces=2), x, y, x, y, 2.0, batch=32)


def test_a_schedule_of_steps_is_not_the_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.count()
    monkeypatch.setattr(steady, "seconds", lambda: 1e-6 * next(now))
    x, y = _clouds(500)
    fit = minimise_dual(WidePotential(2, (4,), pieces=2), x, y, x, y, 1.0, batch=32, steps=24)
    assert fit.steps == 24 and len(fit.looks) == timed.LOOKS + 1
    monkeypatch.setattr(steady, "seconds", lambda: 0.01 * next(now))
    end = 0.01 * next(now) + 1.0
    assert minimise_dual(WidePotential(2, (4,), pieces=2), x, y, x, y, end, batch=32, steps=10**6).steps < 100


def test_the_rest_of_the_schedule_is_hastened(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(steady, "seconds", lambda: now)
    clock = timed._Clock(Recorder(), now, 60.0)
    now = 130.0
    assert clock.spent() == pytest.approx(0.5)
    clock.hasten(clock.spent())
    assert clock.spent() == pytest.approx(0.5)
    now += 30.0 / HASTE
    assert clock.spent() == pytest.approx(1.0)


def test_where_nothing_is_to_be_gained_it_ends_before_its_time_and_no_worse_than_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(steady, "seconds", lambda: 0.01 * next(ticks))  # however busy the machine is
    x, y = _clouds(4000)
    check = _clouds(4000)[1]
    u = WidePotential(2, (), pieces=0, share=0.0, seed=0)  # |x|^2 / 2, the answer
    fit = minimise_dual(u, x, y, check[:2000], check[2000:], 6.0, rate=0.03, batch=2048)
    assert fit.ended_early and fit.looks[-1][0] < 5.5
    assert fit.best <= fit.looks[0][1]
    assert fit.best == pytest.approx(2.0, abs=0.15)  # E |x|^2 of the standard normal in the plane
