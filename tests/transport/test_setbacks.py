"""Trainings whose numbers are lost, and checkpoints that can be read and are wrong."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npf_engine.errors import Cancelled, TrainingDiverged
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.mlp import MLP
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.sampling import npf_networks
from npf_engine.sampling.npf_networks import NpfNetworks, NpfSettings
from npf_engine.tasks.recorder import Recorder
from npf_engine.tasks.restoring import all_finite
from npf_engine.transport import optimise
from npf_engine.transport.adversarial import AdversarialConfig, Adversary
from npf_engine.transport.setbacks import Setbacks
from tests.transport.by_hand import Training


class Memory(Recorder):
    """Keeps checkpoints in memory, one at every step from ``since`` on, and breaks off at check ``until``."""

    def __init__(self, until: int | None = None, since: int = 0) -> None:
        self.until, self.since, self.checks = until, since, 0
        self.memo: dict[str, Any] = {}
        self.notes: list[str] = []

    def check(self) -> None:
        self.checks += 1
        if self.checks == self.until:
            raise Cancelled("enough")

    def note(self, text: str) -> None:
        self.notes.append(text)

    def checkpoint_due(self) -> bool:
        return self.until is not None and self.checks >= self.since

    def save(self, key: str, state: dict[str, Any]) -> None:
        for module in state["modules"].values():
            assert all_finite(list(module.values()))
        self.memo[key] = copy.deepcopy(state)

    def load(self, key: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.memo.get(key))


def network(seed: int = 0, dtype: torch.dtype = torch.float32) -> MLP:
    return MLP(2, 2, (8,), seed=seed).to(dtype)


class Task:
    """Regress on the swapped coordinates; at step ``at`` the loss is NaN, ``times`` times."""

    def __init__(self, m: MLP, at: int = -1, times: int = 0, how: str = "loss") -> None:
        self.m, self.at, self.times, self.how = m, at, times, how
        self.x = torch.rand(500, 2, generator=torch.Generator().manual_seed(1)).to(next(m.parameters()))

    def __call__(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        x = self.x[torch.randint(500, (64,), generator=generator)]
        value = (self.m(x) - x.flip(1)).square().sum(1).mean()
        if step == self.at and self.times:
            self.times -= 1
            if self.how == "loss":
                return value * torch.nan, {}
            # A finite loss whose gradient is not: |z| sqrt at zero.
            return value + (0 * x.sum() * next(self.m.parameters()).sum()).abs().sqrt(), {}
        return value, {}


def run(
    recorder: Recorder, at: int = -1, times: int = 0, steps: int = 400, how: str = "loss", ema: float = 0.99
) -> dict[str, Tensor]:
    m = network()
    Training("m", "m.fit", {"m": m}, steps, 1e-2, 3, recorder, ema=ema).run(Task(m, at, times, how))
    return {name: value.clone() for name, value in m.state_dict().items()}


@pytest.mark.parametrize(("how", "ema"), [("loss", 0.99), ("gradient", 0.0)])
def test_a_training_goes_back_with_half_the_rate_and_ends_well(how: str, ema: float):
    told = Memory()
    weights = run(told, at=250, times=1, how=how, ema=ema)
    assert all_finite(list(weights.values()))
    (note,) = told.notes
    assert "no longer finite" in note and "back to step 201 with 0.5 of the rate" in note
    m = network()
    m.load_state_dict(weights)
    assert float(Task(m)(0, torch.Generator().manual_seed(9))[0].detach()) < 0.01


def test_twice_and_then_a_sentence_with_advice():
    told = Memory()
    with pytest.raises(TrainingDiverged, match=r"stage 'm'.*choose a smaller learning rate") as error:
        run(told, at=250, times=99)
    assert "at step 251" in str(error.value) and "FloatingPointError" not in str(error.value)
    assert [note.partition("; ")[2] for note in told.notes] == [
        "back to step 201 with 0.5 of the rate",
        "back to step 101 with 0.25 of the rate",
    ]


def test_beside_a_device_an_infinite_loss_counts_once(monkeypatch: pytest.MonkeyPatch):
    """What was seen before the setback is not what is seen after it, though the next look is far off."""
    made = optimise._Work.__init__

    def beside_a_device(work: optimise._Work, *given: Any) -> None:
        made(work, *given)
        work.looked = optimise.LOOKED

    monkeypatch.setattr(optimise._Work, "__init__", beside_a_device)
    told, m, seen = Memory(), network(), [0]
    task = Task(m)

    def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        value, shown = task(step, generator)
        seen[0] += step == 200
        return value + (torch.inf if step == 200 and seen[0] == 1 else 0.0), shown

    Training("m", "m.fit", {"m": m}, 400, 1e-2, 3, told).run(loss)
    assert [note.partition("; ")[2] for note in told.notes] == ["back to step 101 with 0.5 of the rate"]


def test_a_loss_that_is_lost_at_the_last_step_is_not_the_result():
    assert all_finite(list(run(Memory(), at=399, times=1, how="gradient").values()))


@functools.cache
def with_a_setback() -> dict[str, Tensor]:
    return run(Memory(), at=250, times=1)


@pytest.mark.parametrize("broken_off", [60, 249, 251, 300])
def test_a_training_with_a_setback_is_resumed_to_the_same_numbers(broken_off: int):
    whole = with_a_setback()
    first = Memory(until=broken_off, since=broken_off - 1)
    m = network()
    task = Task(m, at=250, times=1)
    with pytest.raises(Cancelled):
        Training("m", "m.fit", {"m": m}, 400, 1e-2, 3, first, ema=0.99).run(task)
    first.until = None
    m = network()
    Training("m", "m.fit", {"m": m}, 400, 1e-2, 3, first, ema=0.99).run(Task(m, at=250, times=task.times))
    for name, value in m.state_dict().items():
        assert torch.equal(value, whole[name]), name


def nan_weights(state: dict[str, Any]) -> None:
    next(iter(state["modules"]["m"].values()))[0] = torch.nan


def no_average(state: dict[str, Any]) -> None:
    state["average"] = []


def other_moments(state: dict[str, Any]) -> None:
    state["optimiser"]["state"][0]["exp_avg"] = torch.zeros(3)


def other_precision(state: dict[str, Any]) -> None:
    state["modules"]["m"] = {name: value.double() for name, value in state["modules"]["m"].items()}


def other_network(state: dict[str, Any]) -> None:
    state["modules"]["m"] = MLP(3, 2, (8,)).state_dict()


def too_far(state: dict[str, Any]) -> None:
    state["step"] = 9999


def no_modules(state: dict[str, Any]) -> None:
    del state["modules"]


def words(state: dict[str, Any]) -> None:
    state.clear()
    state["what"] = "is this"


def bad_generator(state: dict[str, Any]) -> None:
    state["generator"] = torch.zeros(4, dtype=torch.uint8)


WRONG = [
    nan_weights,
    no_average,
    other_moments,
    other_precision,
    other_network,
    too_far,
    no_modules,
    words,
    bad_generator,
]


@functools.cache
def broken_at_200() -> dict[str, Any]:
    """What a training leaves that is broken off."""
    broken = Memory(until=200, since=199)
    with pytest.raises(Cancelled):
        run(broken, steps=250)
    return broken.memo


@functools.cache
def unbroken() -> dict[str, Tensor]:
    return run(Memory(), steps=250)


@pytest.mark.parametrize("spoil", WRONG, ids=lambda f: f.__name__)
def test_a_checkpoint_that_is_wrong_starts_its_stage_again(spoil: Callable[[dict[str, Any]], None]):
    broken = Memory()
    broken.memo = copy.deepcopy(broken_at_200())
    spoil(broken.memo["m.fit"])
    weights = run(broken, steps=250)
    (note,) = broken.notes
    assert "'m'" in note and "does not fit" in note and "starts again" in note
    for name, value in unbroken().items():
        assert torch.equal(value, weights[name])


def test_setbacks_remember_two_states_and_are_slower_each_time():
    back = Setbacks("x")
    for step in range(5):
        back.keep({"step": step, "w": torch.full((2,), float(step))})
    assert back.back(9)["step"] == 4 and back.share == 0.5
    assert back.back(9)["step"] == 3 and back.share == 0.25
    with pytest.raises(TrainingDiverged):
        back.back(9)


def networks(monkeypatch: pytest.MonkeyPatch, bad: Callable[[int], bool]) -> NpfNetworks:
    """The networks of a sampler, whose bridge's loss is NaN at the updates that ``bad`` names."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(256, 2, generator=generator) * 2 - 1
    made = NpfNetworks.fresh(x, 2 * x + 0.1, NpfSettings(batch=32, replay=256, bridge_hidden=(8,)), 0)
    real, calls = Bridge.loss, [0]

    def loss(self: Bridge, *args: Any) -> Tensor:
        calls[0] += 1
        value = real(self, *args)
        return value * torch.nan if bad(calls[0]) else value

    monkeypatch.setattr(Bridge, "loss", loss)
    return made


