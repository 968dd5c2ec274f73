"""Potentials by the dual: their sizes, how many steps a time allows, the steps that are looked at, the identity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npf_engine.networks.classical_icnn import ClassicalICNN
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import dual_fit
from npf_engine.transport.coordinates import Units
from npf_engine.transport.dual import DualPlan
from npf_engine.transport.dual_fit import dual_network, fit_by_dual
from npf_engine.transport.map import Map
from npf_engine.transport.methods import registry
from npf_engine.transport.methods.dual import DualSettings
from npf_engine.transport.methods.method import Budget, Law, Showing
from npf_engine.transport.schedule import At, Schedule, Seconds, Steps


@pytest.mark.parametrize(
    ("d", "published", "ours", "others"), [(2, False, 32, 32), (40, False, 40, 80), (2, True, 2, 4), (40, True, 40, 80)]
)
def test_networks_have_the_papers_sizes_or_at_least_32(d: int, published: bool, ours: int, others: int) -> None:
    target = torch.randn(100, d, generator=torch.Generator().manual_seed(0))
    u = dual_network(DualSettings("icnn", table_sizes=published), d, target, 3)
    assert isinstance(u, QuadraticICNN) and u.s.name == "elu" and u.strong_convexity == pytest.approx(0.01)
    assert [layer.units for layer in u.direct] == [ours] * 4 and u.tail.rank == (1 if published else d)
    for name, quadratic in (("icnn-linear", False), ("icnn-fquad", True)):
        v = dual_network(DualSettings(name, table_sizes=published), d, target, 3)
        assert isinstance(v, ClassicalICNN) and v.hidden == (others,) * 4
        assert (v.A is not None) == quadratic and v.strong_convexity == pytest.approx(0.01)
    w = dual_network(DualSettings("lse", table_sizes=published), d, target, 3)
    assert isinstance(w, LogSumExpPotential) and torch.equal(w.W.detach(), target[:64])
    assert float(nn.functional.softplus(w.raw_t.detach())) == pytest.approx(
        0.3
    ) and w.strong_convexity == pytest.approx(0.05)


class ByHand(Recorder):
    now = 50.0

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "steps", "allowed"),
    [
        (None, None, Steps(400)),
        (None, 5, Steps(5)),
        (20.0, None, Seconds(18.0)),  # the identity took two
        (20.0, 10, Steps(10, 18.0)),
    ],
)
def test_a_time_is_all_for_what_the_start_leaves(
    seconds: float | None, steps: int | None, allowed: Steps | Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds for the identity, half a second a step."""
    recorder, plans, watched = ByHand(), list[DualPlan](), list[int]()
    count = min(36, steps or 36)

    def identity(u: Any, x: Tensor, seed: int, to: Recorder) -> None:
        recorder.now += 2.0

    def fit_dual(u: Any, x: Any, y: Any, plan: DualPlan, seed: int, to: Any, watch: Any) -> None:
        assert (len(x), len(y), seed) == (20_000, 20_000, 3)
        plans.append(plan)
        for step in range(count):
            assert watch(step) == {}
            recorder.now += 0.5

    monkeypatch.setattr(dual_fit, "_identity", identity)
    monkeypatch.setattr(dual_fit, "fit_dual", fit_dual)

    def normal(n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 2, generator=generator)

    def see(step: int, forward: Map) -> None:
        watched.append(step)

    law, settings = Law(normal), replace(registry.get("lse").settings, batch=77)
    found = fit_by_dual(law, law, settings, Budget(seconds, steps), 3, Showing(recorder, see))
    assert isinstance(found.u, LogSumExpPotential)
    assert found.report.steps == count and found.report.seconds == pytest.approx(recorder.now - 50.0)
    (plan,) = plans
    assert (plan.budget, plan.batch, plan.solver.max_iterations) == (allowed, 77, 60)
    assert (plan.schedule.rate, plan.schedule.floor) == (1e-2, 0.05)
    assert watched[0] == 0 and watched[-1] == count and len(watched) <= dual_fit.LOOKS + 2
    if allowed == Seconds(18.0):
        assert watched == list(range(0, 37, 3))
    fit_by_dual(law, law, settings, Budget(steps=3), 3, recorder)  # and nobody has to watch


def test_it_is_fitted_between_clouds_of_unit_size_and_answers_in_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clouds: list[Tensor] = []
    monkeypatch.setattr(dual_fit, "_identity", lambda *given: None)
    monkeypatch.setattr(dual_fit, "fit_dual", lambda u, x, y, *rest, **more: clouds.extend((x, y)))
    source, target = (
        Law(lambda n, g, by=by, size=size: by + size * torch.randn(n, 2, generator=g))
        for by, size in ((10.0, 3.0), (-70.0, 0.2))
    )
    found = fit_by_dual(source, target, DualSettings("icnn"), Budget(steps=2), 4, ByHand())
    for cloud in clouds:
        assert abs(float(cloud.mean())) < 0.1 and float(cloud.square().mean()) == pytest.approx(1.0, rel=0.1)
    units, x = Units.of(source, target), 10 + torch.randn(5, 2, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(found.forward(x), units.map(found.u.gradient)(x), rtol=1e-5, atol=1e-5)
    (_, s), (_, t) = units.source, units.target
    inner = found.u.hessian((x - units.source[0]) / s).detach()
    torch.testing.assert_close(found.jacobian(x), t / s * inner, rtol=1e-4, atol=1e-6)


def test_the_identity_is_the_regression_of_points_on_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []

    def once(loss: Any, modules: Any, schedule: Schedule, budget: Steps, recorder: Any, stage: Any) -> None:
        assert budget == Steps(dual_fit.IDENTITY_STEPS) and schedule.rate == dual_fit.IDENTITY_RATE
        losses.append(float(loss(At(0, 0.0, 0.0, 0.0, 1.0), torch.Generator().manual_seed(5))[0]))

    class Tripled:
        def gradient(self, x: Tensor) -> Tensor:
            return 3 * x

    monkeypatch.setattr(dual_fit, "optimise", once)
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(1)).double()
    dual_fit._identity(Tripled(), x, 0, Recorder())
    picked = x[torch.randint(200, (dual_fit.IDENTITY_BATCH,), generator=torch.Generator().manual_seed(5))]
    assert losses == [pytest.approx(4 * float(picked.square().sum(1).mean()))]
