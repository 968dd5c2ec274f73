"""The training loop by hand: rates, averages, what progress and the clock say, and a stop that changes nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.errors import Cancelled
from npf_engine.transport import optimise as module
from npf_engine.transport.schedule import At, Own, Schedule, Seconds, Stage, Steps, Stop, cosine, spent
from tests.transport.by_hand import ByHand, Training


class Point(nn.Module):
    def __init__(self, value: float = 4.0) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([value]))


class Keeping(ByHand):
    """Saves after these steps, and stops at one."""

    def __init__(self, due: tuple[int, ...] = (), stop: int = -1) -> None:
        super().__init__()
        self.due, self.stop, self.checks = due, stop, 0
        self.memo: dict[str, Any] = {}
        self.saved: list[int] = []

    def check(self) -> None:
        if self.checks == self.stop:
            raise Cancelled
        self.checks += 1
        self.now += 100.0  # a rest, which is not counted

    def checkpoint_due(self) -> bool:
        return self.checks in self.due

    def save(self, key: str, state: dict[str, Any]) -> None:
        self.saved.append(int(state["step"]))
        self.memo[key] = _copied(state)

    def load(self, key: str) -> dict[str, Any] | None:
        return self.memo.get(key)


def _copied(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.clone()
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    return [_copied(value) for value in state] if isinstance(state, list) else state


def noisy(u: Point, recorder: ByHand | None = None, seen: list[float] | None = None) -> Any:
    """(p - 1 - noise)^2, two seconds a step."""

    def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        noise = torch.randn(1, generator=generator)
        if recorder is not None:
            recorder.now += 2.0
        if seen is not None:
            seen.append(float(noise))
        return (u.p - 1 - noise).square().sum(), {"at": float(step)}

    return loss


def by_hand(steps: int, rate: float, floor: float, ema: float, from_start: bool) -> tuple[float, list[float]]:
    """The parameter and the losses of torch's own Adam on a cosine, averages by their formula."""
    u, g = Point(), seeds.generator(7, "k")
    optimiser = torch.optim.Adam(u.parameters(), lr=rate, betas=(0.8, 0.95))
    average, losses = float(u.p.detach()), []
    for k in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * (floor + (1 - floor) * (1 + math.cos(math.pi * k / steps)) / 2)
        optimiser.zero_grad()
        loss = noisy(u)(k, g)[0]
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        decay = ema if from_start else min(ema, (1 + k) / (10 + k))
        average += (1 - decay) * (float(u.p.detach()) - average)
    return average if ema else float(u.p.detach()), losses


@pytest.mark.parametrize(("ema", "from_start"), [(0.0, False), (0.9, False), (0.9, True)])
def test_the_loop_is_adam_on_a_cosine_and_leaves_the_average(ema: float, from_start: bool) -> None:
    u, recorder = Point(), Keeping()
    loop = Training(
        "s", "k", {"u": u}, 25, 0.3, 7, recorder, floor=0.2, betas=(0.8, 0.95), ema=ema, from_start=from_start
    )
    assert loop.run(noisy(u, recorder)) == 50.0  # rests between the steps are not counted
    value, losses = by_hand(25, 0.3, 0.2, ema, from_start)
    assert float(u.p.detach()) == pytest.approx(value, rel=1e-4)
    assert recorder.told == [("s", step, 25) for step in (1, 11, 21, 25)]
    assert [shown["at"] for shown in recorder.shown] == [0.0, 10.0, 20.0, 24.0]
    assert [shown["loss"] for shown in recorder.shown] == pytest.approx([losses[k] for k in (0, 10, 20, 24)], rel=1e-4)
    assert not recorder.notes and recorder.saved == []


def test_the_rate_falls_from_the_first_to_the_floor_and_a_module_may_have_its_own() -> None:
    assert [cosine(k / 40, 0.2) for k in (0, 20, 40)] == pytest.approx([1.0, 0.6, 0.2])
    u, v = Point(0.0), Point(0.0)
    both = Training("s", "k", {"u": u, "v": v}, 1, 0.3, 0, ByHand(), own={"v": Own(0.01)})
    both.run(lambda step, generator: (u.p.sum() + v.p.sum(), {}))
    assert float(u.p.detach()) == pytest.approx(-0.3, rel=1e-4)  # Adam's first step is the rate
    assert float(v.p.detach()) == pytest.approx(-0.01, rel=1e-4)


