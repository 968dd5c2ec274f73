"""fit_monotone's plan: units, pairs, steps within a time, points of the curve, and its losses by their definitions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import default_eps
from npf_engine.errors import InputError
from npf_engine.networks.monotone import CMGN, MMGN
from npf_engine.settings.stages import PotentialConfig
from npf_engine.transport import monotone_fit as module
from npf_engine.transport import monotone_losses
from npf_engine.transport.adversarial import AdversarialConfig
from npf_engine.transport.dual import DualPlan
from npf_engine.transport.gaussian import covariance, gaussian_map
from npf_engine.transport.monotone_fit import PLANS, MonotonePlan, _Curve, _draw, _prepared, _Work, fit_monotone
from npf_engine.transport.monotone_losses import Fitting, batch_loss, gaussian_kl, monge_ampere, sinkhorn_loss
from npf_engine.transport.schedule import At, Steps
from tests.transport.by_hand import ByHand

AT = At(0, 0.0, 0.0, 0.0, 1.0)
G = torch.Generator().manual_seed(0)
X = 9 + 4 * torch.randn(30, 2, generator=G)
Y = torch.randn(40, 2, generator=G) @ torch.tensor([[2.0, 0.3], [0.3, 0.5]]) - 5


def fitting(kind: str = "cmgn", start: str = "gaussian", x: Tensor = X) -> Fitting:
    network = {"width": 4, "layers": 2} if kind == "cmgn" else {"width": 2, "modules_count": 3}
    return _prepared(x, Y, MonotonePlan(kind, start=start, network=network), "kl", 6)


def work(loss: str, recorder: ByHand | None = None, steps: int | None = None, left: float = math.inf) -> _Work:
    plan = MonotonePlan(loss=loss, steps=steps)
    return _Work(fitting(), loss, plan, 6, _Curve(recorder or ByHand(), 50.0), 50.0 + left)


def test_clouds_are_moved_to_model_units_and_the_network_starts_there() -> None:
    made = fitting()
    away = X - X.mean(0)
    assert made.size == pytest.approx(float(away.square().mean()) ** 0.5)
    torch.testing.assert_close(made.x * made.size + made.centre, X)
    assert float(made.x.mean(0).abs().max()) < 1e-5 and float(made.x.square().mean()) == pytest.approx(1.0, rel=1e-4)
    assert isinstance(made.u, CMGN) and torch.equal(made.u.W, CMGN(2, 4, 2, seed=6).W)
    assert float(made.u.scale) == pytest.approx(float((Y - Y.mean(0)).square().mean()) ** 0.5, rel=1e-5)
    S, m = gaussian_map(made.x, Y)
    torch.testing.assert_close(made.u.scale * made.u.V.T @ made.u.V, S.float(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made.u.scale * made.u.a, m.float(), rtol=1e-4, atol=1e-4)
    other = fitting("mmgn", "identity")
    assert isinstance(other.u, MMGN) and float(other.u.scale) == float(made.u.scale) and made.y is Y
    torch.testing.assert_close(other.u.scale * other.u.V.T @ other.u.V, torch.eye(2), rtol=1e-4, atol=1e-4)
    assert fitting(x=torch.full((30, 2), 3.0)).size == 1.0


def test_the_curve_keeps_every_loss_and_is_looked_at_a_dozen_times() -> None:
    inner, seen = ByHand(), list[int]()
    curve = _Curve(inner, 50.0)
    curve.snapshot_of = seen.append
    curve.progress("u: pairing", 1, 5)
    for step in range(1, 25):
        inner.now += 2.0
        curve.progress("fit", step, 24, loss=0.5 * step, other=1.0)
    assert seen == [1, *range(2, 25, 2)]
    assert curve.curve == [{"step": k, "seconds": 2.0 * k, "loss": 0.5 * k} for k in range(1, 25)]
    assert (
        inner.told == [("u: pairing", 1, 5), *(("fit", k, 24) for k in range(1, 25))] and inner.shown[1]["other"] == 1
    )
    rare = _Curve(inner, 50.0)
    seen.clear()
    rare.snapshot_of = seen.append
    for step in (1, 31, 61, 91, 100):
        rare.progress("fit", step, 100, loss=1.0)
    assert seen == [1, 31, 61, 91, 100]
    _Curve(inner, 0.0).progress("fit", 1, 2, loss=1.0)  # nobody has to look


def test_pairs_and_dual_are_the_trainings_of_the_potential(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def fit_dual(u: Any, x: Any, y: Any, plan: DualPlan, seed: int, recorder: Any) -> None:
        asked.append(("dual", len(x), len(y), plan.budget, plan.schedule.rate, plan.batch, seed))

    def fit_to_pairs(u: Any, pairs: Any, config: Any, seed: int, recorder: Any, budget: Any) -> None:
        asked.append(("pairs", len(pairs[0]), budget, config.regression_lr, config.batch, seed))

    monkeypatch.setattr(module, "fit_dual", fit_dual)
    monkeypatch.setattr(module, "fit_to_pairs", fit_to_pairs)
    monkeypatch.setattr(_Work, "_pairs", lambda self, config: (X[:9], Y[:9]))
    work("dual", steps=12).fit()
    work("pairs", left=60.0).fit()
    pairs = ("pairs", 9, Steps(PLANS["pairs"].steps, 60.0), 2e-2, 1024, 6)
    assert asked == [("dual", 40, 40, Steps(12), 5e-3, 512, 6), pairs]


@pytest.mark.parametrize(
    ("left", "seconds", "size", "count"),
    [(None, 60.0, 30, 3), (100.0, 20.0, 30, 3), (100.0, 25.0, 30, 2), (4.0, 9.0, 30, 1), (3.9, 0.1, 7, 3)],
)
def test_assignments_have_half_of_the_time(
    left: float | None, seconds: float, size: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, asked = ByHand(), list[tuple[int, ...]]()

    def collect_pairs(x: Tensor, y: Tensor, size: int, count: int, seed: int, to: Any) -> tuple[Tensor, Tensor]:
        recorder.now += seconds
        asked.append((len(x), len(y), size, count, seed))
        return torch.full((2, 2), float(seed)), torch.full((2, 2), -float(seed))

    monkeypatch.setattr(module, "collect_pairs", collect_pairs)
    monkeypatch.setattr(module, "FEW_PAIRS", 7)
    config = PotentialConfig(pairings=3, pair_size=500)
    source, target = work("pairs", recorder, left=math.inf if left is None else left)._pairs(config)
    each = [seeds.child(6, f"pairing.{k}") for k in range(count)]
    assert asked == [(30, 30, size, 1, seed) for seed in each]
    assert torch.equal(source[::2, 0], torch.tensor(each).float()) and torch.equal(target, -source)
    work("pairs", recorder)._pairs(PotentialConfig(pairings=1, pair_size=17))
    assert asked[-1][2] == 17


def test_the_shorter_cloud_is_repeated_for_the_dual() -> None:
    made = work("dual")
    own = made.fitting.x
    x, y = made._repeated()
    assert torch.equal(x, torch.cat([own, own[:10]])) and torch.equal(y, Y)
    x, y = made._equal()
    assert torch.equal(x, own) and torch.equal(y, Y[:30])


def picks(batch: int, *clouds: Tensor) -> list[Tensor]:
    g = torch.Generator().manual_seed(5)
    return [cloud[torch.randint(len(cloud), (batch,), generator=g)] for cloud in clouds]


@pytest.mark.parametrize(("batch", "taken"), [(6, 6), (999, 30)])
def test_the_losses_are_those_of_drawn_batches(batch: int, taken: int) -> None:
    made = replace(fitting(), batch=batch)
    u, scale = made.u, float(made.u.scale)
    x, y = picks(taken, made.x, Y)

    def value(name: str, densities: Any = None) -> float:
        found, shown = batch_loss(name, made, densities, 6)(AT, torch.Generator().manual_seed(5))
        assert shown == {}
        return float(found.detach())

    kl = gaussian_kl(u.gradient(x), Y.double().mean(0), covariance(Y))
    assert value("kl") == pytest.approx(float(kl.detach()), rel=1e-5)
    divergence = sinkhorn_loss(default_eps(Y) / scale**2)(u.gradient(x) / scale, y / scale)
    assert value("sinkhorn") == pytest.approx(float(divergence.detach()), rel=1e-4, abs=1e-6)
    rho = torch.distributions.MultivariateNormal(torch.full((2,), 9.0), 16 * torch.eye(2))
    nu = torch.distributions.MultivariateNormal(torch.full((2,), -5.0), 4 * torch.eye(2))
    residual = monge_ampere(u, x, made.size, rho.log_prob(made.centre + made.size * x), nu.log_prob)
    assert value("monge-ampere", (rho.log_prob, nu.log_prob)) == pytest.approx(
        float(residual.square().mean().detach()), rel=1e-4
    )


def test_the_critic_is_trained_long_before_the_first_step_and_little_before_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained: list[tuple[int, int]] = []

    class Adversary:
        def __init__(self, target: Tensor, config: AdversarialConfig, seed: int) -> None:
            assert target is Y and seed == 6
            self.config, self.warm = config, False

        def train(self, image: Tensor, target: Tensor, generator: torch.Generator) -> None:
            assert not image.requires_grad
            trained.append((len(image), len(target)))

        def loss(self, image: Tensor, target: Tensor) -> Tensor:
            return target.sum() - image.sum()

    monkeypatch.setattr(monotone_losses, "Adversary", Adversary)
    made = replace(fitting(), batch=6)
    loss = batch_loss("adversarial", made, None, 6)
    loss(AT, torch.Generator())
    config = AdversarialConfig()
    assert trained == [(6, 6)] * config.warm_up
    trained.clear()
    value = float(loss(AT, torch.Generator().manual_seed(5))[0].detach())
    assert trained == [(6, 6)] * config.rounds
    *_, x, y = picks(6, *[made.x, Y] * (config.rounds + 1))
    assert value == pytest.approx(float((y.sum() - made.u.gradient(x).sum()).detach()) / float(made.u.scale), rel=1e-4)


def answered(
    monkeypatch: pytest.MonkeyPatch, x: Any, y: Any, plan: MonotonePlan, spoil: bool = False, **more: Any
) -> tuple[Any, Any]:
    """The answer, and what the work was asked for, where training takes four seconds."""
    recorder, asked = ByHand(), list[Any]()

    def fit(made: _Work) -> None:
        asked.append((made.loss, made._budget()))
        recorder.now += 4.0
        if spoil:
            with torch.no_grad():
                made.fitting.u.V[0, 0] = math.nan
        made.recorder.progress("fit", 77, 77, loss=2.0)

    monkeypatch.setattr(_Work, "fit", fit)
    return fit_monotone(x, y, plan, recorder=recorder, **more), asked[0]


def test_a_fit_has_its_plans_steps_and_says_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, float]] = []

    def watch(step: int, forward: Any) -> None:
        seen.append((step, float(forward(X).mean())))

    plan = MonotonePlan(seconds=0.5, network={"width": 3})
    found, asked = answered(monkeypatch, X, Y, plan, watch=watch, seed=8)
    assert asked == ("pairs", Steps(PLANS["pairs"].steps, 0.5)) and seen == [(77, float(found.forward(X).mean()))]
    assert found.info == {
        "method": "cmgn",
        "loss": "pairs",
        "d": 2,
        "n": 30,
        "steps": 77,
        "seconds": 4.0,
        "parameters": found.parameters,
    }
    assert found.curve == [{"step": 77, "seconds": 4.0, "loss": 2.0}] and found.u.width == 3
    assert answered(monkeypatch, X, Y, MonotonePlan(steps=9))[1] == ("pairs", Steps(9))
    for d, loss in ((4, "pairs"), (5, "dual")):
        assert answered(monkeypatch, torch.randn(9, d), torch.randn(9, d), MonotonePlan())[1][0] == loss
    assert answered(monkeypatch, X, Y, MonotonePlan("mmgn", "kl"))[1] == ("kl", Steps(PLANS["kl"].steps))
    with pytest.raises(FloatingPointError, match="not finite"):
        answered(monkeypatch, X, Y, MonotonePlan(), spoil=True)
    drawn: list[int] = []

    def draw(n: int, generator: torch.Generator) -> Tensor:
        drawn.append(generator.initial_seed())
        return torch.randn(20, 2, generator=generator)

    answered(monkeypatch, draw, draw, MonotonePlan(), seed=8)
    assert drawn == [seeds.child(8, name) for name in ("source", "target")]


def test_a_cloud_has_four_points_in_random_order_and_all_finite() -> None:
    found = _draw(X[:4].double(), 0, "source")
    assert found.dtype == torch.float32 and sorted(found[:, 0].tolist()) == sorted(X[:4, 0].tolist())
    assert torch.equal(_draw(X, 3, "x"), _draw(X, 3, "x")) and not torch.equal(_draw(X, 3, "x"), X)
    lost = X.clone()
    lost[2, 1] = math.nan
    for wrong, says in ((X[:3], "at least 4"), (X[:, 0], "at least 4"), (lost, "not finite")):
        with pytest.raises(InputError, match=says):
            _draw(wrong, 0, "source")
