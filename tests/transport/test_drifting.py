"""Scores, velocities and drifting against closed forms: Gaussians, where everything is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from npf_engine.divergences import sinkhorn_divergence, solve_entropic
from npf_engine.errors import Cancelled
from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.networks.ensemble import Ensemble
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import drifting
from npf_engine.transport.drift_config import SCHEMES, DriftConfig, published
from npf_engine.transport.drifting import drift
from npf_engine.transport.functionals import (
    EnergyDistance,
    KullbackLeibler,
    SinkhornDrift,
    standard_normal_gradient,
)
from npf_engine.transport.natural_gradient import GaussNewton, conjugate_gradients
from npf_engine.transport.scores import calibrated, self_entropic


def normal(n: int, d: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_self_entropic_score_of_a_gaussian() -> None:
    """In 1-d the self-coupling of N(0, s^2) is Gaussian with covariance c = sqrt(s^4 + eps^2/4) - eps/2, so that the
    barycentre is (c/s^2) x. Quantiles in place of draws leave no sampling error."""
    levels = (torch.arange(1500, dtype=torch.float64) + 0.5) / 1500
    x = 1.5 * torch.special.ndtri(levels)[:, None]
    coupling = self_entropic(x)
    assert coupling.error < 1e-6 and coupling.converged
    eps, s2 = float(coupling.eps) / 2, float(x.var())  # of the halved cost
    share = (math.sqrt(s2**2 + eps**2 / 4) - eps / 2) / s2
    middle = x.abs()[:, 0] < 2
    error = coupling.score()[middle] + (2 / eps) * (1 - share) * x[middle]
    assert float(error.square().mean().sqrt()) < 0.02 * float((x[middle] / s2).square().mean().sqrt())


def test_the_published_score_is_too_weak_and_the_calibrated_one_is_not() -> None:
    slopes = {}
    for name in ("self-entropic", "calibrated"):
        found = []
        for seed in range(6):
            x = normal(100, 2, seed)
            score = self_entropic(x).score()
            score = calibrated(x, score) if name == "calibrated" else score
            found.append(float(-(score * x).sum() / x.square().sum()))
        slopes[name] = sum(found) / len(found)
    assert slopes["self-entropic"] < 0.87  # facts: 20 % too weak at 100 atoms
    assert 0.94 < slopes["calibrated"] < 1.12


def test_calibration_makes_steins_identity_hold_and_leaves_a_bad_cloud_alone() -> None:
    x = normal(200, 3)
    score = self_entropic(x).score()
    fixed = calibrated(x, score)
    torch.testing.assert_close(fixed.T @ (x - x.mean(0)) / 200, -torch.eye(3), atol=1e-4, rtol=1e-4)
    broken = torch.full((5, 2), torch.nan)
    assert torch.isnan(calibrated(broken, broken)).all()


def test_kl_velocity_vanishes_at_the_target_and_points_home() -> None:
    kl = KullbackLeibler(standard_normal_gradient, "calibrated")
    at_home = kl.velocity(normal(1500))
    away = kl.velocity(normal(1500) + torch.tensor([2.0, 0.0]))
    assert float(at_home.square().mean()) < 0.15
    torch.testing.assert_close(away.mean(0), torch.tensor([-2.0, 0.0]), atol=0.15, rtol=0)
    assert 0 < kl.error < 1e-5


def test_kl_from_samples_knows_the_targets_score() -> None:
    target = torch.tensor([1.0, -1.0]) + 0.7 * normal(2000, 2, 5)
    kl = KullbackLeibler.of_samples(target)
    z = torch.tensor([[1.0, -1.0], [1.5, -0.6], [0.6, -1.4]])
    truth = (z - torch.tensor([1.0, -1.0])) / 0.49
    assert float((kl.grad_V(z) - truth).abs().max()) < 0.5
    with pytest.raises(ValueError, match="score"):
        KullbackLeibler(standard_normal_gradient, "wild")


def test_velocities_are_minus_the_divergences_gradients() -> None:
    """n v_i = -d D / d x_i, by central differences of the divergence itself."""
    x, y = normal(60, 2, 1).double() + 1, 0.5 * normal(80, 2, 2).double()
    v, step = SinkhornDrift(y, tolerance=1e-12).velocity(x), 0.05
    eps = 0.1 * float((y - y.mean(0)).square().sum(1).mean())

    def divergence(points: Tensor) -> float:
        return sinkhorn_divergence(points, y, eps)

    for i, axis in ((0, 0), (7, 1)):
        move = torch.zeros_like(x)
        move[i, axis] = step
        slope = (divergence(x + move) - divergence(x - move)) / (2 * step)
        assert slope == pytest.approx(-float(v[i, axis]) / 60, rel=0.03, abs=1e-4)


def test_energy_velocities_are_minus_the_gradient_without_what_an_atom_has_to_itself() -> None:
    x, y = normal(40, 3, 1).double() + 1, 0.5 * normal(70, 3, 2).double()
    points = x.clone().requires_grad_()
    value = EnergyDistance(y).energies(points).mean()
    apart = torch.cdist(x, x).sum() / (40 * 39)
    torch.testing.assert_close(value.detach(), 2 * torch.cdist(x, y).mean() - apart)
    pairs = (points[:, None] - points + torch.eye(40, dtype=torch.float64)[:, :, None]).norm(dim=2)
    off = pairs.sum() - pairs.diagonal().sum()
    plain = 2 * (points[:, None] - y).norm(dim=2).mean() - off / (40 * 39)
    (slope,) = torch.autograd.grad(plain, points)
    v = EnergyDistance(y).velocity(x)
    torch.testing.assert_close(v, -40 * slope, atol=1e-6, rtol=1e-5)
    far = EnergyDistance(y).velocity(1e6 * x)
    assert float(far.norm(dim=1).max()) <= 4.0, "wherever an atom is"
    assert torch.equal(EnergyDistance(y, lambda n: x[:n] + 3).velocity(x), EnergyDistance(x + 3).velocity(x))


def test_the_parts_of_the_atoms_make_the_divergence() -> None:
    """Sinkhorn against the divergence itself, less the target's own term; KL of Gaussians in closed form."""
    x, y = normal(60, 2, 1).double() + 1, 0.5 * normal(80, 2, 2).double()
    drifted, eps = SinkhornDrift(y, tolerance=1e-12), 0.1 * float((y - y.mean(0)).square().sum(1).mean())
    moved = x * 0.7 - 0.2
    fall = float((drifted.energies(x) - drifted.energies(moved)).mean())
    assert fall == pytest.approx(sinkhorn_divergence(x, y, eps) - sinkhorn_divergence(moved, y, eps), rel=1e-4)
    z = normal(20_000, 2, 3).double()
    mean, size = torch.tensor([1.0, -0.5]).double(), torch.tensor([0.5, 2.0]).double()
    parts = KullbackLeibler(standard_normal_gradient).energies(mean + size * z, size.log().sum().expand(20_000))
    entropy = math.log(2 * math.pi) + 1
    known = float((mean.square() + size.square() - 1 - 2 * size.log()).sum()) / 2
    assert float(parts.mean()) + math.log(2 * math.pi) - entropy == pytest.approx(known, abs=0.03)
    with pytest.raises(ValueError, match="log det"):
        KullbackLeibler(standard_normal_gradient).energies(z, None)


