"""The lab's laws, losses and references by their definitions: moments, densities, duals, each in closed form."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.divergences import solve_entropic
from npf_engine.networks.monotone import CMGN
from npf_engine.studies.lab import laws
from npf_engine.studies.lab.laws import drawn_from, mixture, seven_means
from npf_engine.studies.lab.tasks import build_task, clouds_task
from npf_engine.transport import discrete
from npf_engine.transport.adversarial import HIDDEN, AdversarialConfig, Adversary, Critic, gradient_penalty
from npf_engine.transport.coordinates import Units
from npf_engine.transport.discrete import entropic_map, exact_map
from npf_engine.transport.gaussian import covariance
from npf_engine.transport.monotone_losses import gaussian_kl, monge_ampere, sinkhorn_loss
from npf_engine.transport.pairing import Stratifier, draw_pairs, optimal_assignment, source_of_nearest

N = 40_000


def draws(n: int, seed: int, d: int = 2) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moments(draw: object, n: int = N) -> tuple[Tensor, Tensor]:
    x = draw(n, torch.Generator().manual_seed(3)).double()  # type: ignore[operator]
    return x.mean(0), covariance(x)


def test_a_mixture_has_the_moments_of_its_parts() -> None:
    means, weights = torch.tensor([[1.0, -4.0], [3.0, 0.0], [0.0, 6.0]]), torch.tensor([0.2, 0.5, 0.3])
    parts = torch.stack(
        [torch.tensor([[1.0, 0.4], [0.4, 0.5]]), 2 * torch.eye(2), torch.diag(torch.tensor([0.1, 3.0]))]
    )
    mean, cov = moments(mixture(means, parts, weights))
    truth = weights @ means
    away = means - truth
    spread = torch.einsum("k,kij->ij", weights, parts) + torch.einsum("k,ki,kj->ij", weights, away, away)
    torch.testing.assert_close(mean.float(), truth, atol=0.1, rtol=0)
    torch.testing.assert_close(cov.float(), spread, atol=0.3, rtol=0.04)


def test_the_drifting_papers_source_and_the_two_mixtures() -> None:
    mean, cov = moments(laws.drift_source())
    means = 2 * torch.tensor([[-1, -1], [-0.5, 1], [1, -1.5], [1, 1]])
    weights = torch.tensor([0.3, 0.2, 0.3, 0.2])
    torch.testing.assert_close(mean.float(), weights @ means, atol=0.05, rtol=0)
    own = torch.tensor(
        [[0.3 * 0.1 + 0.2 * 0.1 + 0.3 * 0.1 + 0.2 * 0.1, 0.3 * 0.06 + 0.2 * 0.01 + 0.3 * 0.03], [0.0, 0.0]]
    )
    own[1, 0], own[1, 1] = own[0, 1], 0.3 * 0.1 + 0.2 * 0.5 + 0.3 * 0.1 + 0.2 * 0.1
    away = means - weights @ means
    torch.testing.assert_close(cov.float(), own + torch.einsum("k,ki,kj->ij", weights, away, away), atol=0.1, rtol=0)
    task = build_task("mixtures")
    mean, cov = moments(task.source)
    torch.testing.assert_close(mean, torch.zeros(2).double(), atol=0.05, rtol=0)
    torch.testing.assert_close(cov, torch.diag(torch.tensor([4.3, 0.3])).double(), atol=0.06, rtol=0.02)
    mean, cov = moments(task.target)
    torch.testing.assert_close(mean, torch.tensor([0.0, 1 / 3]).double(), atol=0.06, rtol=0)
    torch.testing.assert_close(cov, torch.tensor([[6.3, 0.0], [0.0, 8 / 9 + 0.3]]).double(), atol=0.12, rtol=0.02)
    drift = build_task("drift-mixture")
    assert (drift.metric, drift.failed_above, drift.d) == ("mmd", 0.03, 2)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_gaussian_tasks_map_carries_one_law_to_the_other(d: int) -> None:
    task = build_task("gaussian", d=d)
    assert task.true_map is not None and task.grad_V is not None and task.metric == "l2_uvp"
    x = task.source(N, torch.Generator().manual_seed(1))
    (mean, cov), (target, spread) = moments(lambda n, g: task.true_map(x)), moments(task.target)
    torch.testing.assert_close(mean, target, atol=0.06, rtol=0)
    torch.testing.assert_close(cov, spread, atol=0.08, rtol=0.04)
    known = {1: ([1.0], [[4.0]]), 2: ([1.0, -0.5], [[1.5, -0.7], [-0.7, 0.6]])}
    mean_y, cov_y = known.get(d, ([0.0] * d, torch.diag(torch.arange(1.0, d + 1)).tolist()))
    y = torch.randn(5, d, generator=torch.Generator().manual_seed(2))
    law = torch.distributions.MultivariateNormal(torch.tensor(mean_y), torch.tensor(cov_y))
    point = y.clone().requires_grad_()
    torch.testing.assert_close(task.grad_V(y), -torch.autograd.grad(law.log_prob(point).sum(), point)[0])
    source = torch.tensor([[1.0, 0.6], [0.6, 1.0]]) if d == 2 else torch.eye(d)
    torch.testing.assert_close(moments(task.source)[1].float(), source, atol=0.05, rtol=0.02)
    eye = torch.eye(d)
    J = torch.stack([task.true_map(e[None])[0] - task.true_map(torch.zeros(1, d))[0] for e in eye])
    torch.testing.assert_close(J, J.T)
    assert float(torch.linalg.eigvalsh(J).min()) > 0


def test_seven_gaussians_have_the_papers_means() -> None:
    found = seven_means(4)
    a = 30 / math.sqrt(2)
    rows = [[30, 0] * 2, [-30, 0] * 2, [0, -30] * 2, [a] * 4, [a, -a] * 2, [-a, a] * 2, [0] * 4]
    torch.testing.assert_close(found, torch.tensor(rows))
    x = build_task("seven-gaussians", d=4).target(N, torch.Generator().manual_seed(1))
    which = torch.cdist(x, found).argmin(1)
    for k in range(7):
        part = x[which == k]
        assert len(part) / N == pytest.approx(1 / 7, abs=0.01)
        assert float((part - found[k]).var()) == pytest.approx(k + 1, rel=0.06)


def test_tests_see_other_points_than_trainings() -> None:
    cloud = torch.arange(200.0)[:, None].expand(200, 2) + torch.tensor([0.0, 0.5])
    task = clouds_task(cloud, cloud.flip(0))
    assert task.cloud == 170 and not task.identical and task.metric == "s_eps"
    test, _ = task.test(30, 0)
    train = task.source(170, torch.Generator().manual_seed(0))
    assert len(test) == 30 and len({float(v) for v in test[:, 0]} & {float(v) for v in train[:, 0]}) == 0
    assert len({float(v) for v in train[:, 0]}) == 170
    small = clouds_task(cloud[:39], cloud[:39] + 1)
    assert small.cloud == 39 and len(small.test(39, 0)[0]) == 39
    g = torch.Generator().manual_seed(1)
    assert len(drawn_from(cloud)(500, g)) == 500 and len({float(v) for v in drawn_from(cloud)(200, g)[:, 0]}) == 200
    assert torch.equal(task.test(9, 4)[0], task.test(9, 4)[0]) and not torch.equal(
        task.test(9, 4)[0], task.test(9, 5)[0]
    )


# -- losses ------------------------------------------------------------------------------------------------------------


def test_the_kl_of_gaussians_off_the_origin_is_torchs() -> None:
    x = torch.tensor([50.0, -3.0, 1.0]) + draws(300, 1, 3) * torch.tensor([4.0, 1.0, 0.3])
    mean = torch.tensor([48.0, -2.0, 1.3], dtype=torch.float64)
    root = draws(3, 2, 3)
    C = root @ root.T + 0.5 * torch.eye(3)
    ours = torch.distributions.MultivariateNormal(x.mean(0), covariance(x))
    other = torch.distributions.MultivariateNormal(mean, C)
    expected = float(torch.distributions.kl_divergence(ours, other))
    assert float(gaussian_kl(x, mean, C)) == pytest.approx(expected, rel=1e-4)
    flat = x * torch.tensor([1.0, 1.0, 0.0])
    assert math.isfinite(float(gaussian_kl(flat, mean, C)))


@pytest.mark.parametrize("unit", [1e-5, 1e4])
def test_the_kl_of_gaussians_knows_no_units(unit: float) -> None:
    x, mean = draws(200, 1, 2) * torch.tensor([3.0, 0.4]).double(), torch.tensor([0.5, -0.1]).double()
    for C in (torch.tensor([[4.0, 0.3], [0.3, 0.5]]).double(), torch.tensor([[4.0, 0.0], [0.0, 0.0]]).double()):
        plain = float(gaussian_kl(x, mean, C))
        assert float(gaussian_kl(unit * x, unit * mean, unit**2 * C)) == pytest.approx(plain, rel=1e-6)


def test_the_sinkhorn_loss_of_a_shift_and_of_its_own_cloud() -> None:
    x = 3 + draws(60, 1)
    loss = sinkhorn_loss(0.5)
    assert float(loss(x, x)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss(x + torch.tensor([2.0, 1.0]).double(), x)) == pytest.approx(5.0, rel=0.03)


def test_the_monge_ampere_residual_of_a_map_that_is_off_by_a_factor() -> None:
    """Between Gaussians, T twice the exact map: the residual is that of the densities less log of the volume."""
    u = CMGN(2, 3, 1, seed=0).double().requires_grad_(False)
    u.W.zero_()
    S = torch.tensor([[2.0, 0.3], [0.3, 1.0]]).double()
    u.start_at_gaussian(S, torch.tensor([5.0, 1.0]).double(), torch.eye(2), 3.0)
    x, size = draws(6, 1), 4.0
    rho = torch.distributions.MultivariateNormal(torch.zeros(2).double(), size**2 * torch.eye(2).double())
    nu = torch.distributions.MultivariateNormal(torch.tensor([5.0, 1.0]).double(), S @ S.T)
    residual = monge_ampere(u, x, size, rho.log_prob(size * x), nu.log_prob)
    torch.testing.assert_close(residual, torch.zeros(6).double(), atol=1e-8, rtol=0)
    other = monge_ampere(u, x, size, rho.log_prob(size * x) + 0.7, nu.log_prob)
    torch.testing.assert_close(other, torch.full((6,), 0.7).double())


def test_the_penalty_and_the_critic_by_hand() -> None:
    slope = torch.tensor([3.0, 4.0])

    class Plane(torch.nn.Module):
        def forward(self, y: Tensor) -> Tensor:
            return y @ slope + 7

    image, target = torch.zeros(5, 2), torch.ones(5, 2)
    assert float(gradient_penalty(Plane(), image, target, torch.Generator())) == pytest.approx(16.0)
    seen: list[Tensor] = []

    class Looking(Plane):
        def forward(self, y: Tensor) -> Tensor:
            seen.append(y.detach())
            return super().forward(y)

    gradient_penalty(Looking(), image, target, torch.Generator().manual_seed(2))
    t = torch.rand(5, 1, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(seen[0], (1 - t).expand(5, 2))
    y = torch.tensor([100.0, -3.0]) + 5 * draws(400, 3).float()
    adversary = Adversary(y, AdversarialConfig(rate=1e-9), 1)
    torch.testing.assert_close(adversary.critic.centre, y.mean(0))
    size = float((y - y.mean(0)).square().sum(1).mean().sqrt())
    assert adversary.size == pytest.approx(size)
    inner = adversary.critic.layers((y - y.mean(0)) / size)[:, 0]
    torch.testing.assert_close(adversary.critic(y), size * inner)
    x = y + 2
    gap = adversary.critic(y).mean() - adversary.critic(x).mean()
    assert float(adversary.loss(x, y)) == pytest.approx(float(gap), abs=1e-5)
    assert [p.shape[0] for p in Critic(2).parameters()][::2] == [*HIDDEN, 1]
    fast = Adversary(y, AdversarialConfig(rate=3e-3, penalty=1.0), 1)
    g = torch.Generator().manual_seed(0)
    for _ in range(60):
        fast.train(x, y, g)
    # The distance of a shift is its length, and the critic's estimate of it rises towards that from below.
    assert 1.0 < float(fast.loss(x, y)) < 2 * math.sqrt(2) * 1.3


# -- references --------------------------------------------------------------------------------------------------------


def test_the_exact_map_takes_each_point_to_its_partner_and_its_cells_are_of_the_dual() -> None:
    x, y = 4 + draws(12, 1), draws(12, 2) * torch.tensor([3.0, 0.5]).double()
    found = exact_map(x, y)
    torch.testing.assert_close(found.forward(x), y[optimal_assignment(x, y)])
    assert (
        found.report.parameters == 24 + 12
        and found.jacobian(x).shape == (12, 2, 2)
        and float(found.jacobian(x).sum()) == 0
    )
    near = found.forward(x + 1e-3 * draws(12, 3))
    torch.testing.assert_close(near, found.forward(x))  # no x lies on the border of its cell
    z = 4 + draws(300, 4)
    image = found.forward(z)
    gaps = ((z[:, None] - z[None]) * (image[:, None] - image[None])).sum(2)
    assert float(gaps.min()) >= -1e-9
    uneven = exact_map(x[:6], y)
    assert uneven.forward(z).shape == (300, 2)


def test_shortest_paths_go_round() -> None:
    reduced = np.array([[0.0, 0.2, 5.0], [4.0, 0.0, 0.3], [0.9, 3.0, 0.0]])
    found = discrete._shortest_paths(reduced, np.array([0, 1, 2]))
    np.testing.assert_allclose(found, [[0, 0.2, 0.5], [1.2, 0, 0.3], [0.9, 1.1, 0]], atol=1e-9)


def test_the_entropic_map_is_the_coupling_of_the_centred_clouds() -> None:
    x, y = (30 + draws(40, 1)).float(), (20 + 2 * draws(50, 2)).float()
    found = entropic_map(x, y, share=0.2)
    eps = 0.4 * float((y - y.mean(0)).square().sum(1).mean())  # of the cost without a half
    coupling = solve_entropic((x - y.mean(0)).double(), (y - y.mean(0)).double(), eps, tolerance=1e-12)
    z = x[:7] + 0.3
    inside = (z - y.mean(0)).double()
    torch.testing.assert_close(found.forward(z), coupling.barycentre(inside).float() + y.mean(0), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found.jacobian(z), (2 / eps * coupling.covariance(inside)).float(), rtol=0, atol=1e-2)
    assert found.report.parameters == 150 and found.report.note == ""


# -- pairs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d", "k"), [(100, 1, 10), (105, 2, 9), (200, 3, 8), (30, 2, 3)])
def test_strata_are_cells_of_equal_mass_with_a_draw_from_each(n: int, d: int, k: int) -> None:
    x = 5 + draws(n, 1, d)
    strata = Stratifier(x, k)
    side = int(k ** (1 / d) + 1e-9)
    if side**d < 2:
        assert strata.cells is None
        return
    assert strata.cells is not None and strata.k == side**d
    assert strata.cells.shape == (strata.k, n // strata.k) and len(strata.cells.unique()) == strata.cells.numel()
    strips = strata.cells.reshape(side, -1)
    for first, second in pairwise(strips):
        assert float(x[first, 0].max()) <= float(x[second, 0].min())
    picks = [strata.draw(torch.Generator().manual_seed(s)) for s in range(30)]
    assert all(bool((strata.cells == pick[:, None]).any(1).all()) for pick in picks)
    assert len(torch.cat(picks).unique()) > 0.6 * strata.cells.numel()


def test_pairs_are_optimal_and_the_nearest_source_is_found() -> None:
    x, y = 100 + draws(90, 1), draws(90, 2) - 40
    source, target = draw_pairs(x, y, 16, torch.Generator().manual_seed(0))
    assert source.shape == target.shape == (16, 2)
    cost = torch.cdist(source, target).square()
    for i in range(16):
        for j in range(i):
            assert float(cost[i, i] + cost[j, j]) <= float(cost[i, j] + cost[j, i]) + 1e-9
    torch.testing.assert_close(source_of_nearest(source, target, target + 1e-6), source)


def test_units_move_maps_as_coordinates_do() -> None:
    """T(x) = b + t f((x - a) / s) has the Jacobian t / s f': f(z) = sin z by axis, sizes 0.5 and 30, off the origin."""
    source, target = (torch.tensor([3.0, -8.0], dtype=torch.float64), 0.5), (torch.tensor([100.0, 7.0]).double(), 30.0)
    units = Units(source, target)
    x = source[0] + 0.5 * draws(7, seed=4)
    assert torch.allclose(units.map(torch.sin)(x), target[0] + 30.0 * torch.sin((x - source[0]) / 0.5))
    at = units.at
    torch.testing.assert_close(at.image(torch.sin(at.source(x))), units.map(torch.sin)(x))
    torch.testing.assert_close(at.factor * at.P @ at.P.T, (30.0 / 0.5) * torch.eye(2).double())
