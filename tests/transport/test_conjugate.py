"""grad u* undoes grad u, says so for every point, and its solvers agree."""

from __future__ import annotations

import math

import pytest
import torch

from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.networks.wide import WidePotential
from npf_engine.transport.conjugate import conjugate


def _potential(d: int, dtype: torch.dtype = torch.float64) -> QuadraticICNN:
    u = QuadraticICNN(d, [24, 24], seed=2)
    u.start_at_gaussian(torch.eye(d) * 2, torch.zeros(d), torch.eye(d), 3.0)
    return u.to(dtype).requires_grad_(False)


@pytest.mark.parametrize(("method", "d"), [("newton", 1), ("newton", 2), ("newton", 5), ("lbfgs", 2), ("lbfgs", 24)])
def test_the_conjugate_undoes_the_gradient(method: str, d: int) -> None:
    u = _potential(d)
    x = torch.rand(300, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = u.gradient(x).detach()
    result = conjugate(u, y, method=method, tolerance=1e-9)
    assert bool(result.converged.all())
    assert float(result.residual.max()) <= 1e-9 * float(u.scale)
    torch.testing.assert_close(result.x, x, atol=1e-5, rtol=0)


def test_adam_reaches_its_tolerance_and_reports_what_it_did_not_reach() -> None:
    u = _potential(2)
    y = u.gradient(torch.rand(100, 2, dtype=torch.float64) * 2 - 1).detach()
    good = conjugate(u, y, method="adam", tolerance=1e-2, max_iterations=300)
    assert float(good.converged.float().mean()) > 0.95
    short = conjugate(u, y, method="adam", tolerance=1e-9, max_iterations=3)
    assert not bool(short.converged.any())
    true = (y - u.gradient(short.x)).abs().amax(dim=1)
    torch.testing.assert_close(short.residual, true.detach())


def test_a_good_start_saves_work_and_points_that_are_done_leave() -> None:
    u = _potential(2)
    x = torch.rand(1000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    y = u.gradient(x).detach()
    cold, warm = (conjugate(u, y, x + shift, tolerance=1e-6) for shift in (3.0, 1e-3))
    assert warm.evaluations < cold.evaluations
    exact = conjugate(u, y, x, tolerance=1e-6)
    assert exact.evaluations == 1


def test_the_dual_inequality() -> None:
    """u(x) + u*(y) >= <x, y>, with equality at y = grad u(x) (Fenchel and Young)."""
    u = _potential(2)
    g = torch.Generator().manual_seed(3)
    x, y = (torch.randn(400, 2, dtype=torch.float64, generator=g) for _ in range(2))
    solved = conjugate(u, y, tolerance=1e-10).x
    star = (solved * y).sum(1) - u(solved)
    assert float((u(x) + star - (x * y).sum(1)).min()) >= -1e-8


def test_values_far_outside_the_range_still_converge() -> None:
    u = _potential(2)
    y = torch.tensor([[1e4, -3e4], [1e3, 1e3]], dtype=torch.float64)
    assert bool(conjugate(u, y, tolerance=1e-6).converged.all())


def test_non_finite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="non-finite"):
        conjugate(_potential(2), torch.tensor([[float("nan"), 0.0]], dtype=torch.float64))


def test_no_points_give_no_answer() -> None:
    assert conjugate(_potential(2), torch.zeros(0, 2, dtype=torch.float64)).x.shape == (0, 2)


def test_points_on_which_newton_stalls_are_solved_all_the_same() -> None:
    """A nearly kinked u: Newton's test on the residual cannot pass from one piece to the next."""
    u = WidePotential(2, (8,), pieces=12, seed=1).double()
    g = torch.Generator()
    with torch.no_grad():
        u.log_tau.fill_(math.log(5.0))
        u.P.mul_(500.0)
        u.bends.fill_(-30.0)
        u.q.copy_(500 * torch.randn(12, generator=g.manual_seed(3), dtype=torch.float64))
    y = torch.randn(2000, 2, generator=g.manual_seed(0), dtype=torch.float64) * 200
    assert not conjugate(u, y, y, method="newton").converged.all(), "the case is no longer hard; make it sharper"
    rescued = conjugate(u, y, y)
    assert rescued.converged.all() and float((y - u.gradient(rescued.x)).abs().max()) <= 1e-6