def test_entropic_coupling_has_the_marginals_and_a_known_jacobian() -> None:
    x, y = normal(50, 2, 1).double(), normal(70, 2, 2).double() + 1
    coupling = solve_entropic(x, y, 0.4, tolerance=1e-16)
    torch.testing.assert_close(coupling.barycentre(x).mean(0), y.mean(0), atol=1e-6, rtol=0)
    z = torch.tensor([[0.3, 0.4]], dtype=torch.float64)
    J = torch.func.jacrev(lambda p: coupling.barycentre(p[None])[0])(z[0])
    torch.testing.assert_close(coupling.covariance(z)[0] / 0.2, J)


def test_conjugate_gradients_solve_every_row() -> None:
    g = torch.Generator().manual_seed(0)
    root = torch.randn(3, 8, 8, generator=g, dtype=torch.float64)
    A = root @ root.mT + torch.eye(8)
    b = torch.randn(3, 8, generator=g, dtype=torch.float64)
    b[1] = 0
    z = conjugate_gradients(lambda v: (A @ v[..., None])[..., 0], b, 100, 1e-12)
    torch.testing.assert_close((A @ z[..., None])[..., 0], b, atol=1e-8, rtol=0)


def test_gauss_newton_solves_linear_least_squares_in_a_step() -> None:
    x = normal(40, 3).double().expand(2, 40, 3).clone()
    truth = normal(2, 9, 3).double()

    def model(theta: Tensor, points: Tensor) -> Tensor:
        return points @ theta.reshape(2, 3, 3)

    solver = GaussNewton(model, damping=1e-12, iterations=50, tolerance=1e-12, floor=1e-14)
    theta = solver.step(torch.zeros(2, 9, dtype=torch.float64), x, model(truth, x))
    torch.testing.assert_close(theta, truth, atol=1e-6, rtol=0)


def test_gauss_newton_never_raises_the_loss() -> None:
    ensemble = Ensemble([ClassicalICNN(2, [8, 8], terms=Terms(linear=True, rank=2), seed=s) for s in range(2)])
    x = normal(60).expand(2, 60, 2).contiguous()
    goal, solver, theta = x**3, GaussNewton(ensemble.gradient), ensemble.theta
    losses = []
    for _ in range(8):
        losses.append((ensemble.gradient(theta, x) - goal).square().mean((1, 2)))
        theta = solver.step(theta, x, goal)
    stacked = torch.stack(losses)
    assert (stacked[1:] <= stacked[:-1] + 1e-6).all() and (stacked[-1] < 0.5 * stacked[0]).all()


