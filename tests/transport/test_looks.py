"""Averaged weights looked at on held-out samples: when looks count as the end, and which weights are kept."""

from __future__ import annotations

import math

import pytest
import torch

from npf_engine.networks.wide import WidePotential
from npf_engine.transport import looks as module
from npf_engine.transport.conjugate import Conjugate
from npf_engine.transport.looks import HeldOut, Looks, follow


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
def test_which_looks_count_as_the_end(duals: list[float], since: int, stale: bool) -> None:
    looks = Looks(held_out(), 3, 2e-3)
    looks.duals, looks.best_dual, looks.held_out.first = duals, min(duals), duals[0]
    assert looks.stale(since) is stale


def test_the_best_averaged_weights_are_kept_and_the_present_ones_stay() -> None:
    looks = Looks(held_out(), 3, 2e-3)
    parameters = [p.detach() for p in looks.held_out.u.parameters()]
    good = [p.clone() for p in parameters]
    bad = [p + 3.0 for p in parameters]
    present = [p + 0.5 for p in parameters]
    torch._foreach_copy_(parameters, present)
    first, second = looks.look(parameters, good), looks.look(parameters, bad)
    assert first < second and looks.best_dual == first and looks.duals == [first, second]
    for best, expected in zip(looks.best, good, strict=True):
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
