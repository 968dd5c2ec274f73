"""The losses of the trainings by hand: regression, the dual, the published one; and a figure of rough conjugates."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.networks.potential_losses import PotentialLosses
from npf_engine.networks.wide import WidePotential
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import dual as module
from npf_engine.transport import dual_value, stratified_dual
from npf_engine.transport.conjugate import Conjugate
from npf_engine.transport.dual import (
    DualPlan,
    PublishedPlan,
    collect_pairs,
    fit_dual,
    fit_published,
    fit_to_pairs,
    in_chunks,
)
from npf_engine.transport.dual_value import held_out_dual
from npf_engine.transport.optimise import Optimised
from npf_engine.transport.plateau import Plateau
from npf_engine.transport.schedule import At, Derived, Own, Schedule, Seconds, Stage, Steps

X, Y = (torch.randn(30, 2, generator=torch.Generator().manual_seed(s)).double() + s for s in (1, 2))


class BowlLosses(PotentialLosses):
    """Of a Bowl, which has no parameters."""

    def pairs(self, x: Tensor, target: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        return (Bowl().gradient(x) - target).square().sum(1).mean() / 25, []

    def values(self, x: Tensor, shares: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        return (Bowl()(x) * shares[:, 0]).sum() / 5, []


class Bowl(nn.Module):
    """u(x) = 3 |x|^2 + x_0, of scale 5."""

    d, scale = 2, torch.tensor(5.0)

    def losses(self) -> BowlLosses:
        return BowlLosses()

    def forward(self, x: Tensor) -> Tensor:
        return 3 * x.square().sum(1) + x[:, 0]

    def gradient(self, x: Tensor) -> Tensor:
        return 6 * x + torch.tensor([1.0, 0.0])


class Seen:
    """In the place of ``optimise``: what it was asked for, and its loss at one step of a known generator."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[SimpleNamespace] = []
        self.solved: list[tuple[Tensor, Tensor, dict[str, Any]]] = []

        def optimise(
            loss: Any, modules: Any, schedule: Schedule, budget: Steps, recorder: Any, stage: Stage, **more: Any
        ) -> Optimised:
            self.asked.append(
                SimpleNamespace(loss=loss, modules=modules, schedule=schedule, budget=budget, stage=stage, **more)
            )
            return Optimised(10.0 ** len(self.asked), 1)

        monkeypatch.setattr(module, "optimise", optimise)

    def value(self, which: int = -1, step: int = 8) -> tuple[float, dict[str, float]]:
        loss, generator = self.asked[which].loss, torch.Generator().manual_seed(5)
        if isinstance(loss, Derived):
            return float(loss.step(generator)[0]), {name: float(n) for name, n in loss.between(step).items()}
        value, shown = loss(At(step, 0.0, 0.0, 0.0, 1.0), generator)
        return float(value), {name: float(number) for name, number in shown.items()}


def drawn(count: int, *clouds: Tensor) -> list[Tensor]:
    g = torch.Generator().manual_seed(5)
    return [cloud[torch.randint(30, (count,), generator=g)] for cloud in clouds]


def watch(step: int) -> dict[str, float]:
    return {"seen": float(step)}


def test_the_regression_is_in_units_of_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, config = Seen(monkeypatch), PotentialConfig(batch=7, regression_steps=90, regression_lr=0.3, lr_floor=0.2)
    assert fit_to_pairs(Bowl(), (X, Y), config, 3, Recorder(), watch=watch) == 10.0  # type: ignore[arg-type]
    x, y = (cloud[torch.randint(30, (7,), generator=torch.Generator().manual_seed(5))] for cloud in (X, Y))
    value, shown = seen.value()
    assert value == pytest.approx(float((6 * x + torch.tensor([1.0, 0.0]) - y).square().sum()) / 25 / 7)
    assert shown == {"seen": 8.0}
    asked = seen.asked[0]
    assert (asked.budget, asked.stage.seed, asked.stop) == (Steps(90), 3, None)
    assert asked.schedule == Schedule(0.3, 0.2, (config.beta1, config.beta2))
    held_out: Any = object()
    fit_to_pairs(Bowl(), (X, Y), config, 3, Recorder(), held_out=held_out, budget=Seconds(2.0))  # type: ignore[arg-type]
    assert isinstance(seen.asked[1].stop, Plateau) and seen.value()[1] == {} and seen.asked[1].budget == Seconds(2.0)


