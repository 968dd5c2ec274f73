"""The solvers of grad u* step by step: closed forms on quadratics, and plain versions of the same algorithms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from npf_engine.transport.conjugate import (
    MEMORY,
    Conjugate,
    _adam,
    _lbfgs,
    _metric,
    _newton,
    _two_loop,
    conjugate,
    extra_iterations,
    quadratic_start,
    solve_definite,
)


class Quadratic:
    """u(x) = <x, H x> / 2 + <b, x> + c, scale as given."""

    def __init__(self, H: Tensor, b: Tensor, scale: float = 1.0) -> None:
        self.H, self.b, self.d, self.scale = H.double(), b.double(), len(b), torch.tensor(scale)

    def gradient(self, x: Tensor) -> Tensor:
        return x @ self.H + self.b

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 * (x * (x @ self.H)).sum(1) + x @ self.b + 7.0, self.gradient(x)

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return *self.value_and_gradient(x), self.H.expand(len(x), self.d, self.d)


class Quartic(Quadratic):
    """The same plus w sum x^4 / 4: strongly convex, with a Hessian that changes."""

    w = 0.7

    def gradient(self, x: Tensor) -> Tensor:
        return super().gradient(x) + self.w * x**3

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().value_and_gradient(x)[0] + self.w * (x**4).sum(1) / 4, self.gradient(x)

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return *self.value_and_gradient(x), self.H + torch.diag_embed(3 * self.w * x.square())


def definite(d: int, seed: int = 0, ridge: float = 0.3) -> Tensor:
    root = torch.randn(d, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T + ridge * torch.eye(d, dtype=torch.float64)


def values(n: int, d: int, seed: int = 1) -> Tensor:
    return 5 + 3 * torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_a_linear_system_is_solved_for_every_matrix_of_the_batch(d: int) -> None:
    H = torch.stack([definite(d, seed) * 10.0 ** (seed - 2) for seed in range(4)])
    r = values(4, d)
    torch.testing.assert_close(solve_definite(H, r), torch.linalg.solve(H, r[:, :, None])[:, :, 0])


def test_a_matrix_that_is_not_definite_gives_the_residuals_direction() -> None:
    H = torch.stack([definite(3), -definite(3)])
    step = solve_definite(H, values(2, 3))
    torch.testing.assert_close(step[0], torch.linalg.solve(H[0], values(2, 3)[0]))
    torch.testing.assert_close(step[1], values(2, 3)[1] / torch.linalg.matrix_norm(H[1]))


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_start_is_the_conjugate_of_the_quadratic_at_the_origin(d: int) -> None:
    u, y = Quadratic(definite(d), torch.arange(1.0, d + 1)), values(20, d)
    truth = torch.linalg.solve(u.H, (y - u.b).T).T
    torch.testing.assert_close(quadratic_start(u, y), truth)
    quartic = Quartic(u.H, u.b)  # whose Hessian at 0 is the same
    torch.testing.assert_close(quadratic_start(quartic, y), truth)
    found = conjugate(u, y)
    assert found.evaluations == 1.0 and bool(found.converged.all())


@pytest.mark.parametrize("d", [1, 2, 5])
def test_newton_needs_one_step_on_a_quadratic(d: int) -> None:
    u, y = Quadratic(definite(d), torch.arange(1.0, d + 1)), values(30, d)
    x, residual, work = _newton(u, y, torch.zeros_like(y) - 4, 1e-7, 20)
    assert work == 60 and float(residual.max()) <= 1e-7
    torch.testing.assert_close(x, torch.linalg.solve(u.H, (y - u.b).T).T)


@pytest.mark.parametrize("d", [2, 4])
def test_newton_is_the_plain_damped_method_point_by_point(d: int) -> None:
    u, y = Quartic(definite(d) * 0.05, torch.linspace(-3, 2, d)), values(25, d, 2) * 20
    start = torch.full_like(y, -1.5)
    for iterations in (1, 2, 3, 5):
        x, residual, _ = _newton(u, y, start, 1e-9, iterations)
        for i in range(len(y)):
            place, damping, best = start[i], 1.0, start[i]
            r = y[i] - u.gradient(place[None])[0]
            for _ in range(iterations):
                if float((y[i] - u.gradient(best[None])[0]).abs().max()) <= 1e-9:
                    break
                trial = place + damping * torch.linalg.solve(u.derivatives(place[None])[2][0], r)
                r_trial = y[i] - u.gradient(trial[None])[0]
                if float(r_trial.norm()) <= (1 - 1e-4 * damping) * float(r.norm()):
                    if float(r_trial.abs().max()) < float((y[i] - u.gradient(best[None])[0]).abs().max()):
                        best = trial
                    place, r, damping = trial, r_trial, min(1.0, 4 * damping)
                else:
                    damping /= 4
            torch.testing.assert_close(x[i], best, msg=f"point {i} after {iterations} steps")
            assert float(residual[i]) == pytest.approx(float((y[i] - u.gradient(x[i : i + 1])[0]).abs().max()))


def test_newton_damps_a_step_that_would_overshoot_and_goes_on() -> None:
    """u = sqrt(1 + x^2): Newton's full step from 3 flies off, x -> -x^3; the damped one arrives."""

    class Root:
        d, scale = 1, torch.tensor(1.0)

        def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            s = (1 + x.square()).sqrt()
            return s[:, 0], x / s, (1 / s**3)[:, :, None]

    y = torch.tensor([[0.0], [0.5], [-0.9]], dtype=torch.float64)
    x, residual, work = _newton(Root(), y, torch.full_like(y, 3.0), 1e-10, 60)  # type: ignore[arg-type]
    assert float(residual.max()) <= 1e-10 and work < 60
    torch.testing.assert_close(x, y / (1 - y.square()).sqrt(), atol=1e-7, rtol=1e-7)
    stuck = _newton(Root(), torch.tensor([[2.0]]).double(), torch.tensor([[0.0]]).double(), 1e-10, 500)  # type: ignore[arg-type]
    assert float(stuck[1]) > 0.9 and stuck[2] < 200  # no pre-image: it ends by itself


