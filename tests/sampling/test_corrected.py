"""The corrected sampler: the law exp(-c g) whatever the networks are. The mixture's weights and samples are exact."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from npf_engine.divergences.distances import energy_mmd
from npf_engine.networks.mlp import MLP
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.sampling.chain import ChainState, Oracle, run_chain
from npf_engine.sampling.corrected import Corrected, Frozen, Mala
from npf_engine.sampling.langevin import LangevinSettings, Region
from npf_engine.sampling.mixtures import gaussian_mixture
from npf_engine.sampling.proposal import Proposal, ProposalSettings

WEIGHTS = (0.5, 0.3, 0.2)
MEANS = ((-2.0, -2.0), (2.0, -1.5), (0.0, 2.5))
COVARIANCES = (((0.3, 0.1), (0.1, 0.2)), ((0.2, 0.0), (0.0, 0.4)), ((0.4, -0.1), (-0.1, 0.2)))
REGION = Region((-6.0, -6.0), (6.0, 6.0))


def _exact(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n draws of the mixture (its mass outside the box is below 1e-9), and their components."""
    g = torch.Generator().manual_seed(seed)
    part = torch.multinomial(torch.tensor(WEIGHTS), n, replacement=True, generator=g)
    root = torch.linalg.cholesky(torch.tensor(COVARIANCES, dtype=torch.float64))
    noise = torch.randn(n, 2, 1, generator=g, dtype=torch.float64)
    return torch.tensor(MEANS, dtype=torch.float64)[part] + (root[part] @ noise)[:, :, 0], part


def _component(x: Tensor) -> Tensor:
    return torch.cdist(x, torch.tensor(MEANS, dtype=torch.float64)).argmin(dim=1)


def _bad(c: float = 1.0) -> Frozen:
    """Networks that know nothing of the landscape: random u, M and q."""
    torch.manual_seed(0)
    u = QuadraticICNN(2, (8, 8), seed=5).requires_grad_(False)
    u.start_at_identity(torch.eye(2), 2.0)
    m = MLP(2, 2, (16,), seed=6).requires_grad_(False)
    q = Proposal(2, ProposalSettings(components=4, hidden=(8,), broad=0.2), REGION, seed=7).requires_grad_(False)
    q.centres.copy_(torch.tensor([[-2.5, -1.0], [1.0, -2.0], [1.5, 2.0], [0.0, 0.0]]))
    q.widths.fill_(1.2)
    with torch.no_grad():
        q.body.layers[-1].weight.mul_(8.0)
    return Frozen(lambda y: u.value_and_gradient(y.float()), lambda x: m(x.float()).to(x), q, 0.4, 0.1, 4)


def _run(start: Tensor, steps: int, inner: int = 5, c: float = 1.0) -> tuple[ChainState, Corrected]:
    oracle = Oracle(*reversed(gaussian_mixture(WEIGHTS, MEANS, COVARIANCES)))
    kernel = Corrected(oracle, LangevinSettings(0.05, c, inner=inner), _bad(c), REGION)
    state = ChainState.start(start, 11)
    run_chain(kernel, state, steps)
    return state, kernel


def test_from_exact_samples_1000_corrected_steps_with_bad_networks_keep_the_law() -> None:
    start, _ = _exact(1500, 1)
    state, kernel = _run(start, 1000)
    assert 0.02 < kernel.acceptance < 0.9
    # Particles did move between the modes, so the weights are not those of the start merely kept.
    assert float((_component(state.x) != _component(start)).double().mean()) > 0.3
    weights = torch.bincount(_component(state.x), minlength=3) / len(start)
    truth = torch.bincount(_component(_exact(200_000, 2)[0]), minlength=3) / 200_000
    standard = (truth * (1 - truth) / len(start)).sqrt()
    assert float(((weights - truth).abs() / standard).max()) < 3.5
    null = sorted(energy_mmd(_exact(1500, 10 + k)[0], _exact(1500, 50 + k)[0]) for k in range(12))
    assert energy_mmd(state.x, _exact(1500, 99)[0]) < 1.5 * null[-1]


def test_the_same_jumps_without_their_correction_lose_the_law() -> None:
    """The test above can fail: accept everything, and the weights are gone."""
    start, _ = _exact(1500, 1)
    oracle = Oracle(*reversed(gaussian_mixture(WEIGHTS, MEANS, COVARIANCES)))
    kernel, state = Corrected(oracle, LangevinSettings(0.05, inner=5), _bad(), REGION), ChainState.start(start, 11)
    state.uniform = lambda: torch.full((1500,), 1e-300, dtype=torch.float64)  # type: ignore[method-assign]
    for _ in range(5):
        kernel.jump(state)
    assert energy_mmd(state.x, _exact(1500, 99)[0]) > 0.02


