"""Couplings, scores and velocities against plain sums and dense linear algebra, on clouds off the origin, n != m."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from npf_engine.divergences import Epsilon, default_eps, entropic, solve_entropic
from npf_engine.divergences.plan import half_squared
from npf_engine.transport.functionals import KullbackLeibler, SinkhornDrift, standard_normal_gradient
from npf_engine.transport.natural_gradient import GaussNewton, conjugate_gradients
from npf_engine.transport.scores import calibrated, self_entropic

X = torch.tensor([4.0, -2.0]) + torch.randn(25, 2, generator=torch.Generator().manual_seed(1)).double() * torch.tensor(
    [1.0, 0.3]
)
Y = torch.tensor([3.0, -1.0]) + torch.randn(40, 2, generator=torch.Generator().manual_seed(2)).double() * torch.tensor(
    [0.5, 0.9]
)


def half(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] - y[None]).square().sum(2) / 2


def plain_plan(x: Tensor, y: Tensor, eps: float, sweeps: int = 3000) -> Tensor:
    """The plan (n, m) of mass one by Sinkhorn's own iteration."""
    K = torch.exp(-half(x, y) / eps)
    b = torch.ones(len(y), dtype=torch.float64)
    for _ in range(sweeps):
        a = 1 / (len(x) * (K @ b))
        b = 1 / (len(y) * (K.T @ a))
    return a[:, None] * K * b


def test_the_entropic_coupling_is_sinkhorns() -> None:
    plan = plain_plan(X, Y, 0.3)
    found = solve_entropic(X, Y, 0.6, tolerance=1e-18)  # of the cost without a half
    torch.testing.assert_close(found.barycentre(X), 25 * plan @ Y, atol=1e-7, rtol=0)
    torch.testing.assert_close(found.shares(X), 25 * plan, atol=1e-7, rtol=0)
    second = torch.einsum("kn,ni,nj->kij", 25 * plan, Y, Y)
    mean = 25 * plan @ Y
    torch.testing.assert_close(found.covariance(X), second - mean[:, :, None] * mean[:, None], atol=1e-7, rtol=0)
    assert found.error <= 1e-7 and found.converged
    both = torch.exp((found.f[:, None] + found.g - 2 * half(X, Y)) / 0.6) / (25 * 40)
    torch.testing.assert_close(both, plan, atol=1e-9, rtol=0)
    cost = (plan * 2 * half(X, Y)).sum() + 0.6 * (plan * (plan * 25 * 40).log()).sum()
    assert float(found.value) == pytest.approx(float(cost), rel=1e-8)
    logits = found.g[None] / 0.6 - half(X[:3] + 1, Y) / 0.3
    torch.testing.assert_close(found.barycentre(X[:3] + 1), logits.softmax(1) @ Y)
    torch.testing.assert_close(found.score(X), -(2 / 0.3) * (X - 25 * plan @ Y), atol=1e-5, rtol=0)


def test_many_couplings_at_once_are_each_ones_own() -> None:
    both = torch.stack([X, X.flip(1) + 3])
    together = solve_entropic(both, Y, 1.0, tolerance=1e-16)
    for index in range(2):
        alone = solve_entropic(both[index], Y, 1.0, tolerance=1e-16)
        torch.testing.assert_close(together.barycentre(both)[index], alone.barycentre(both[index]))
    paired = solve_entropic(both, torch.stack([Y, Y]), 1.0, tolerance=1e-16)
    assert together.y.shape == paired.y.shape == (2, 40, 2) and together.g.shape == (2, 40)
    torch.testing.assert_close(paired.barycentre(both), together.barycentre(both))
    own = self_entropic(both)
    assert own.eps.shape == own.value.shape == (2,)
    for index in range(2):
        torch.testing.assert_close(own.score()[index], self_entropic(both[index]).score(), atol=1e-6, rtol=1e-6)


def test_a_problem_that_is_lost_leaves_the_others_their_answer() -> None:
    lost = torch.stack([X, torch.full_like(X, torch.nan)])
    found = self_entropic(lost)
    torch.testing.assert_close(found.score()[0], self_entropic(X).score(), atol=1e-6, rtol=1e-6)
    assert torch.isnan(found.score()[1]).all() and not found.converged and math.isfinite(found.error)


def test_a_plan_that_is_not_solved_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entropic, "MAX_BUILDS", 1)
    found = solve_entropic(X, Y, 0.005, tolerance=1e-12)
    assert not found.converged and found.error > 1e-4


@pytest.mark.parametrize("eps", [0.05, 0.4])
def test_the_coupling_with_itself_is_the_symmetric_plan(eps: float) -> None:
    plan = plain_plan(X, X, eps, 4000)
    found = solve_entropic(X, None, 2 * eps, tolerance=1e-16)
    torch.testing.assert_close(found.barycentre(X), 25 * plan @ X, atol=1e-4, rtol=0)
    assert found.error <= 1e-6 and float(found.eps) == pytest.approx(2 * eps)
    torch.testing.assert_close(found.f, found.g)


