"""Steps of the dual that wait for nothing, beside those that ask after each iteration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import ConjugateConfig
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.conjugate_steps import metric, newton_steps, secant_steps
from npf_engine.transport.stratified_dual import StratifiedDual

SOLVER = ConjugateConfig(tolerance=1e-5)


def known(d: int = 2, n: int = 900) -> tuple[QuadraticICNN, torch.Tensor, torch.Tensor]:
    """A potential, points of the box and its gradient there."""
    u = QuadraticICNN(d, (12, 8), activation="elu", seed=4).double()
    x = torch.rand(n, d, generator=torch.Generator().manual_seed(d), dtype=torch.float64) * 2 - 1
    return u, x, u.gradient(x).detach()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_fixed_number_of_newton_steps_ends_where_the_solver_does(d: int) -> None:
    """In each dimension, and each step lessens the residual or leaves a point where it is."""
    u, x, y = known(d)
    start = x + 0.2 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    residuals = [newton_steps(u, y, start, count)[1] for count in range(8)]
    assert all((after <= before * (1 + 1e-9) * d**0.5).all() for before, after in pairwise(residuals))
    found, residual = newton_steps(u, y, start, 7)
    torch.testing.assert_close(found, x, rtol=0, atol=1e-9)
    torch.testing.assert_close(residual, (y - u.gradient(found).detach()).abs().amax(1), rtol=1e-6, atol=1e-14)


def test_a_start_far_away_is_damped_not_lost() -> None:
    """Where a whole step would raise the residual a part of one is taken."""
    u, x, y = known()
    found, residual = newton_steps(u, y, x + 40.0, 30)
    assert float(residual.max()) < 1e-8 and torch.isfinite(found).all()


@pytest.mark.parametrize("activation", ["elu", "softplus"])
def test_steps_without_a_hessian_end_where_the_solver_does(activation: str) -> None:
    """In thirty dimensions, by the metric of the origin; every step taken lessens the residual in that metric."""
    u = QuadraticICNN(30, (12, 8), activation=activation, seed=4).double()
    g = torch.Generator().manual_seed(3)
    x = torch.randn(200, 30, generator=g, dtype=torch.float64)
    u.start_at_gaussian(torch.diag(torch.logspace(-1, 1, 30)), torch.zeros(30), x)
    y, start = u.gradient(x).detach(), x + 0.3 * torch.randn(x.shape, generator=g, dtype=x.dtype)
    K = metric(u, y)
    H = u.hessian(torch.zeros(1, 30, dtype=x.dtype))[0].detach()
    torch.testing.assert_close(K @ H, torch.eye(30, dtype=x.dtype), rtol=0, atol=1e-9)
    found = [secant_steps(u, y, start, K, count) for count in range(15)]
    residuals = [u.gradient(points).detach() - y for points, _ in found]
    sizes = [((r @ K) * r).sum(1) for r in residuals]
    assert all((after <= before * (1 + 1e-9) + 1e-18).all() for before, after in pairwise(sizes))
    torch.testing.assert_close(found[-1][0], x, rtol=0, atol=1e-7)
    torch.testing.assert_close(found[3][1], residuals[3].abs().amax(1), rtol=1e-9, atol=1e-14)


class Bounded:
    """Half of x^T H x within |x|_inf < 5, and no number beyond."""

    H = torch.diag(torch.logspace(-1, 1, 12, dtype=torch.float64))

    def slope(self) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: torch.where((x.abs() < 5).all(1, keepdim=True), x @ self.H, torch.nan)


def test_a_step_to_where_u_is_no_number_is_forgotten() -> None:
    """The first step leads there. What is remembered of it must not spoil the combinations of the later ones."""
    u, g = Bounded(), torch.Generator().manual_seed(3)
    x, start = (torch.rand(50, 12, generator=g, dtype=torch.float64) * 2 - 1 for _ in range(2))
    found, residual = secant_steps(u, x @ u.H, start, torch.eye(12, dtype=x.dtype), 40)  # type: ignore[arg-type]
    assert float(residual.max()) < 0.01  # 0.0027; 0.23 with them spoilt
    torch.testing.assert_close(found, x, rtol=0, atol=0.05)


def test_a_potential_without_a_metric_gets_a_round_one() -> None:
    """Where the Hessian at the origin is not definite."""
    u = QuadraticICNN(9, (4,), strong_convexity=0.0, seed=1).double()
    y = torch.zeros(3, 9, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        H = torch.diag(torch.tensor([2.0] * 8 + [-7.0], dtype=torch.float64))
        patch.setattr(QuadraticICNN, "derivatives", lambda self, x: (None, None, H[None]))
        torch.testing.assert_close(metric(u, y), torch.eye(9, dtype=y.dtype))


def test_both_ways_take_the_same_step_from_remembered_conjugates() -> None:
    """The same draws, the same gradients to the solver's tolerance."""
    u, x, y = known()
    steps = []
    for waits in (True, False):
        loss = StratifiedDual(u, x, y, 100, replace(SOLVER, tolerance=1e-9), start=x + 0.01, waits=waits)
        value, gradients = loss.step(torch.Generator().manual_seed(2))
        steps.append((value, [g for g in gradients if g is not None], dict(loss.between(1))))
    torch.testing.assert_close(steps[0][0], steps[1][0], rtol=0, atol=1e-8)
    for a, b in zip(steps[0][1], steps[1][1], strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    assert float(steps[0][2]["converged"]) == float(steps[1][2]["converged"]) == 1.0
    assert float(steps[0][2]["dual"]) == pytest.approx(float(steps[1][2]["dual"]), abs=1e-8)


def test_what_the_fixed_iterations_leave_is_finished_between_the_steps() -> None:
    """Far starts: three iterations are too few for some, which the next look solves."""
    u, x, y = known()
    loss = StratifiedDual(u, x, y, 400, SOLVER, start=x + 30.0, waits=False)
    loss.step(torch.Generator().manual_seed(2))
    rows = loss.memory["left"].nonzero()[:, 0]
    assert "left" in loss.memory, "or a training that is resumed would forget them"
    assert len(rows) > 20 and float(loss.between(1)["converged"]) < 1.0 and len(loss.memory["left"].nonzero()), (
        "not yet"
    )
    loss.between(100)
    solved = conjugate(u, y[rows], x[rows], tolerance=1e-9)
    torch.testing.assert_close(loss.memory["xhat"][rows], solved.x, rtol=0, atol=1e-3)
    assert not loss.memory["left"].any()


def test_what_is_no_number_is_left_to_be_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    u, x, y = known()
    loss = StratifiedDual(u, x, y, 100, SOLVER, start=x, waits=False)
    monkeypatch.setattr(loss, "_improve", lambda target, guess: (guess, torch.full_like(guess[:, 0], torch.nan)))
    loss.step(torch.Generator().manual_seed(2))
    assert int(loss.memory["left"].sum()) > 50
    loss.between(100)
    assert not loss.memory["left"].any()
    torch.testing.assert_close(loss.memory["xhat"], x, rtol=0, atol=1e-3)


def test_without_a_start_all_begin_at_the_quadratic_model() -> None:
    """A step that waits for nothing cannot ask which are unknown."""
    u, x, y = known()
    loss = StratifiedDual(u, x, y, 100, replace(SOLVER, max_iterations=50), waits=False)
    assert torch.isfinite(loss.memory["xhat"]).all()