def conjugates(seen: Seen, done: list[bool], at: float) -> Any:
    def conjugate(u: Any, y: Tensor, guess: Tensor, **given: Any) -> Conjugate:
        seen.solved.append((y, guess.clone(), given))
        points = torch.stack([torch.arange(len(y)) * 1.0, torch.full((len(y),), at)], 1).double()
        return Conjugate(points, 9.0 * ~torch.tensor(done), torch.tensor(done), 1.0)

    return conjugate


@pytest.mark.parametrize("start", [False, True])
def test_the_dual_remembers_conjugates_and_shows_its_value(start: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    picks = [torch.tensor([0, 1, 2, 3]), torch.tensor([4, 5, 6, 7])]
    seen_size: list[int] = []

    class Strata:
        def __init__(self, x: Tensor, size: int) -> None:
            seen_size.append(size)
            self.next, self.k = iter(picks * 9), size

        def sample(self, generator: torch.Generator) -> Tensor:
            return next(self.next)

    monkeypatch.setattr(stratified_dual, "Stratifier", Strata)
    monkeypatch.setattr(stratified_dual, "conjugate", conjugates(seen, [True, True, True, False], 0.5))
    monkeypatch.setattr(stratified_dual, "extra_iterations", lambda extra, result: extra + 4)
    monkeypatch.setattr(stratified_dual, "quadratic_start", lambda u, y: torch.full_like(y, -3.0))
    first = torch.full_like(Y, 2.0)
    first[5, 1] = torch.nan  # one coordinate is enough not to be known
    config, solver = PotentialConfig(batch=4, ema=0.7), ConjugateConfig(max_iterations=20, tolerance=0.3)
    plan = replace(DualPlan.of(config, solver, Steps(60), 0.1), start=first if start else None)
    fit_dual(Bowl(), X, Y, plan, 3, Recorder(), watch=watch)  # type: ignore[arg-type]
    value, shown = seen.value()
    known = torch.tensor([2.0, 2.0] if start else [-3.0, -3.0])
    y, guess, given = seen.solved[0]
    assert torch.equal(y, Y[4:8]) and given["max_iterations"] == 20 and given["tolerance"] == 0.3
    assert torch.equal(guess[[0, 2, 3]], known.expand(3, 2).double()) and guess[1].tolist() == [-3.0, -3.0]
    u, found = Bowl(), seen.asked[0].memory["xhat"][4:8]
    assert found[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0] and found[:, 1].tolist() == [0.5] * 4
    gap = float(u(X[:4]).mean() - u(found).mean())
    assert value == pytest.approx(gap / 5) and shown["converged"] == 0.75 and shown["seen"] == 8.0
    assert shown["dual"] == pytest.approx(gap + float((found * Y[4:8]).sum()) / 4)
    seen.value()
    assert torch.equal(seen.solved[1][1], found) and seen.solved[1][2]["max_iterations"] == 24
    asked = seen.asked[0]
    assert (asked.budget, asked.stage, asked.stop) == (Steps(60), Stage("u: dual", "u.dual", 3), None)
    assert (asked.schedule.rate, asked.schedule.ema, asked.schedule.from_start) == (0.1, 0.7, False) and seen_size == [
        4
    ]
    fit_dual(Bowl(), X, Y, plan, 3, Recorder(), held_out=object())  # type: ignore[arg-type]
    assert seen.asked[1].schedule.from_start is True and set(seen.value()[1]) == {"converged", "dual"}
    polish = DualPlan.polish(config, solver, first)
    assert (polish.key, polish.start) == ("u.polish", first) and polish.budget == Steps(config.polish_steps)
    assert polish.schedule.rate == config.polish_lr and DualPlan.of(config, solver).budget == Steps(config.dual_steps)


class Twice(nn.Module):
    def forward(self, y: Tensor) -> Tensor:
        return 2 * y - 1


@pytest.mark.parametrize("done", [[True, False, True, True], [False, True, False, False], [False] * 4])
def test_the_published_algorithm_leaves_out_what_did_not_converge(
    done: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(monkeypatch)
    monkeypatch.setattr(module, "conjugate", conjugates(seen, done, 0.5))
    config = PotentialConfig(batch=4, dual_steps=60, dual_lr=0.1, lr_floor=0.2)
    solver = ConjugateConfig(max_iterations=20, tolerance=0.3)
    plan = PublishedPlan(config, solver, 0.7, 0.3)
    assert fit_published(Bowl(), Twice(), X, Y, plan, 3, Recorder(), watch) == 110.0  # type: ignore[arg-type]
    warm, given = seen.asked
    assert (warm.budget, warm.schedule, warm.stage.seed) == (Steps(1000), Schedule(0.7, floor=1.0), 3)
    assert (given.budget, given.stage.seed) == (Steps(60), 3) and given.stage.key != warm.stage.key
    assert (given.schedule.rate, given.schedule.floor, given.schedule.own) == (0.1, 0.2, {"v": Own(0.7, 0.3)})
    u, (points,) = Bowl(), drawn(4, X)
    assert seen.value(0)[0] == pytest.approx(float((2 * u.gradient(points) - 1 - points).square().sum()) / 4)
    points, target = drawn(4, X, Y)
    value, shown = seen.value()
    _, guess, asked = seen.solved[0]
    assert torch.equal(guess, 2 * target - 1)
    assert asked == {"method": "adam", "tolerance": pytest.approx(0.06), "max_iterations": 20}
    dual, amortizer = float(u(points).mean()), 0.0
    for i in [k for k in range(4) if done[k]]:
        x = torch.tensor([[float(i), 0.5]]).double()
        dual += (float((x[0] * target[i]).sum()) - float(u(x))) / sum(done)
        amortizer += float((guess[i] - x[0]).square().sum()) / sum(done)
    assert value == pytest.approx(dual / 5 + amortizer)
    assert shown == {"converged": sum(done) / 4, "dual": pytest.approx(dual), "seen": 8.0}
    fit_published(Bowl(), Twice(), X, Y, plan, 3, Recorder())  # type: ignore[arg-type]
    assert set(seen.value()[1]) == {"converged", "dual"}


def test_an_unfinished_conjugate_counts_at_its_upper_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """u = |x|^2 / 2 + m |x|^2 / 2: beside the solved one, <x, y> - u(x) + |y - grad u(x)|^2 / (2 m)."""
    m = 0.25
    u = WidePotential(2, (), pieces=0, share=0.0, strong_convexity=m)
    u.scale.fill_(4.0)
    x, y = torch.tensor([[1.0, 2.0], [0.0, 3.0]]), torch.tensor([[5.0, 0.0], [0.0, -10.0]])
    found = torch.tensor([[3.0, 1.0], [0.0, -7.0]]).double()
    asked: list[Any] = []

    def conjugate(of: Any, targets: Tensor, start: Any, tolerance: float) -> Conjugate:
        asked.append((start, tolerance))
        return Conjugate(found, torch.tensor([0.5, 1e-3]).double(), torch.tensor([False, True]), 1.0)

    monkeypatch.setattr(dual_value, "conjugate", conjugate)
    dual = held_out_dual(u, x, y, tolerance=1e-2)
    first = (15 - 1.25 * 10 / 2) + ((5 - 3.75) ** 2 + 1.25**2) / (2 * m)
    second = 70 - 1.25 * 49 / 2
    wanted = torch.tensor([1.25 * 5 / 2 + first, 1.25 * 9 / 2 + second]).double()
    torch.testing.assert_close(dual.terms, wanted)
    assert dual.value == pytest.approx(float(wanted.mean())) and dual.max_residual == 0.5
    held_out_dual(u, x, y, torch.ones(2, 2), tolerance=1e-2)
    assert asked[0] == (None, pytest.approx(0.0025)) and asked[1][0].dtype == torch.float64


def test_chunks_are_joined_and_nothing_gives_nothing() -> None:
    sizes: list[int] = []

    def double(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return 2 * x

    x = torch.randn(10, 2)
    assert torch.equal(in_chunks(double, x, 4), 2 * x) and sizes == [4, 4, 2]
    assert in_chunks(double, x[:0]).shape == (0, 2)


def test_assignments_that_wait_are_given_up_where_the_run_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    ran, gate = list[int](), threading.Event()
    first, *others = (seeds.child(2, f"pairing.{k}") for k in range(60))

    def draw_pairs(x: Tensor, y: Tensor, size: int, g: torch.Generator, strata: Any) -> tuple[Tensor, Tensor]:
        ran.append(int(g.initial_seed()))
        if g.initial_seed() != first:
            gate.wait(20)
            time.sleep(0.02)
        return x[:size], y[:size]

    class Stopped(Recorder):
        def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
            assert (stage, step, total) == ("u: pairing", 1, 60)
            gate.set()
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "draw_pairs", draw_pairs)
    with pytest.raises(KeyboardInterrupt):
        collect_pairs(X, Y, 4, 60, 2, Stopped())
    assert len(ran) < 60 and set(ran) <= {first, *others}
    gate.set()
    source, target = collect_pairs(X, Y, 4, 3, 2, Recorder())
    assert torch.equal(source, X[:4].repeat(3, 1)) and torch.equal(target, Y[:4].repeat(3, 1))