def test_one_jump_from_the_law_is_exchangeable() -> None:
    """Detailed balance: E[a(x) b(x')] = E[b(x) a(x')] for x of the law and x' one jump later."""
    start, _ = _exact(40_000, 3)
    state, _ = _run(start, 1)
    moved = (state.x != start).any(dim=1)
    assert 0.02 < float(moved.double().mean()) < 0.95
    for a, b in [(0, 1), (0, 2), (1, 2)]:
        there = (_component(start) == a) & (_component(state.x) == b)
        back = (_component(start) == b) & (_component(state.x) == a)
        counts = float(there.sum()), float(back.sum())
        assert min(counts) > 50
        assert abs(counts[0] - counts[1]) < 4 * (sum(counts)) ** 0.5
    moments = start[:, 0] * state.x[:, 1] - state.x[:, 0] * start[:, 1]
    assert abs(float(moments.mean())) < 4 * float(moments.std()) / 200


def test_mala_alone_has_the_exact_variance_at_a_step_at_which_lmc_has_not() -> None:
    """N(0, 1/(c k)) by MALA; uncorrected LMC would be wider by 1/(1 - tau c k / 2)."""
    curvature = torch.tensor([1.0, 4.0], dtype=torch.float64)
    oracle = Oracle(lambda x: curvature * x, lambda x: 0.5 * (curvature * x.square()).sum(1))
    state = ChainState.start(torch.zeros(20_000, 2, dtype=torch.float64), 0)
    kernel = Mala(oracle, LangevinSettings(0.15, 2.0))
    run_chain(kernel, state, 80)
    assert float((state.x.var(dim=0) * 2 * curvature - 1).abs().max()) < 5 * (2 / 20_000) ** 0.5
    assert oracle.evaluations == 81 * 20_000


def test_nothing_is_accepted_outside_omega() -> None:
    oracle = Oracle(torch.zeros_like, lambda x: torch.zeros(len(x), dtype=x.dtype))
    g = torch.Generator().manual_seed(0)
    state = ChainState.start(torch.rand(10_000, 2, generator=g, dtype=torch.float64) * 2 - 1, 1)
    kernel = Mala(oracle, LangevinSettings(0.05), Region.cube(2))
    run_chain(kernel, state, 40)
    assert bool(Region.cube(2).inside(state.x).all())
    assert abs(float((state.x.abs() > 0.9).double().mean()) - 0.1) < 0.01


def test_the_proposal_is_a_density_and_its_draws_follow_it() -> None:
    """It integrates to one on a grid, and the share of draws in a half plane is its integral there."""
    q = Proposal(2, ProposalSettings(components=3, hidden=(8,), broad=0.1), REGION, seed=1).requires_grad_(False)
    q.centres.copy_(torch.tensor([[-2.0, -1.0], [1.0, 0.5], [2.0, -2.0]]))
    q.widths.fill_(0.6)
    axis = torch.linspace(-6, 6, 401)
    points = torch.cartesian_prod(axis, axis)
    y = torch.tensor([[0.3, -0.7]])
    density = torch.cat([q.log_density(part, y.expand(len(part), 2)) for part in points.split(20_000)]).exp()
    cell = float(axis[1] - axis[0]) ** 2
    assert float(density.sum()) * cell == pytest.approx(1.0, abs=5e-3)
    draws = q.sample(y.expand(20_000, 2), torch.Generator().manual_seed(0))
    left = float(density[points[:, 0] < 0].sum()) * cell
    assert float((draws[:, 0] < 0).double().mean()) == pytest.approx(left, abs=0.02)


def test_a_fitted_proposal_finds_both_pre_images_with_their_weights() -> None:
    """x ~ .7 N(-2, .1) + .3 N(2, .1) in one dimension, M(x) = |x| - 2: given y, the sides have weights .7 and .3."""
    g = torch.Generator().manual_seed(0)
    side = torch.where(torch.rand(8000, 1, generator=g) < 0.7, -1.0, 1.0)
    x = side * 2 + 0.3 * torch.randn(8000, 1, generator=g)
    q = Proposal(1, ProposalSettings(components=6, hidden=(16,), steps=250), None, seed=0)
    q.fit(x, x.abs() - 2, 0.1, seed=0)
    draws = q.sample(torch.full((4000, 1), 0.3), torch.Generator().manual_seed(1))
    assert float((draws < 0).double().mean()) == pytest.approx(0.7, abs=0.06)
    near = torch.minimum((draws - 2.3).abs(), (draws + 2.3).abs())
    assert float((near < 0.4).double().mean()) > 0.85
