"""Averaged weights looked at on held-out samples: when validation count as the end, and which weights are kept."""

from __future__ import annotations

import math

import pytest
import torch

from npf_engine.networks.wide import WidePotential
from npf_engine.transport import validation as module
from npf_engine.transport.conjugate import Conjugate
from npf_engine.transport.validation import HeldOut, Validation, follow


def held_out(solved: float = 0.95) -> HeldOut:
    g = torch.Generator().manual_seed(0)
    y = torch.randn(200, 2, generator=g)
    return HeldOut(WidePotential(2, (4,), pieces=2), torch.randn(200, 2, generator=g), y, None, "lbfgs", solved=solved)


@pytest.mark.parametrize(
    ("duals", "since", "stale"),
    [
        ([1.0, 2.0, 2.0, 2.0], 1, False),  # nothing but the start to compare with
        ([1.0, 2.0, 2.0, 2.0], 0, True),  # unless the start is asked too
        ([1.0, 3.0, 2.5, 2.0, 1.5, 1.2], 1, False),  # from a start at rest, and on the way back to it
        ([9.0, 3.0, 2.0, 2.0, 2.0, 2.0], 1, True),
        ([9.0, 3.0, 2.0, 2.5, 2.5, 1.9], 1, False),
        ([9.0, 3.0, 2.0, 2.0, 2.0, 1.99], 0, True),  # 0.01 of a descent of 7 is no gain
        ([math.inf, 3.0, 3.0, 3.0], 0, False),  # a look that could not be judged says nothing
        ([9.0, 3.0, math.inf, math.inf, math.inf], 0, False),
    ],
)
def test_which_validation_count_as_the_end(duals: list[float], since: int, stale: bool) -> None:
    validation = Validation(held_out(), 3, 2e-3)
    validation.duals, validation.best_dual, validation.held_out.first = duals, min(duals), duals[0]
    assert validation.stale(since) is stale


def test_the_best_averaged_weights_are_kept_and_the_present_ones_stay() -> None:
    validation = Validation(held_out(), 3, 2e-3)
    parameters = [p.detach() for p in validation.held_out.u.parameters()]
    good = [p.clone() for p in parameters]
    bad = [p + 3.0 for p in parameters]
    present = [p + 0.5 for p in parameters]
    torch._foreach_copy_(parameters, present)
    first, second = validation.validate(parameters, good), validation.validate(parameters, bad)
    assert first < second and validation.best_dual == first and validation.duals == [first, second]
    for best, expected in zip(validation.best, good, strict=True):
        assert torch.equal(best, expected)
    for now, expected in zip(parameters, present, strict=True):
        assert torch.equal(now, expected)


@pytest.mark.parametrize("share", [0.0, 0.95])
def test_the_share_that_converged_is_known_and_may_be_asked_for(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(u: WidePotential, y: torch.Tensor, *_: object, **__: object) -> Conjugate:
        return Conjugate(y, torch.ones(len(y)), torch.arange(len(y)) % 2 == 0, 1.0)

    monkeypatch.setattr(module, "conjugate", half)
    apart = held_out(share)
    assert math.isfinite(apart.dual()) is (share == 0.0)
    assert apart.converged == 0.5


def test_the_average_forgets_the_start_unless_told_to_keep_it() -> None:
    for step, end in ((0, 1.0), (None, 0.0)):
        average = [torch.zeros(1)]
        for index in range(50):
            follow(average, [torch.ones(1)], 0.999, index if step is not None else None)
        assert (average[0] > 0.9 if end else average[0] < 0.1).all()


def test_the_dual_of_a_look_is_mean_u_plus_mean_conjugate_from_the_last_validation_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Conjugates at (1, 2): the dual is mean u(x) + mean (<(1, 2), y> - u(1, 2))."""
    asked: list[tuple[torch.Tensor | None, dict[str, object]]] = []
    share = 0.9

    def conjugate(u: WidePotential, y: torch.Tensor, guess: torch.Tensor | None, **given: object) -> Conjugate:
        asked.append((guess, given))
        return Conjugate(torch.tensor([1.0, 2.0]).expand_as(y), y[:, 0], torch.arange(10) < 10 * share, 1.0)

    monkeypatch.setattr(module, "conjugate", conjugate)
    g = torch.Generator().manual_seed(0)
    u, x, y = WidePotential(2, (4,), pieces=2), torch.randn(7, 2, generator=g), 3 + torch.randn(10, 2, generator=g)
    apart = HeldOut(u, x, y, None, "lbfgs", tolerance=0.3, max_iterations=9, solved=0.85)
    assert apart.converged == 1.0 and math.isnan(apart.first)
    at = torch.tensor([[1.0, 2.0]])
    wanted = float((u(x).mean() + (y @ at[0]).mean() - u(at)[0]).detach())
    first = apart.dual()
    assert first == pytest.approx(wanted, rel=1e-5) and apart.first == first and apart.converged == pytest.approx(0.9)
    assert asked[0] == (None, {"method": "lbfgs", "tolerance": 0.3, "max_iterations": 9})
    with torch.no_grad():
        u.b.add_(1.0)
    assert apart.dual() != first and apart.first == first
    assert asked[1][0] is not None and torch.equal(asked[1][0], at.expand(10, 2))
    share = 0.8
    assert apart.dual() == math.inf
    some = y.clone()
    some[3, 1] = math.nan  # one coordinate that is not known
    HeldOut(u, x, y, some, "lbfgs", solved=0.0).dual()
    assert asked[-1][0] is None
    HeldOut(u, x, y, y, "lbfgs", solved=0.0).dual()
    assert asked[-1][0] is not None and torch.equal(asked[-1][0], y)


def test_validation_that_could_not_be_judged_leave_the_first_until_one_can() -> None:
    validation = Validation(held_out(), 3, 2e-3)
    assert (validation.best_dual, validation.best_converged, validation.best) == (math.inf, 1.0, [])
    duals = iter([math.inf, math.inf, 5.0, math.inf, 4.0, 6.0])
    validation.held_out.dual = lambda: next(duals)  # type: ignore[method-assign]
    kept: list[float] = []
    for k in range(6):
        validation.held_out.converged = k / 10
        assert validation.validate([torch.zeros(1)], [torch.full((1,), float(k))]) == validation.duals[-1]
        kept.append(float(validation.best[0]))
        assert validation.best_converged == kept[-1] / 10
    assert kept == [0.0, 0.0, 2.0, 2.0, 4.0, 4.0] and validation.best_dual == 4.0