def finite(module: nn.Module) -> bool:
    return all_finite(list(module.state_dict().values()))


def test_a_samplers_networks_pass_over_a_bad_batch_and_go_back_after_many(monkeypatch: pytest.MonkeyPatch):
    made = networks(monkeypatch, lambda call: 10 < call <= 15 or 30 < call <= 30 + npf_networks.USELESS)
    made.train(60)
    assert made.setbacks.count == 1 and all(finite(module) for module in made.modules.values())
    assert made.optimiser.param_groups[0]["lr"] == pytest.approx(0.5 * made.settings.u_rate)
    again = networks(monkeypatch, lambda call: False)
    again.load_state_dict(copy.deepcopy(made.state_dict()))
    assert again.setbacks.count == 1


def test_a_sampler_that_learns_nothing_says_so(monkeypatch: pytest.MonkeyPatch):
    made = networks(monkeypatch, lambda call: call > 5)
    with pytest.raises(TrainingDiverged, match="'networks'"):
        made.train(5 + 3 * npf_networks.USELESS)
    assert isinstance(made.u, QuadraticICNN) and finite(made.u)


def test_a_critic_never_takes_a_step_that_is_not_finite():
    target = torch.zeros(16, 2)
    critic = Adversary(target + torch.arange(16.0)[:, None], AdversarialConfig(), 0)
    critic.train(torch.full((16, 2), torch.nan), target, torch.Generator().manual_seed(0))
    assert finite(critic.critic)
