"""What training shows of the dual is the dual: at a rate of nearly zero it is what ``held_out_dual`` reports."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from npf_engine.networks.mlp import MLP
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import dual
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.dual import DualPlan, PublishedPlan, fit_dual, fit_published
from npf_engine.transport.dual_value import held_out_dual
from npf_engine.transport.pairing import Stratifier
from npf_engine.transport.schedule import Steps

STILL = 1e-12


class _Seen(Recorder):
    def __init__(self) -> None:
        self.rows: list[tuple[str, dict[str, float]]] = []

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        self.rows.append((stage, scalars))


def _problem() -> tuple[QuadraticICNN, Tensor, Tensor]:
    """A potential with a scale of its own between clouds that are neither centred nor alike."""
    g = torch.Generator().manual_seed(0)
    x = torch.tensor([2.0, -1.0]) + torch.randn(300, 2, generator=g) * torch.tensor([1.0, 0.4])
    y = torch.tensor([9.0, 20.0]) + torch.randn(300, 2, generator=g) * torch.tensor([8.0, 3.0])
    u = QuadraticICNN(2, [8, 8], seed=3)
    u.start_at_identity(torch.eye(2), 7.0)
    return u, x, y


def test_the_dual_that_fit_dual_shows_is_mean_u_plus_mean_conjugate() -> None:
    u, x, y = _problem()
    seen = _Seen()
    config = PotentialConfig(batch=400, ema=0.0)  # more than there are samples: each minibatch has them all
    plan = DualPlan.of(config, ConjugateConfig(max_iterations=200), Steps(1), STILL)
    fit_dual(u, x, y, plan, 0, seen)
    (stage, shown), truth = seen.rows[-1], held_out_dual(u, x, y)
    assert stage == "u: dual" and shown["converged"] == 1.0
    assert truth.max_residual < 1e-4
    assert shown["dual"] == pytest.approx(truth.value, rel=0.03)
    assert shown["loss"] == pytest.approx(
        float((shown["dual"] - _pairing(u, x, y)) / float(u.scale)), rel=1e-3, abs=1e-3
    )


def _pairing(u: QuadraticICNN, x: Tensor, y: Tensor) -> float:
    """mean <xhat, y> of the same minibatch, drawn as the loop draws it."""
    g, strata = torch.Generator().manual_seed(0), Stratifier(x, 400)
    strata.draw(g)
    target = y[strata.draw(g)]
    return float((conjugate(u, target).x * target).sum(1).mean())


def test_the_published_algorithm_shows_the_same_dual_and_masks_what_did_not_converge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    u, x, _ = _problem()
    with torch.no_grad():
        y = u.gradient(x + 0.3)
    v = MLP(2, 2, (8,), seed=0)
    seen = _Seen()
    config = PotentialConfig(batch=1024, dual_steps=1, dual_lr=STILL)
    monkeypatch.setattr(dual, "WARM_UP", 1)
    plan = PublishedPlan(config, ConjugateConfig(max_iterations=300, tolerance=0.3), STILL)
    fit_published(u, v, x, y, plan, 0, seen)
    stage, shown = seen.rows[-1]
    truth = held_out_dual(u, x, y)
    assert stage == "u: dual" and shown["converged"] > 0.9
    assert shown["dual"] == pytest.approx(truth.value, rel=0.1)


def test_a_rough_conjugate_under_estimates_the_dual() -> None:
    """A residual within the tolerance asked for adds nothing; what is left is never above the exact dual."""
    u, x, y = _problem()
    exact = held_out_dual(u, x, y)
    rough = held_out_dual(u, x, y, torch.full_like(y, 40.0), tolerance=1e4)
    assert exact.max_residual <= 1e-5 * float(u.scale) + 1e-6
    assert rough.value <= exact.value


def test_the_held_out_dual_has_the_units_of_its_clouds() -> None:
    """Moving the origins adds <x0, mean y> + <mean x, y0> + <x0, y0> once u is moved with them."""
    u, x, y = _problem()
    x0, y0 = torch.tensor([0.7, -0.3]), torch.tensor([4.0, -2.0])

    class Moved(torch.nn.Module):
        d, scale, strong_convexity = 2, u.scale, u.strong_convexity

        def __init__(self) -> None:
            super().__init__()
            self.inner = u

        def forward(self, p: Tensor) -> Tensor:
            return self.inner(p - x0.to(p)) + p @ y0.to(p)

        def gradient(self, p: Tensor) -> Tensor:
            return self.inner.gradient(p - x0.to(p)) + y0.to(p)

        def value_and_gradient(self, p: Tensor) -> tuple[Tensor, Tensor]:
            return self(p), self.gradient(p)

        def derivatives(self, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return self(p), self.gradient(p), self.inner.derivatives(p - x0.to(p))[2]

    start = torch.zeros_like(y)
    first = held_out_dual(u, x, y, start)
    second = held_out_dual(Moved(), x + x0, y + y0, start)  # type: ignore[arg-type]
    apart = float((x0 * y.mean(0)).sum() + (x.mean(0) * y0).sum() + (x0 * y0).sum())
    assert second.value == pytest.approx(first.value + apart, rel=1e-5)
