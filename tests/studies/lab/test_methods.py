"""The lab's methods by hand: units, budgets, points of a curve, and what each method is given and answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.studies.lab import methods
from npf_engine.studies.lab.methods import Fitted, Units, Work, _within_budget, drifting_functional, drifting_network
from npf_engine.studies.lab.tasks import Task, build_task
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import monotone_fit
from npf_engine.transport.drifting import Drift, published
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.scores import KullbackLeibler, SinkhornDrift


class ByHand(Recorder):
    """A clock that only the test moves."""

    now = 50.0

    def clock(self) -> float:
        return self.now


def shifted(d: int, by: float, size: float) -> Callable[[int, torch.Generator], Tensor]:
    return lambda n, generator: by + size * torch.randn(n, d, generator=generator)


def task(d: int = 2, **more: Any) -> Task:
    return Task("t", "T", d, shifted(d, 10.0, 3.0), shifted(d, -70.0, 0.2), **more)


def work(of: Task | None = None, seeds: Sequence[int] = (4, 7), **more: Any) -> Work:
    return Work(of or task(), seeds, ByHand(), **more)


def test_a_cloud_has_no_more_points_than_it_has() -> None:
    assert [work(task(cloud=cloud)).available(5) for cloud in (None, 3, 9)] == [5, 3, 5]


def test_units_are_centre_and_size_of_each_law() -> None:
    flat = Task("t", "T", 2, shifted(2, 10.0, 3.0), lambda n, generator: torch.full((n, 2), 4.0))
    units = Units.of(flat, keep=False)
    cloud = flat.source(2000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(units.source[0], cloud.mean(0))
    assert units.source[1] == pytest.approx(float(cloud.var(0).mean()) ** 0.5)
    assert units.target[0].tolist() == [4.0, 4.0] and units.target[1] == 1.0  # a point has no size
    inside = Units.of(task(), keep=False)
    for draw, sampler, (centre, size) in (
        (task().source, inside.source_sampler, inside.source),
        (task().target, inside.target_sampler, inside.target),
    ):
        one, other = (torch.Generator().manual_seed(3) for _ in range(2))
        torch.testing.assert_close(centre + size * sampler(draw)(9, one), draw(9, other))
        assert float(sampler(draw)(500, one).square().mean()) == pytest.approx(1.0, rel=0.1)
    kept = Units.of(task(), keep=True)
    for centre, size in (kept.source, kept.target):
        assert centre.tolist() == [0.0, 0.0] and size == 1.0


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_the_drifting_network_is_seed_003s_on_its_own_task_and_has_a_quadratic_elsewhere() -> None:
    own = build_task("drift-mixture")
    assert same(drifting_network(own, "explicit", 3), ClassicalICNN(2, [20, 20], seed=3))
    for of, scheme, width in ((own, "gauss-newton", 20), (task(4), "explicit", 20), (task(5), "explicit", 64)):
        beside = ClassicalICNN(of.d, [width, width], terms=Terms(linear=True, rank=of.d), spread=2.0, seed=3)
        assert same(drifting_network(of, scheme, 3), beside)


def test_what_is_drifted_down_follows_from_what_is_known_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    own, units = build_task("drift-mixture"), Units.of(task(), keep=True)
    for of, scheme, score in (
        (own, "explicit", "self-entropic"),
        (own, "gauss-newton", "calibrated"),
        (build_task("gaussian"), "explicit", "calibrated"),
    ):
        known = drifting_functional(of, units, scheme)
        assert isinstance(known, KullbackLeibler) and known.grad_V is of.grad_V and known.score == score
    seen: list[Tensor] = []
    monkeypatch.setattr(KullbackLeibler, "of_samples", staticmethod(lambda y: seen.append(y) or "kernel"))
    assert drifting_functional(task(4), Units.of(task(4), keep=True), "explicit") == "kernel"
    assert seen[0].shape == (methods.KERNEL_POINTS, 4)
    many = drifting_functional(task(5), Units.of(task(5), keep=False), "explicit")
    assert isinstance(many, SinkhornDrift) and many.tolerance == methods.SINKHORN_TOLERANCE
    assert many.y.shape == (methods.SINKHORN_POINTS, 5) and abs(float(many.y.mean())) < 0.2  # in model units


def test_a_budget_of_steps_is_rounded_up_to_whole_outer_ones_and_one_of_seconds_has_no_end() -> None:
    own = published("explicit")
    assert _within_budget(own, work()) == own and own.inner == 100
    for steps, outer in ((1, 1), (100, 1), (101, 2), (250, 3)):
        found = _within_budget(own, work(steps=steps))
        assert (found.outer, found.steps, found.gradient_steps) == (outer, steps, 100 * outer)
    endless = _within_budget(own, work(seconds=3.0, steps=7))
    assert endless.outer == methods.ENDLESS_OUTER and endless.steps == methods.ENDLESS_STEPS


def drifted(
    monkeypatch: pytest.MonkeyPatch, scheme: str, ticks: Sequence[tuple[int, float]], **budget: Any
) -> tuple[list[Fitted], dict[str, Any]]:
    """The answer for seeds 4 and 7 where the drift tells its watch of these (step, seconds) and moves nothing."""
    seen: dict[str, Any] = {}

    def drift(ensemble: Any, draw: Any, functional: Any, config: Any, recorder: Any, watch: Any, limit: Any) -> Drift:
        seen.update(ensemble=ensemble, atoms=draw(6), config=config, limit=limit)
        for step, seconds in ticks:
            recorder.now = 50.0 + seconds
            watch(step, ensemble.theta)
        return Drift(ensemble.theta, 9, 8.0)

    monkeypatch.setattr(methods, "drift", drift)
    job = work(task(1), look=lambda forward: float(forward(torch.ones(3, 1)).sum()), **budget)
    seen["units"] = Units.of(job.task, keep=False)
    return methods._drifting(scheme, job), seen


def test_a_drift_of_many_seeds_answers_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    fits, seen = drifted(monkeypatch, "explicit", [(1, 6.0), (2, 6.1), (83, 7.0), (84, 8.0), (166, 9.0)])
    units, x = seen["units"], 10 + torch.arange(5.0)[:, None]
    assert seen["limit"] is None and seen["config"] == published("explicit")
    for index, (fit, seed) in enumerate(zip(fits, (4, 7), strict=True)):
        network = drifting_network(task(1), "explicit", seed)
        torch.testing.assert_close(fit.forward(x), units.map(network.gradient)(x))
        torch.testing.assert_close(fit.jacobian(x), units.jacobian(network.hessian)(x))
        assert fit.parameters == sum(p.numel() for p in network.parameters()) and fit.seconds == 4.0
        assert (fit.curve == []) == (index == 1)
    # Twelve points of a thousand steps and the first; the seconds are a seed's share; the value is the first seed's.
    value = pytest.approx(float(fits[0].forward(torch.ones(3, 1)).sum()), rel=1e-4)
    assert fits[0].curve == [(3.0, 1, value), (3.5, 83, value), (4.5, 166, value)]
    first, second = seen["atoms"]
    assert first.shape == (6, 1) and not torch.equal(first, second)


def test_a_drift_that_is_short_is_looked_at_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    fits, _ = drifted(monkeypatch, "adam", [(k, float(k)) for k in range(1, 6)], steps=5)
    assert [step for _, step, _ in fits[0].curve] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("seconds", "gap"), [(24.0, 4.0), (3.0, 1.0)])
def test_a_drift_within_seconds_is_looked_at_a_dozen_times_and_not_more_than_once_a_second(
    seconds: float, gap: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [0.0, gap, gap + 0.01, 1.5 * gap, 2 * gap, 2 * gap + 0.01, 3 * gap + 0.01]
    fits, seen = drifted(monkeypatch, "explicit", list(enumerate(times)), seconds=seconds)
    assert seen["limit"] == 2 * seconds
    assert [step for _, step, _ in fits[0].curve] == [2, 5, 6]
    assert fits[0].curve[0][0] == pytest.approx((gap + 0.01) / 2)


class Identity(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.p = torch.nn.Parameter(torch.zeros(7))

    def gradient(self, x: Tensor) -> Tensor:
        return x

    def hessian(self, x: Tensor) -> Tensor:
        return torch.eye(x.shape[1]).expand(len(x), -1, -1)


def test_a_potential_by_the_dual_is_fitted_between_unit_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def fit_by_dual(
        name: str, x: Any, y: Any, d: int, seed: int, recorder: Any, seconds: Any, steps: Any, watch: Any
    ) -> Identity:
        recorder.now += 6.0
        seen.update(clouds=[draw(4000, torch.Generator()) for draw in (x, y)], given=(name, d, seed, seconds, steps))
        if watch:
            watch(5, Identity())
        return Identity()

    monkeypatch.setattr(methods, "fit_by_dual", fit_by_dual)
    for seed in (4, 7):
        job = work(seconds=2.0, steps=9, look=lambda forward: float(forward(torch.full((1, 2), 10.0)).sum()))
        found = methods._dual("lse", job, seed)
        assert seen["given"] == ("lse", 2, seed, 2.0, 9) and found.seconds == 6.0 and found.parameters == 7
        for cloud in seen["clouds"]:
            assert abs(float(cloud.mean())) < 0.1 and float(cloud.square().mean()) == pytest.approx(1.0, rel=0.1)
        assert found.curve == ([(6.0, 5, pytest.approx(-140.0, abs=0.5))] if seed == 4 else [])
        units = Units.of(job.task, keep=False)
        torch.testing.assert_close(found.forward(torch.ones(2, 2)), units.map(lambda z: z)(torch.ones(2, 2)))
        slope = units.target[1] / units.source[1]
        torch.testing.assert_close(found.jacobian(torch.ones(2, 2))[0], slope * torch.eye(2))


def test_a_monotone_network_is_watched_for_the_first_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def fit_monotone(source: Any, target: Any, *, recorder: Any, watch: Any, **given: Any) -> Any:
        recorder.now += 3.0
        seen.update(given)
        if watch:
            watch(2, lambda x: x)
        return SimpleNamespace(forward=torch.sin, jacobian=torch.cos, parameters=5, info={"seconds": 1.5})

    monkeypatch.setattr(monotone_fit, "fit_monotone", fit_monotone)
    for seed in (4, 7):
        found = methods._monotone("cmgn", work(seconds=2.0, steps=9, look=lambda forward: 0.5), seed)
        assert seen == {"kind": "cmgn", "steps": 9, "budget_seconds": 2.0, "seed": seed}
        assert found.curve == ([(3.0, 2, 0.5)] if seed == 4 else [])
        assert (found.forward, found.jacobian, found.parameters, found.seconds) == (torch.sin, torch.cos, 5, 1.5)


def test_the_fit_gets_the_seconds_allowed_or_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def fit_brenier_map(source: Any, target: Any, *, seed: int, budget_seconds: float, recorder: Any) -> Any:
        asked.append(budget_seconds)
        return SimpleNamespace(
            forward=torch.sin, hessian=torch.cos, u=Identity(), info={"seconds": 1.5, "note": "a word"}
        )

    monkeypatch.setattr(methods, "fit_brenier_map", fit_brenier_map)
    for seconds in (None, 3.0):
        found = methods._fit(work(seconds=seconds), 4)
        assert (found.seconds, found.note, found.parameters, found.jacobian) == (1.5, "a word", 7, torch.cos)
    assert asked == [methods.DEFAULT_FIT_SECONDS, 3.0]


def test_the_references_are_those_of_as_many_points_as_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def counted(n: int, generator: torch.Generator) -> Tensor:
        drawn.append(n)
        return torch.randn(n, 3, generator=generator) * torch.tensor([1.0, 2.0, 0.5])

    of = Task("t", "T", 3, counted, lambda n, generator: 5 + 2 * counted(n, generator).flip(1))
    job = work(of)
    one, other = (torch.Generator().manual_seed(4) for _ in range(2))
    S, m = gaussian_map(of.source(20_000, one), of.target(20_000, other))
    drawn.clear()
    found, x = methods._gaussian(job, 4), torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    assert drawn == [methods.GAUSSIAN_POINTS] * 2 and found.parameters == 9 and found.seconds == 0.0
    torch.testing.assert_close(found.forward(x), x @ S.float() + m.float())
    torch.testing.assert_close(found.jacobian(x), S.float().expand(4, 3, 3))
    drawn.clear()

    def later(x: Tensor, y: Tensor) -> Any:
        job.recorder.now += 2.5  # type: ignore[attr-defined]
        return SimpleNamespace(forward=torch.sin, jacobian=torch.cos, parameters=len(x) + len(y), note="rough")

    monkeypatch.setattr(methods, "exact_map", later)
    monkeypatch.setattr(methods, "entropic_map", later)
    exact, entropic = methods._exact(job, 4), methods._entropic(job, 4)
    assert drawn == [methods.EXACT_POINTS] * 2 + [methods.ENTROPIC_POINTS] * 2
    assert (exact.seconds, exact.note, entropic.seconds, entropic.note) == (2.5, "", 2.5, "rough")
    few = Work(Task("t", "T", 3, counted, counted, cloud=30), (4,), ByHand())
    x, y = methods._two_clouds(few, 4, 800)
    assert len(x) == 30 and torch.equal(x, y)  # clouds that are the same are drawn the same


def test_every_name_goes_to_its_method_once_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def note(kind: str) -> Callable[..., str]:
        return lambda *given: asked.append((kind, given[-1])) or kind  # type: ignore[func-returns-value]

    for name in ("_dual", "_monotone", "_exact"):
        monkeypatch.setattr(methods, name, note(name))
    monkeypatch.setattr(methods, "_drifting", lambda name, job: [name] * len(job.seeds))
    assert methods.run_method("explicit", work()) == ["explicit", "explicit"]
    for name, kind in (("lse", "_dual"), ("mmgn", "_monotone"), ("exact", "_exact")):
        asked.clear()
        assert methods.run_method(name, work()) == [kind, kind] and asked == [(kind, 4), (kind, 7)]
    assert math.isnan(work().look(torch.sin))