def test_the_scores_eps_is_a_twentieth_of_the_median_squared_distance() -> None:
    plan = self_entropic(X)
    squared = 2 * half(X, X)
    assert float(plan.eps) == pytest.approx(2 * 0.05 * float(squared.flatten().median()))
    assert float(self_entropic(X, share=0.2).eps) == pytest.approx(2 * 0.2 * float(squared.flatten().median()))
    truth = plain_plan(X, X, float(plan.eps) / 2, 4000)
    torch.testing.assert_close(plan.score(), -(4 / float(plan.eps)) * (X - 25 * truth @ X), atol=2e-3, rtol=0)
    point = torch.full((6, 2), 3.0)
    assert float(self_entropic(point).eps) == 2.0 and float(self_entropic(point).score().abs().max()) < 1e-5


def test_an_epsilon_is_a_share_of_the_clouds_spread() -> None:
    pairs = 2 * half(Y, Y)
    assert float(Epsilon.of(Y).value) == pytest.approx(0.05 * float(pairs.mean())) == pytest.approx(default_eps(Y))
    both = Epsilon.of(torch.stack([Y, 2 * Y]), 0.3).value
    assert both.tolist() == pytest.approx([0.3 * float(pairs.mean()), 1.2 * float(pairs.mean())])
    assert float(Epsilon.of_median(Y, 0.3).value) == pytest.approx(0.3 * float(pairs.flatten().median()))
    with pytest.raises(ValueError, match="two points"):
        Epsilon.of(Y[:1])


def test_calibration_is_the_matrix_of_steins_identity() -> None:
    score = self_entropic(X).score()
    fixed = calibrated(X, score)
    centred = X - X.mean(0)
    A = -torch.linalg.inv(score.T @ centred / 25)
    torch.testing.assert_close(fixed, score @ A.T)
    torch.testing.assert_close(fixed.T @ centred / 25, -torch.eye(2).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(calibrated(X, 0.1 * score), 0.1 * score)  # A would be ten times as large: not believed
    torch.testing.assert_close(calibrated(X, -score), -score)  # nor one that turns the score round
    both = calibrated(torch.stack([X, X]), torch.stack([score, torch.full_like(score, torch.nan)]))
    torch.testing.assert_close(both[0], fixed)


@pytest.mark.parametrize("kind", ["self-entropic", "calibrated"])
def test_the_velocity_of_kl_is_minus_slope_minus_score(kind: str) -> None:
    kl = KullbackLeibler(lambda x: 3 * x - 1, kind)
    score = self_entropic(X).score()
    score = calibrated(X, score) if kind == "calibrated" else score
    torch.testing.assert_close(kl.velocity(X), -(3 * X - 1 + score))
    assert kl.error == self_entropic(X).error
    kl.velocity(torch.full((5, 2), 1.0).double())  # converges at once: the worst is remembered
    assert kl.error == self_entropic(X).error
    assert standard_normal_gradient(X) is X


def test_the_score_of_samples_is_extended_by_one_formula() -> None:
    own = self_entropic(Y)
    plain = KullbackLeibler.of_samples(Y, "self-entropic")
    torch.testing.assert_close(plain.grad_V(X), -own.score(X))
    fixed = KullbackLeibler.of_samples(Y)
    torch.testing.assert_close(fixed.grad_V(Y), -calibrated(Y, own.score()), atol=1e-6, rtol=1e-6)
    assert (plain.score, fixed.score) == ("self-entropic", "calibrated")


def test_the_sinkhorn_drift_is_the_difference_of_two_barycentres() -> None:
    eps = default_eps(Y) / 2
    towards, away = 25 * plain_plan(X, Y, eps) @ Y, 25 * plain_plan(X, X, eps) @ X
    drift = SinkhornDrift(Y, tolerance=1e-14)
    torch.testing.assert_close(drift.velocity(X), 2 * (towards - away), atol=1e-4, rtol=1e-4)
    assert 0 < drift.error <= 1e-5


def test_the_squared_distances_are_halved_and_never_negative() -> None:
    torch.testing.assert_close(half_squared(X, Y), half(X, Y))
    far = 1e6 + X.float()
    assert float(half_squared(far, far).min()) >= 0


# -- Gauss and Newton --------------------------------------------------------------------------------------------------


def model(theta: Tensor, x: Tensor) -> Tensor:
    """(S, 3), (S, n, 2) -> (S, n, 2), not linear in theta."""
    a, b, c = theta[:, None, :1], theta[:, None, 1:2], theta[:, None, 2:]
    return a * x + torch.sin(b * x) + torch.cat([c, c.square()], 2)


def dense(theta: Tensor, x: Tensor, goal: Tensor, damping: float) -> tuple[Tensor, float, float]:
    """(step (P,), loss before, the fall that the linear model promises) of one member."""
    n = len(x)
    J = torch.func.jacrev(lambda t: model(t[None], x[None])[0])(theta).reshape(-1, 3)
    r = (goal - model(theta[None], x[None])[0]).reshape(-1)
    delta = torch.linalg.solve(J.T @ J / n + damping * torch.eye(3).double(), J.T @ r / n)
    return delta, float(r @ r) / n, float(r @ r - (r - J @ delta).square().sum()) / n


def test_a_step_is_that_of_levenberg_and_marquardt_for_every_member() -> None:
    x = torch.stack([X, X + 1])
    theta = torch.tensor([[0.5, 0.2, 0.1], [1.2, -0.4, 0.7]]).double()
    goal = model(torch.tensor([[0.8, 0.3, -0.2], [1.0, -0.5, 0.4]]).double(), x)
    solver = GaussNewton(model, damping=0.05, iterations=60, tolerance=1e-12)
    found = solver.step(theta, x, goal)
    assert solver.damping is not None
    for s in range(2):
        delta, before, promised = dense(theta[s], x[s], goal[s], 0.05)
        after = float((goal[s] - model((theta[s] + delta)[None], x[s][None])[0]).square().sum()) / 25
        ratio = (before - after) / promised
        torch.testing.assert_close(found[s], theta[s] + delta if ratio > 0 else theta[s], atol=1e-7, rtol=1e-6)
        factor = 1 / 3 if ratio > 0.75 else 1.0 if ratio > 0.25 else 2.0 if ratio > 0 else 4.0
        assert float(solver.damping[s]) == pytest.approx(0.05 * factor)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, -0.5])