def dense_bfgs(u: Quadratic, y: Tensor, start: Tensor, steps: int, metric: bool) -> Tensor:
    """One point by BFGS with a dense inverse Hessian made anew from the last pairs, the same line search."""
    eye = torch.eye(u.d, dtype=torch.float64)
    K = torch.linalg.inv(u.derivatives(torch.zeros(1, u.d, dtype=torch.float64))[2][0]) if metric else eye
    x, pairs = start, list[tuple[Tensor, Tensor]]()

    def phi(p: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = u.value_and_gradient(p[None])
        return value[0] - p @ y, gradient[0] - y

    f, r = phi(x)
    step = 1.0 if metric else 0.1 / (float(r.norm()) + 1e-12)
    for _ in range(steps):
        B = K
        if pairs:
            s, z = pairs[-1]
            B = K * float(s @ z) / float(z @ K @ z)
        for s, z in pairs[-MEMORY:]:
            rho = 1 / (s @ z)
            V = eye - rho * torch.outer(s, z)
            B = V @ B @ V.T + rho * torch.outer(s, s)
        direction = -B @ r
        trial = x + step * direction
        f_trial, r_trial = phi(trial)
        if float(f_trial) <= float(f + 1e-4 * step * (direction @ r)):
            pairs.append((trial - x, r_trial - r))
            x, f, r, step = trial, f_trial, r_trial, 1.0
        else:
            step /= 3
    return x


@pytest.mark.parametrize("d", [3, 12])
@pytest.mark.parametrize("steps", [1, 2, 3, 6, 9])
def test_lbfgs_is_bfgs_from_the_metric_at_the_origin(d: int, steps: int) -> None:
    u, y = Quartic(definite(d) * 0.2, torch.linspace(-3, 2, d)), values(5, d, 3) * 2
    start = torch.full_like(y, 0.8)
    x, residual, work = _lbfgs(u, y, start, 1e-300, steps)
    assert work == 5 * (1 + steps)
    for i in range(5):
        truth = dense_bfgs(u, y[i], start[i], steps, True)
        own = float((u.gradient(truth[None])[0] - y[i]).abs().max())
        if float(residual[i]) < own * (1 - 1e-6):  # an earlier iterate was nearer, and is what is returned
            continue
        torch.testing.assert_close(x[i], truth, rtol=1e-6, atol=1e-7)
    true = (u.gradient(x) - y).abs().amax(dim=1)
    torch.testing.assert_close(residual, true)


def test_lbfgs_converges_on_a_quadratic_at_once_with_its_metric_and_fast_without() -> None:
    u, y = Quadratic(definite(12, ridge=0.01), torch.arange(12.0)), values(6, 12)
    x, residual, work = _lbfgs(u, y, torch.zeros_like(y), 1e-6, 50)
    assert work == 12 and float(residual.max()) < 1e-6
    torch.testing.assert_close(x, torch.linalg.solve(u.H, (y - u.b).T).T)
    assert _metric(u, y) is not None
    torch.testing.assert_close(_metric(u, y), torch.linalg.inv(u.H))
    assert _metric(Quadratic(-u.H, u.b), y) is None


@pytest.mark.parametrize(
    ("base", "bump", "taken"),
    [
        (1e7, 4.0, True),
        (1e7, 20.0, False),
        (-1e7, 4.0, True),
        (-1e7, 20.0, False),
        (0.01, 5e-7, True),
        (0.01, 1.5e-6, False),
        (0.01, -1e-3, True),
    ],
)
def test_a_value_that_does_not_fall_is_borne_within_rounding_where_the_residual_falls(
    base: float, bump: float, taken: bool
) -> None:
    """From (1/2, 0) to the minimum at 0, whose value seems to be higher: a millionth of it, or of one, is nothing."""

    class Bumpy:
        d, scale = 2, torch.tensor(1.0)

        def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return base + torch.where(x.norm(dim=1) < 0.1, bump, 0.0), x

        def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return *self.value_and_gradient(x), torch.eye(2).double().expand(len(x), 2, 2)

    start, y = torch.tensor([[0.5, 0.0]]).double(), torch.zeros(1, 2).double()
    x, residual, work = _lbfgs(Bumpy(), y, start, 1e-9, 1)  # type: ignore[arg-type]
    assert torch.equal(x, y if taken else start) and float(residual) == (0.0 if taken else 0.5) and work == 2


def test_a_lower_residual_at_a_higher_value_is_refused_and_a_third_of_the_step_tried() -> None:
    """u = 50 x^2 + y^2 / 2 by a metric that leads from (1, 0) to (0, 13): 84.5 for 50, but 13 for 100."""
    u = Quadratic(torch.diag(torch.tensor([100.0, 1.0])), torch.zeros(2))
    K = torch.tensor([[0.01, -0.13], [-0.13, 2.0]]).double()

    class Led(Quadratic):
        def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return *self.value_and_gradient(x), torch.linalg.inv(K).expand(len(x), 2, 2)

    led, start, y = Led(u.H, u.b), torch.tensor([[1.0, 0.0]]).double(), torch.zeros(1, 2).double()
    torch.testing.assert_close(_lbfgs(led, y, start, 1e-9, 1)[0], start)
    torch.testing.assert_close(_lbfgs(led, y, start, 1e-9, 2)[0], torch.tensor([[2 / 3, 13 / 3]]).double())


@pytest.mark.parametrize("unit", [1e-7, 1e5])
def test_lbfgs_remembers_its_steps_in_any_unit(unit: float) -> None:
    """unit^2 u(x / unit): the path is the same in its units."""
    u, y, start = (
        Quartic(definite(6) * 0.2, torch.linspace(-1, 1, 6)),
        values(4, 6, 3) * 0.2,
        torch.zeros(4, 6).double(),
    )

    class Small(Quartic):
        def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
            value, gradient = u.value_and_gradient(x / unit)
            return unit**2 * value, unit * gradient

        def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return *self.value_and_gradient(x), u.derivatives(x / unit)[2]

    for steps in (2, 4, 7):
        x, residual, _ = _lbfgs(u, y, start, 1e-300, steps)
        small, left, _ = _lbfgs(Small(u.H, u.b), unit * y, unit * start, 1e-300, steps)
        torch.testing.assert_close(small / unit, x, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(left / unit, residual, rtol=1e-3, atol=1e-7)


def test_the_two_loops_are_the_dense_inverse_hessian() -> None:
    g = torch.Generator().manual_seed(0)
    r = torch.randn(4, 6, generator=g, dtype=torch.float64)
    pairs = []
    H = definite(6)
    for k in range(3):
        s = torch.randn(4, 6, generator=g, dtype=torch.float64)
        z = s @ H
        rho = 1 / (s * z).sum(1)
        if k == 1:  # point 2 made no step there
            s[2], z[2], rho[2] = 0, 0, 0
        if k == 2:  # and point 3 none in the last
            s[3], z[3], rho[3] = 0, 0, 0
        pairs.append((s, z, rho))
    for K in (None, torch.linalg.inv(definite(6, 5))):
        found = _two_loop(r, pairs, K)
        eye = torch.eye(6, dtype=torch.float64)
        base = eye if K is None else K
        for i in range(4):
            own = [(s[i], z[i], rho[i]) for s, z, rho in pairs if float(rho[i])]
            s, z, rho = own[-1]
            B = base / float(rho * (z @ base @ z))
            for s, z, rho in own:
                V = eye - rho * torch.outer(s, z)
                B = V @ B @ V.T + rho * torch.outer(s, s)
            torch.testing.assert_close(found[i], B @ r[i])
        torch.testing.assert_close(_two_loop(r, [], K), r @ base)


def test_adam_is_torchs_with_a_cosine_rate() -> None:
    u, y = Quartic(definite(3), torch.tensor([1.0, -2.0, 0.5])), values(4, 3)
    start = torch.full_like(y, 0.5)
    iterations = 30
    points = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([points], lr=0.1)
    path = [start]
    for k in range(iterations):
        for group in optimiser.param_groups:
            group["lr"] = 0.1 * (1e-4 + (1 - 1e-4) * 0.5 * (1 + math.cos(math.pi * k / iterations)))
        points.grad = (u.gradient(points) - y).detach()
        optimiser.step()
        path.append(points.detach().clone())
    x, residual, work = _adam(u, y, start, 1e-12, iterations)
    assert work == 4 * iterations
    residuals = torch.stack([(u.gradient(p) - y).abs().amax(dim=1) for p in path[:iterations]])
    torch.testing.assert_close(residual, residuals.amin(0))
    best = torch.stack([path[int(k)][i] for i, k in enumerate(residuals.argmin(0))])
    torch.testing.assert_close(x, best)


def test_points_that_are_done_leave_adam_and_the_others_go_on() -> None:
    u = Quadratic(torch.eye(2), torch.zeros(2))
    y = torch.tensor([[1.0, 0.0], [3.0, -3.0]], dtype=torch.float64)
    x, residual, work = _adam(u, y, torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64), 0.3, 100)
    assert torch.equal(x[0], y[0]) and 0 < float(residual[1]) <= 0.3
    assert 30 < work < 100  # a tenth a step
    alone = _adam(u, y[1:], torch.zeros(1, 2, dtype=torch.float64), 0.3, 100)
    assert work == alone[2] + 1
    torch.testing.assert_close(x[1:], alone[0])


def test_the_tolerance_is_in_units_of_the_scale() -> None:
    u = Quartic(definite(2), torch.tensor([40.0, -7.0]), scale=100.0)
    y = values(50, 2) * 30
    loose, tight = conjugate(u, y, tolerance=1e-4), conjugate(u, y, tolerance=1e-9)
    assert float(loose.residual.max()) <= 1e-2 and bool(loose.converged.all())
    assert float(tight.residual.max()) <= 1e-7 and tight.evaluations > loose.evaluations
    few = conjugate(u, y, tolerance=1e-9, max_iterations=1, method="newton")
    assert torch.equal(few.converged, few.residual <= 1e-7) and not few.converged.all()
    torch.testing.assert_close(few.residual, (y - u.gradient(few.x)).abs().amax(1))


@pytest.mark.parametrize("method", ["auto", "newton", "lbfgs", "adam"])
def test_chunks_and_starts_that_are_not_finite_change_nothing(method: str) -> None:
    u, y = Quartic(definite(2), torch.tensor([4.0, -7.0])), values(11, 2)
    start = torch.zeros_like(y)
    whole = conjugate(u, y, start, method=method, tolerance=1e-3)
    parts = conjugate(u, y, start, method=method, tolerance=1e-3, chunk=4)
    torch.testing.assert_close(parts.x, whole.x)
    assert parts.evaluations == pytest.approx(whole.evaluations)
    start[3], start[5, 0] = torch.nan, torch.inf
    torch.testing.assert_close(conjugate(u, y, start, method=method, tolerance=1e-3).x, whole.x)


def test_the_automatic_choice_is_newton_up_to_eight_dimensions() -> None:
    for d, same, other in ((8, "newton", "lbfgs"), (9, "lbfgs", "newton")):
        u, y = Quartic(definite(d), torch.linspace(0, 3, d)), values(6, d)
        found = conjugate(u, y, tolerance=1e-8).evaluations
        assert found == conjugate(u, y, tolerance=1e-8, method=same).evaluations
        assert found != conjugate(u, y, tolerance=1e-8, method=other).evaluations


def test_one_iteration_more_where_fewer_than_95_of_100_converged() -> None:
    def solved(count: int) -> Conjugate:
        return Conjugate(torch.zeros(100, 2), torch.zeros(100), torch.arange(100) < count, 1.0)

    assert [extra_iterations(7, solved(count)) for count in (94, 96)] == [8, 6]
    assert extra_iterations(19, solved(0)) == 20 == extra_iterations(20, solved(0))
    assert extra_iterations(1, solved(100)) == 0 == extra_iterations(0, solved(100))


@pytest.mark.parametrize("solver", [_newton, _lbfgs, _adam])
def test_one_dimension_is_enough_for_every_solver(solver: object) -> None:
    y = torch.tensor([[2.0], [-1.0]]).double()
    u = Quadratic(torch.tensor([[0.5]]), torch.tensor([1.0]))
    x, residual, _ = solver(u, y, torch.zeros_like(y), 1e-2, 300)  # type: ignore[operator]
    torch.testing.assert_close(x, 2 * (y - 1), atol=0.05, rtol=0)
    assert float(residual.max()) <= 1e-2