def linear_problem(scheme: str, members: int = 2) -> tuple[Ensemble, drifting.Draw, Tensor]:
    """N(m, diag(.5^2, 2^2)) to N(0, I): the map is x -> (x - m) / (.5, 2)."""
    ensemble = Ensemble([ClassicalICNN(2, [6], terms=Terms(linear=True, rank=2), seed=s) for s in range(members)])
    generators = [torch.Generator().manual_seed(s) for s in range(members)]
    mean, size = torch.tensor([1.0, -1.0]), torch.tensor([0.5, 2.0])

    def draw(n: int) -> Tensor:
        return torch.stack([mean + size * torch.randn(n, 2, generator=g) for g in generators])

    probe = mean + size * normal(500, 2, 99)
    return ensemble, draw, probe


@pytest.mark.parametrize("scheme", ["explicit", "implicit", "implicit-summed", "adam", "gauss-newton"])
def test_schemes_find_the_map_between_gaussians(scheme: str) -> None:
    ensemble, draw, probe = linear_problem(scheme)
    config = DriftConfig(scheme, outer=7, inner=4 if scheme == "gauss-newton" else 25, rate=0.1, steps=200, atoms=60)
    if scheme == "adam":
        config = DriftConfig(scheme, rate=4e-2, steps=150)
    result = drift(ensemble, draw, KullbackLeibler(standard_normal_gradient, "calibrated"), config, Recorder())
    truth = (probe - torch.tensor([1.0, -1.0])) / torch.tensor([0.5, 2.0])
    identity = float((probe - truth).square().sum(1).mean())
    for index in range(2):
        found = ensemble.member(result.theta, index).gradient(probe).detach()
        assert float((found - truth).square().sum(1).mean()) < 0.06 * identity


def test_a_member_does_not_depend_on_its_neighbours() -> None:
    config = DriftConfig("explicit", outer=2, inner=3)
    functional = KullbackLeibler(standard_normal_gradient)
    together = drift(*linear_problem("explicit", 3)[:2], functional, config, Recorder())
    alone = drift(*linear_problem("explicit", 1)[:2], functional, config, Recorder())
    torch.testing.assert_close(together.theta[:1], alone.theta, atol=1e-4, rtol=1e-3)
    again = drift(*linear_problem("explicit", 3)[:2], functional, config, Recorder())
    assert torch.equal(together.theta, again.theta)


class Energetic(EnergyDistance):
    """To the normal, always the same points of it."""

    def __init__(self) -> None:
        super().__init__(normal(400, 2, 77))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_guarded_scheme_lowers_the_functional_from_where_it_begins(scheme: str) -> None:
    ensemble, draw, probe = linear_problem(scheme)
    tau = 0.03 if scheme == "implicit-summed" else 2.0
    outer, inner = (6, 3) if scheme == "gauss-newton" else (6, 20)
    config = DriftConfig(scheme, tau=tau, outer=outer, inner=inner, steps=120, rate=0.1, atoms=60, guarded=True)
    functional = Energetic()
    result = drift(ensemble, draw, functional, config, Recorder())
    before, after = (
        functional.energies(ensemble.gradient(t, probe.expand(2, 500, 2))) for t in (ensemble.theta, result.theta)
    )
    assert (after.mean(1) < before.mean(1) - 0.05).all()
    assert result.guard is not None and result.guard.lowered.all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_step_that_would_run_away_is_taken_back(scheme: str) -> None:
    """With a functional whose velocity points the wrong way, every guarded scheme ends where it began."""

    class Backwards(Energetic):
        def velocity(self, x: Tensor) -> Tensor:
            return -3 * super().velocity(x)

    ensemble, draw, _ = linear_problem(scheme)
    config = DriftConfig(
        scheme, tau=1.0, outer=4, inner=10, steps=50, rate=0.1, atoms=60, guarded=True, from_identity=False
    )
    result = drift(ensemble, draw, Backwards(), config, Recorder())
    assert result.guard is not None and torch.isfinite(result.theta).all()
    probe = draw(500)
    before, after = (Energetic().energies(ensemble.gradient(t, probe)).mean(1) for t in (ensemble.theta, result.theta))
    assert (after <= before + 0.02).all()
    if scheme != "euclidean":  # whose own search refuses them before
        assert int(result.guard.taken_back.min()) >= 1


def test_published_settings_and_names() -> None:
    assert (published("euclidean").rate, published("euclidean").steps) == (1e-3, 3000)
    explicit = published("explicit")
    assert (explicit.tau, explicit.outer, explicit.inner, explicit.rate, explicit.atoms) == (0.4, 10, 100, 0.1, 100)
    assert set(SCHEMES) >= {published(s).scheme for s in SCHEMES}
    with pytest.raises(ValueError, match="no scheme"):
        DriftConfig("backwards")


def test_drifting_stops_at_a_wish_and_at_the_time() -> None:
    class Stop(Recorder):
        count = 0

        def check(self) -> None:
            self.count += 1
            if self.count == 5:
                raise Cancelled

    ensemble, draw, _ = linear_problem("explicit")
    functional = KullbackLeibler(standard_normal_gradient)
    with pytest.raises(Cancelled):
        drift(ensemble, draw, functional, DriftConfig(), Stop())
    result = drift(ensemble, draw, functional, DriftConfig(outer=10_000), Recorder(), seconds=0.2)
    assert 1 <= result.steps < 1_000_000 and "time" in result.note
