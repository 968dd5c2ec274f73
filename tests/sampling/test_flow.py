"""The flow that a corrected jump comes back by: a density with mass one, its own draws, and a start at its base."""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine.sampling.flow import FlowProposal
from npf_engine.sampling.langevin import Region
from npf_engine.sampling.proposal import Proposal, ProposalSettings

SETTINGS = ProposalSettings(components=4, steps=25, batch=128)


def two_sides(n: int, d: int) -> tuple[Tensor, Tensor]:
    """x about +-.5 on each axis alike, bent; y = |x|."""
    g = torch.Generator().manual_seed(0)
    side = torch.randint(2, (n, 1), generator=g) * 2 - 1
    x = side * (0.5 + 0.1 * torch.randn(n, d, generator=g))
    x[:, 0] += 0.5 * (x[:, 1].abs() - 0.5)
    return x, x.abs()


def test_it_is_a_density_in_the_plane_and_its_draws_have_it() -> None:
    x, y = two_sides(4000, 2)
    q = FlowProposal(2, SETTINGS, Region.cube(2), seed=1)
    q.fit(x, y, 0.05, 0)
    axis = (torch.arange(160) + 0.5) / 160 * 2 - 1
    grid, cell = torch.cartesian_prod(axis, axis), (2 / 160) ** 2
    for at in ([0.5, 0.5], [0.35, 0.6]):
        one = torch.tensor([at])
        density = q.log_density(grid, one.expand(len(grid), 2)).exp() * cell
        assert abs(float(density.sum()) - 1) < 0.02  # what lies outside of the box is refused by the jump
        draws = q.sample(one.expand(4000, 2), torch.Generator().manual_seed(2))
        right = float(density[grid[:, 0] > 0].sum())
        assert abs(float((draws[:, 0] > 0).double().mean()) - right) < 0.04
        again = q.sample(one.expand(4000, 2), torch.Generator().manual_seed(2))
        assert torch.equal(draws, again)


def test_it_begins_as_the_mixture_below_it_and_the_same_for_a_seed() -> None:
    x, y = two_sides(300, 5)
    flow, same, plain = (kind(5, SETTINGS, None, seed=3) for kind in (FlowProposal, FlowProposal, Proposal))
    for q in (flow, same, plain):
        q._place(x, y, torch.Generator().manual_seed(4))
    assert float((flow.log_density(x, y) - plain.log_density(x, y)).detach().abs().mean()) < 0.05
    assert torch.equal(flow.log_density(x, y), same.log_density(x, y))
    z = flow._transform(y)
    torch.testing.assert_close(z.inv(z(x)), x, atol=1e-5, rtol=0)
    inside, volume = z.call_and_ladj(x)
    jacobian = torch.stack(
        [torch.autograd.functional.jacobian(lambda p, k=k: flow._transform(y[k])(p), x[k]) for k in (0, 1)]
    )
    torch.testing.assert_close(volume[:2], torch.linalg.slogdet(jacobian)[1], atol=1e-4, rtol=1e-3)
    assert inside.shape == x.shape


def test_it_learns_a_conditional_law_that_is_known() -> None:
    """x ~ N(0, I), y = A x, and y is blurred by s z: x given y is N(K y, C), C = (I + A'A/s^2)^-1, K = C A'/s^2. The
    mean of log p - log q is the divergence of the two, never below 0, .02 of it the broad law's share; a Gaussian that
    knows nothing of y is off by more than 1. Quadrature: the mass of q is one for each y."""
    g, s = torch.Generator().manual_seed(5), 0.4
    A = torch.tensor([[1.0, 0.5], [-0.3, 0.8]])
    x = torch.randn(6000, 2, generator=g)
    q = FlowProposal(2, ProposalSettings(components=2, hidden=(16,), steps=80, batch=256, rate=2e-2), None, seed=2)
    q.fit(x, x @ A.T, s, 3)
    test = torch.randn(4000, 2, generator=g)
    y = test @ A.T + s * torch.randn(4000, 2, generator=g)
    C = torch.linalg.inv(torch.eye(2) + A.T @ A / s**2)
    exact = torch.distributions.MultivariateNormal(y @ (C @ A.T / s**2).T, C)
    log_p = exact.log_prob(test)
    alone = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(test)
    off = float((log_p - q.log_density(test, y)).mean())
    assert -0.01 < off < 0.1 and float((log_p - alone).mean()) > 1.0
    axis = (torch.arange(160) + 0.5) / 160 * 20 - 10
    grid, cell = torch.cartesian_prod(axis, axis), (20 / 160) ** 2
    for one in y[:2]:
        mass = float(q.log_density(grid, one.expand(len(grid), 2)).exp().sum()) * cell
        assert abs(mass - 1) < 0.005