def test_the_damping_follows_how_well_the_fall_was_foretold(share: float) -> None:
    """A model that is linear until it is tried: there it is moved off the goal so that the fall is ``share`` of it."""
    x, theta, goal = torch.ones(1, 1, 1).double(), torch.zeros(1, 1).double(), torch.full((1, 1, 1), 2.0).double()

    def bent(t: Tensor, points: Tensor) -> Tensor:
        line = t[:, None] * points
        promised = 4.0 - (2.0 - t[:, None]).square()
        return torch.where(t[:, None] > 0.5, 2.0 - (4.0 - share * promised).clamp(min=0).sqrt() + 0 * line, line)

    solver = GaussNewton(bent, damping=0.3, iterations=5, tolerance=1e-12)
    found = solver.step(theta, x, goal)
    assert solver.damping is not None
    assert float(found) == pytest.approx(2 / 1.3 if share > 0 else 0.0)
    factor = {0.9: 1 / 3, 0.5: 1.0, 0.1: 2.0, -0.5: 4.0}[share]
    assert float(solver.damping) == pytest.approx(0.3 * factor)


def test_the_damping_stays_between_its_floor_and_ten_thousand() -> None:
    x, theta = torch.ones(1, 4, 1).double(), torch.zeros(1, 1).double()

    def line(t: Tensor, points: Tensor) -> Tensor:
        return t[:, None] * points

    low = GaussNewton(line, damping=1e-6, floor=1e-6)
    low.step(theta, x, x)
    assert float(low.damping) == pytest.approx(1e-6)  # type: ignore[arg-type]
    high = GaussNewton(lambda t, p: t[:, None] * p + 1e3 * (t[:, None] > 0), damping=9e3)
    high.step(theta, x, x)
    assert float(high.damping) == 1e4  # type: ignore[arg-type]


def test_conjugate_gradients_step_by_step() -> None:
    """After k products it is the best point of the Krylov space in A's norm; a row that is done stays."""
    g = torch.Generator().manual_seed(3)
    root = torch.randn(2, 6, 6, generator=g, dtype=torch.float64)
    A, b = root @ root.mT + 0.5 * torch.eye(6), torch.randn(2, 6, generator=g, dtype=torch.float64)

    def product(v: Tensor) -> Tensor:
        return (A @ v[..., None])[..., 0]

    for k in (1, 2, 4):
        z = conjugate_gradients(product, b, k, 0.0)
        for s in range(2):
            basis = torch.stack([torch.linalg.matrix_power(A[s], j) @ b[s] for j in range(k)], 1)
            best = basis @ torch.linalg.solve(basis.T @ A[s] @ basis, basis.T @ b[s])
            torch.testing.assert_close(z[s], best, rtol=1e-5, atol=1e-7)
    rough = conjugate_gradients(product, b, 50, 0.3)
    left = (product(rough) - b).norm(dim=1) / b.norm(dim=1)
    assert float(left.max()) <= 0.3 and float(left.max()) > 1e-8
    easy = b.clone()
    easy[0] = torch.linalg.eigh(A[0])[1][:, 0]  # done after one product
    both = conjugate_gradients(product, easy, 6, 1e-9)
    torch.testing.assert_close(both[0], easy[0] / torch.linalg.eigvalsh(A[0])[0])
    torch.testing.assert_close(product(both)[1], b[1])
    assert math.isfinite(float(conjugate_gradients(product, torch.zeros_like(b), 5, 0.1).sum()))
