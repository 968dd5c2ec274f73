"""A fit that ends on held-out samples: when, with which weights, and the same after a break."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.divergences import l2_uvp
from npf_engine.errors import Cancelled
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import validation
from npf_engine.transport.conjugate import Conjugate
from npf_engine.transport.dual import DualPlan, fit_dual, fit_to_pairs
from npf_engine.transport.dual_value import held_out_dual
from npf_engine.transport.plateau import CLOSEST, Plateau
from npf_engine.transport.schedule import At, cosine
from npf_engine.transport.schedule import Steps as Budgeted
from npf_engine.transport.validation import HeldOut

CONFIG = PotentialConfig(hidden=(16, 16), regression_steps=2000, batch=256, patience=3)


def truth(x: Tensor) -> Tensor:
    """grad of sum x^4 / 4 + |x|^2 / 2."""
    return x**3 + x


def cloud(n: int, seed: int) -> Tensor:
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def start() -> tuple[QuadraticICNN, HeldOut]:
    u = QuadraticICNN(2, CONFIG.hidden, seed=0)
    u.start_at_identity(torch.eye(2), 1.0)
    return u, HeldOut(u, cloud(1000, 1), truth(cloud(1000, 2)), None, "auto")


class Steps(Recorder):
    """Remembers the last step and the total of each stage; keeps every checkpoint, and breaks off after ``until``."""

    def __init__(self, until: int | None = None) -> None:
        self.until, self.checks = until, 0
        self.memo: dict[str, Any] = {}
        self.last: dict[str, tuple[int, int]] = {}
        self.notes: list[str] = []

    def check(self) -> None:
        self.checks += 1
        if self.checks == self.until:
            raise Cancelled("enough")

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        self.last[stage] = (step, total)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def checkpoint_due(self) -> bool:
        return self.until is not None and self.checks + 1 == self.until

    def save(self, key: str, state: dict[str, Any]) -> None:
        self.memo[key] = copy.deepcopy(state)

    def load(self, key: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.memo.get(key))


def fit(recorder: Recorder) -> tuple[QuadraticICNN, HeldOut]:
    u, held_out = start()
    x = cloud(4000, 3)
    fit_to_pairs(u, (x, truth(x)), CONFIG, 5, recorder, held_out=held_out)
    config = replace(CONFIG, polish_steps=200, polish_lr=3e-3)
    plan = DualPlan.polish(config, ConjugateConfig(), None)
    fit_dual(u, x, truth(cloud(4000, 4)), plan, 6, recorder, held_out=held_out)
    return u, held_out


@pytest.fixture(scope="module")
def unbroken() -> tuple[QuadraticICNN, Steps]:
    steps = Steps()
    return fit(steps)[0], steps


def test_both_parts_end_before_all_their_steps_and_the_known_map_is_found(unbroken: tuple[QuadraticICNN, Steps]):
    u, steps = unbroken
    for stage, most in {"u": CONFIG.regression_steps, "u: dual": 200}.items():
        step, total = steps.last[stage]
        assert step == total < most and total % 2 == 0
        said = f"{stage}: {total} of at most {most} steps, for the held-out dual was flat after {total // 2}"
        assert said in steps.notes
    check = cloud(2000, 7)
    # The identity has 47. Six draws of network and samples: .02, .04, .10, .32, 1.13 and 1.23 (three checks are short).
    assert l2_uvp(u.gradient(check).detach(), truth(check)) < 2


def test_breaks_change_nothing(unbroken: tuple[QuadraticICNN, Steps]):
    whole, steps = unbroken
    memo: dict[str, Any] = {}
    for until in (3, 150, steps.checks - 162):  # at first, among the pairs, some ten checks before the dual's end
        broken = Steps(until)
        broken.memo = memo
        with pytest.raises(Cancelled):
            fit(broken)
        assert memo
    again = Steps()
    again.memo = memo
    resumed, _ = fit(again)
    assert again.checks < 100, "what is kept is not done again"
    assert again.last == steps.last
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_best_look_is_returned_where_no_step_brings_a_gain(unbroken: tuple[QuadraticICNN, Steps]):
    u = copy.deepcopy(unbroken[0])
    x, y = cloud(1000, 1), truth(cloud(1000, 2))
    before = held_out_dual(u, x, y).value
    # A rate a hundred times too high only spoils it.
    plan, held_out = DualPlan.of(CONFIG, ConjugateConfig(), Budgeted(100), 0.3), HeldOut(u, x, y, None, "auto")
    fit_dual(u, cloud(4000, 3), truth(cloud(4000, 4)), plan, 6, Recorder(), held_out=held_out)
    assert held_out_dual(u, x, y).value <= before + 1e-6


def test_conjugates_that_do_not_converge_are_no_gain(monkeypatch: pytest.MonkeyPatch):
    u, held_out = start()
    value = held_out.dual()
    assert value == pytest.approx(held_out_dual(u, held_out.x, held_out.y).value, abs=1e-4)

    def lost(u: QuadraticICNN, y: Tensor, *_: Any, **__: Any) -> Conjugate:
        return Conjugate(torch.zeros_like(y), torch.ones(len(y)), torch.zeros(len(y), dtype=torch.bool), 1.0)

    monkeypatch.setattr(validation, "conjugate", lost)
    assert held_out.dual() == math.inf
    # What cannot be judged is trained to the end, and not thrown away.
    steps, before = Steps(), [p.detach().clone() for p in u.parameters()]
    x = cloud(4000, 3)
    fit_to_pairs(u, (x, truth(x)), replace(CONFIG, regression_steps=100), 5, steps, held_out=held_out)
    assert steps.last["u"] == (100, 100) and "too few held-out conjugates converged" in steps.notes[0]
    assert l2_uvp(u.gradient(x).detach(), truth(x)) < 20
    assert not all(torch.equal(a, b) for a, b in zip(before, u.parameters(), strict=True))


def test_the_rate_stays_then_falls_to_its_floor():
    _, held_out = start()
    stop = Plateau(held_out, 3)
    assert stop.position(0.0) == stop.position(0.9) == 0.0
    assert [stop.likely_end(share) for share in (0.0, 0.3, 0.6)] == [0.4, 0.6, 1.0]
    weights = [p.detach() for p in held_out.u.parameters()]
    for step in range(1000):
        at = At(step, 0.0, step / 1000, 0.0, 1.0)
        if step == 0 or stop.due(at):
            stop.validate(at, weights, [w.clone() for w in weights])  # nothing moves: no validation gains
        if stop.turn:
            break
    assert stop.turn_step == 3 * CLOSEST and stop.end() == 2 * stop.turn
    assert stop.likely_end(stop.turn) == stop.end()
    assert stop.position(stop.turn) == 0.0 and stop.position(stop.end()) == 1.0
    assert cosine(0.0, 0.01) == 1.0 and cosine(1.0, 0.01) == pytest.approx(0.01)