def test_a_module_may_have_its_own_betas_and_floor() -> None:
    """Beside another module the parameter goes the way that it goes alone."""
    beside = Point()
    u = Point()
    pair = {"v": Point(1.0), "u": u}
    loop = Training(
        "s", "k", pair, 25, 0.1, 7, ByHand(), floor=0.9, betas=(0.5, 0.5), own={"u": Own(0.3, 0.2, (0.8, 0.95))}
    )
    loop.run(lambda step, generator: (noisy(u)(step, generator)[0] + pair["v"].p.square().sum(), {}))
    assert float(u.p.detach()) == pytest.approx(by_hand(25, 0.3, 0.2, 0.0, False)[0], rel=1e-4)
    alone = Training("s", "k", {"v": beside}, 25, 0.1, 7, ByHand(), floor=0.9, betas=(0.5, 0.5))
    torch.nn.init.constant_(beside.p, 1.0)
    alone.run(lambda step, generator: (beside.p.square().sum(), {}))
    assert float(pair["v"].p.detach()) == pytest.approx(float(beside.p.detach()), rel=1e-4)


@pytest.mark.parametrize("at", [0, 1, 13])
def test_a_loop_that_is_stopped_goes_on_with_the_same_numbers(at: int) -> None:
    """Weights, averages, moments, noise, seconds and the stage's memory; it is saved after each step but the last."""

    def start(recorder: Keeping) -> tuple[Point, Tensor, Training, Any]:
        u, memory = Point(), torch.zeros(1)
        loss = noisy(u, recorder)

        def counted(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
            memory.add_(1.0)
            value, shown = loss(step, generator)
            return value * memory.sqrt(), shown

        return u, memory, Training("s", "k", {"u": u}, 20, 0.3, 7, recorder, ema=0.9, memory={"m": memory}), counted

    whole, _, loop, loss = start(Keeping())
    assert loop.run(loss) == 40.0
    recorder = Keeping(due=tuple(range(99)), stop=at)
    _, _, loop, loss = start(recorder)
    with pytest.raises(Cancelled):
        loop.run(loss)
    assert recorder.saved == list(range(1, at + 1))
    recorder.stop = -1
    again, memory, loop, loss = start(recorder)
    assert loop.run(loss) == 40.0 and torch.equal(again.p, whole.p) and float(memory) == 20.0
    assert recorder.saved == list(range(1, 20)) and not recorder.notes


@pytest.mark.parametrize(("step", "fits"), [(-1, False), (0, True), (20, True), (21, False)])
def test_a_checkpoint_is_of_a_step_of_this_loop(step: int, fits: bool) -> None:
    recorder = Keeping(due=(3,), stop=3)
    with pytest.raises(Cancelled):
        u = Point()
        Training("s", "k", {"u": u}, 20, 0.3, 7, recorder).run(noisy(u))
    recorder.memo["k"]["step"], recorder.stop = step, -1
    seen: list[float] = []
    u = Point()
    Training("s", "k", {"u": u}, 20, 0.3, 7, recorder).run(noisy(u, None, seen))
    assert len(recorder.notes) == (not fits) and len(seen) == (20 - step if fits else 20)


def test_a_state_is_remembered_every_hundred_steps_and_gone_back_to(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    honest = module.Setbacks.keep

    def keep(setbacks: Any, state: dict[str, Any]) -> None:
        kept.append(state["step"])
        honest(setbacks, state)

    monkeypatch.setattr(module.Setbacks, "keep", keep)
    monkeypatch.setattr(module, "EVERY", 5)
    u, recorder, calls = Point(), Keeping(), list[int]()
    plain = noisy(u)

    def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        calls.append(step)
        value, shown = plain(step, generator)
        return (value * math.nan if len(calls) == 9 else value), shown

    Training("s", "k", {"u": u}, 20, 0.3, 7, recorder).run(loss)
    # The ninth step (8) is lost, which the next look, after step 11, sees; it goes on from 6 with half the rate.
    assert kept == [0, 1 + 5, 1 + 10, 1 + 15] and calls == [*range(11), *range(6, 20)]
    assert len(recorder.notes) == 1 and "back to step 6 with 0.5 of the rate" in recorder.notes[0]
    assert math.isfinite(float(u.p.detach()))


class Looking(Stop):
    """Ends a training of 40 steps at ``end`` once it has looked at step 10, with weights of its own."""

    def __init__(self, end: int) -> None:
        self.until, self.looks = 40, list[tuple[int, float, float]]()
        self.last = end

    def due(self, at: At) -> bool:
        return at.step % 5 == 0

    def validate(self, at: At, parameters: list[Tensor], average: list[Tensor]) -> None:
        self.looks.append((at.step, float(parameters[0]), float(average[0])))
        if at.step == 10 or self.last == 0:
            self.until = self.last

    def position(self, spent: float) -> float:
        return 0.5

    def end(self) -> float:
        return self.until / 40

    def likely_end(self, spent: float) -> float:
        return (70 + round(40 * spent)) / 40

    def weights(self, average: list[Tensor]) -> list[Tensor]:
        return [torch.full_like(average[0], 9.0)]

    def sentence(self, at: At) -> str:
        return f"flat at {at.step}"

    def state(self) -> dict[str, Any]:
        return {"end": self.until, "looks": [list(look) for look in self.looks]}

    def restore(self, state: Any) -> None:
        self.until, self.looks = state["end"], [tuple(look) for look in state["looks"]]


def test_a_plateau_says_the_rate_the_end_and_the_weights() -> None:
    u, recorder, plateau = Point(0.0), Keeping(), Looking(12)
    Training("s", "k", {"u": u}, 40, 0.3, 0, recorder, floor=0.0, stop=plateau).run(
        lambda step, generator: (u.p.sum(), {})
    )
    assert [step for step, _, _ in plateau.looks] == [0, 5, 10]
    # Half of 0.3 a step; the average of the first steps is near to what it averages.
    p, average = [0.0], 0.0
    for k in range(10):
        p.append(p[-1] - 0.15)
        average += (1 - min(module.AVERAGE, (1 + k) / (10 + k))) * (p[-1] - average)
    assert plateau.looks[2][1:] == pytest.approx((p[10], average), rel=1e-4)
    assert recorder.told == [("s", 1, 71), ("s", 11, 81), ("s", 12, 82)] and recorder.notes == ["s: flat at 12"]
    assert float(u.p.detach()) == 9.0


def test_a_plateau_that_ends_before_the_first_step_changes_nothing() -> None:
    u, recorder = Point(4.0), Keeping()
    loop = Training("s", "k", {"u": u}, 40, 0.3, 0, recorder, stop=Looking(0))
    loop.run(noisy(u))
    assert float(u.p.detach()) == 4.0 and recorder.told == [] and recorder.notes == []


def test_the_first_look_is_work_and_is_not_taken_twice() -> None:
    u, recorder, plateau = Point(), Keeping(due=(3,), stop=3), Looking(12)
    honest = plateau.validate

    def slow(at: At, parameters: list[Tensor], average: list[Tensor]) -> None:
        recorder.now += 7.0
        honest(at, parameters, average)

    plateau.validate = slow  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        Training("s", "k", {"u": u}, 40, 0.3, 0, recorder, floor=0.0, stop=plateau).run(noisy(u, recorder))
    recorder.stop, other = -1, Looking(12)
    u = Point()
    seconds = Training("s", "k", {"u": u}, 40, 0.3, 0, recorder, stop=other).run(noisy(u, recorder))
    assert seconds == 7.0 + 24.0 and [step for step, _, _ in other.looks] == [0, 5, 10]


def test_what_is_spent_is_the_larger_share_of_steps_and_of_seconds() -> None:
    assert spent(Steps(40), 10, 1e9) == 0.25
    assert spent(Steps(40, 100.0), 10, 20.0) == 0.25 and spent(Steps(40, 100.0), 10, 50.0) == 0.5
    assert spent(Seconds(8.0), 10**9, 2.0) == 0.25
    for over in (Steps(0), Steps(9, 0.0), Steps(9, -3.0), Seconds(0.0), Seconds(-1.0)):
        assert spent(over, 0, 0.0) == 1.0


@pytest.mark.parametrize("budget", [Seconds(40.0), Steps(1000, 40.0)])
def test_a_budget_of_seconds_ends_it_with_the_rate_at_its_floor(budget: Any) -> None:
    u, recorder, rates = Point(0.0), Keeping(), list[float]()

    def loss(at: At, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        assert at.spent == at.position == pytest.approx(max(at.seconds / 40, at.step / 1000 if at.step else 0.0))
        rates.append(at.share)
        recorder.now += 2.0
        return u.p.sum(), {}

    done = module.optimise(loss, {"u": u}, Schedule(0.3, 0.2), budget, recorder, Stage("s", "k", 0))
    assert (done.steps, done.seconds) == (20, 40.0)  # rests between the steps are not counted
    assert rates == pytest.approx([cosine(k / 20, 0.2) for k in range(20)])
    assert recorder.told[-1] == ("s", 20, 20) and recorder.told[1] == ("s", 11, 20)


def test_a_budget_of_seconds_is_not_begun_anew_when_it_is_resumed() -> None:
    recorder = Keeping(due=(7,), stop=7)

    def steps() -> int:
        u = Point()
        given = (Schedule(0.3), Seconds(40.0), recorder, Stage("s", "k", 7))
        return module.optimise(lambda at, g: noisy(u, recorder)(at.step, g), {"u": u}, *given).steps

    with pytest.raises(Cancelled):
        steps()
    recorder.stop = -1
    assert steps() == 20


def test_the_rate_rises_over_the_warm_up() -> None:
    u = Point(0.0)
    Training("s", "k", {"u": u}, 1, 0.3, 0, ByHand(), warm_up=50).run(lambda step, generator: (u.p.sum(), {}))
    assert float(u.p.detach()) == pytest.approx(-0.3 / 50, rel=1e-4)
