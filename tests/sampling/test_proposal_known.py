"""Where the proposal's parts begin, and what its fit reaches: clusters far from the origin, a law known beforehand."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from npf_engine import seeds
from npf_engine.networks.mlp import MLP
from npf_engine.sampling.langevin import Region
from npf_engine.sampling.proposal import Proposal, ProposalSettings


def clusters(n: int = 3000) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    middle = torch.tensor([[40.0, -7.0], [44.0, -7.0], [40.0, -1.0], [44.0, -1.0]])
    part = torch.randint(4, (n,), generator=g)
    return middle, middle[part] + torch.randn(n, 2, generator=g) * torch.tensor([0.3, 0.1])


def test_centres_begin_on_the_clusters_with_their_widths() -> None:
    middle, x = clusters()
    q = Proposal(2, ProposalSettings(components=4), None, seed=0)
    y = 3 * x + 5
    q._place(x, y, torch.Generator().manual_seed(1))
    apart = torch.cdist(middle, q.centres)
    assert float(apart.amin(1).max()) < 0.1, q.centres
    torch.testing.assert_close(q.widths, torch.tensor([[0.3, 0.1]]).expand(4, 2), rtol=0.15, atol=0)
    torch.testing.assert_close(q.body.centre, y.mean(0))
    torch.testing.assert_close(q.body.spread, y.std(0))
    middle_of, spread = q._broad_gaussian()
    torch.testing.assert_close(middle_of, q.centres.mean(0))
    torch.testing.assert_close(spread, 2 * (q.centres.std(0, correction=0) + q.widths.mean(0)))


def test_before_its_fit_it_is_nearly_the_plain_mixture_and_the_fit_reaches_the_entropy() -> None:
    """x given y is N(y, 0.5^2): the best mean log density is -log(0.5 sqrt(2 pi e))."""
    g = torch.Generator().manual_seed(3)
    y = 20 + 2 * torch.randn(6000, 1, generator=g)
    x = y + 0.5 * torch.randn(6000, 1, generator=g)
    q = Proposal(1, ProposalSettings(components=4, hidden=(16,), steps=200, batch=512, broad=0.01), None, seed=0)
    reached = q.fit(x, y, 1e-3, seed=0)
    best = -math.log(0.5 * math.sqrt(2 * math.pi * math.e))
    assert best - 0.15 < float(q.log_density(x, y).mean()) < best + 0.05
    assert reached == pytest.approx(best, abs=0.2)
    assert not any(p.requires_grad for p in q.parameters())
    draws = q.sample(y, torch.Generator().manual_seed(1))
    assert float((draws - y).median()) == pytest.approx(0.0, abs=0.08)
    assert float((draws - y).abs().median()) == pytest.approx(0.5 * 0.6745, rel=0.15)


def told(d: int, k: int, out: torch.Tensor, region: Region | None = None, broad: float = 0.25) -> Proposal:
    """A proposal whose network answers ``out`` (k, numbers of a part) whatever y is."""
    q = Proposal(d, ProposalSettings(components=k, hidden=(5,), broad=broad), region, seed=0).requires_grad_(False)
    last = q.body.layers[-1]
    last.weight.zero_()
    last.bias.copy_(out.flatten())
    g = torch.Generator().manual_seed(7)
    q.centres.copy_(4 + torch.randn(k, d, generator=g))
    q.widths.copy_(0.5 + torch.rand(k, d, generator=g))
    return q


@pytest.mark.parametrize(("d", "bounded"), [(1, False), (2, True), (2, False), (3, False), (4, True), (4, False)])
def test_the_density_is_that_of_the_mixture_that_the_network_describes(d: int, bounded: bool) -> None:
    """Weights by a softmax, means by centres and widths, precisions L^T L with L lower triangular up to d = 3."""
    k, lower = 3, d * (d - 1) // 2 if d <= 3 else 0
    out = torch.randn(k, 1 + 2 * d + lower, generator=torch.Generator().manual_seed(2))
    out[0, 1 + d], out[1, 2 * d] = 9.0, -8.0  # beyond exp(6) and exp(-6)
    region = Region((-3.0,) * d, (9.0,) * d) if bounded else None
    q = told(d, k, out, region)
    means = q.centres + q.widths * out[:, 1 : 1 + d]
    factor = torch.diag_embed(out[:, 1 + d : 1 + 2 * d].clamp(-6, 6).exp())
    for part in range(k):
        place = 0
        for row in range(1, d if lower else 1):
            for column in range(row):
                factor[part, row, column] = out[part, 1 + 2 * d + place]
                place += 1
    factor = factor / q.widths[:, None, :]
    precision = (factor.transpose(1, 2) @ factor).double()
    y = torch.zeros(40, d)
    x = means.repeat(14, 1)[:40] + 0.3 * torch.randn(40, d, generator=torch.Generator().manual_seed(3))
    x[-1] = 20.0
    weights = out[:, 0].softmax(0).double()
    density = torch.zeros(40, dtype=torch.float64)
    for part in range(k):
        away = x.double() - means[part].double()
        power = -0.5 * ((away @ precision[part]) * away).sum(1)
        density += weights[part] * power.exp() * (torch.linalg.det(precision[part]) / (2 * math.pi) ** d).sqrt()
    if bounded:
        wide = ((x > -3) & (x < 9)).all(1).double() / 12**d
    else:
        spread = (2 * (q.centres.std(0, correction=0) + q.widths.mean(0))).double()
        normal = torch.distributions.Normal(q.centres.mean(0).double(), spread)
        wide = normal.log_prob(x.double()).sum(1).exp()
    expected = (0.75 * density + 0.25 * wide).log()
    found, seen = q.log_density(x.double(), y).double(), torch.isfinite(expected)
    assert bool(seen[:-1].all())
    torch.testing.assert_close(found[seen], expected[seen], rtol=1e-3, atol=2e-3)


def test_draws_of_a_part_have_its_mean_and_covariance() -> None:
    """One part with L = [[a, 0], [c, b]] over the widths: its covariance is the inverse of L^T L."""
    out = torch.tensor([[0.0, 0.5, -1.0, 0.3, -0.4, 1.5]])
    q = told(2, 1, out, broad=0.2)
    L = torch.tensor([[math.exp(0.3), 0.0], [1.5, math.exp(-0.4)]]).double() / q.widths[0].double()
    n = 40_000
    x = q.sample(torch.zeros(n, 2), torch.Generator().manual_seed(1)).double()
    mean, cov = (q.centres[0] + q.widths[0] * out[0, 1:3]).double(), torch.linalg.inv(L.T @ L)
    # A fifth comes from the broad law, whose mean is the centre's and whose deviation two widths.
    centre, wide = q.centres[0].double(), torch.diag((2 * q.widths[0].double()).square())
    between = (mean - centre)[:, None] * (mean - centre)[None] * 0.8 * 0.2
    torch.testing.assert_close(x.mean(0), 0.8 * mean + 0.2 * centre, atol=0.03, rtol=0)
    torch.testing.assert_close(x.T.cov(), 0.8 * cov + 0.2 * wide + between, atol=0.05, rtol=0.05)
    box = told(2, 1, out + torch.tensor([[0.0, 0, 0, 5, 5, 0]]), Region((-10.0, 0.0), (-6.0, 1.0)), broad=0.3)
    x = box.sample(torch.zeros(n, 2), torch.Generator().manual_seed(1)).double()
    far = x[x[:, 0] < -5]
    assert len(far) / n == pytest.approx(0.3, abs=0.012)
    torch.testing.assert_close(far.mean(0), torch.tensor([-8.0, 0.5]).double(), atol=0.05, rtol=0)
    torch.testing.assert_close(far.std(0), torch.tensor([4.0, 1.0]).double() / math.sqrt(12), atol=0.03, rtol=0)
    several = told(
        1, 3, torch.tensor([[math.log(0.2), 0, 5], [math.log(0.5), 0, 5], [math.log(0.3), 0, 5]]), broad=1e-9
    )
    several.centres.copy_(torch.tensor([[0.0], [10.0], [20.0]]))
    x = several.sample(torch.zeros(n, 1), torch.Generator().manual_seed(1))
    shares = torch.bincount((x[:, 0] / 10).round().long(), minlength=3) / n
    torch.testing.assert_close(shares, torch.tensor([0.2, 0.5, 0.3]), atol=0.012, rtol=0)


def test_it_begins_as_its_network_a_tenth_as_strong() -> None:
    q = Proposal(2, ProposalSettings(components=3, hidden=(5,)), None, seed=4)
    plain = MLP(2, 3 * 6, (5,), seed=4)
    torch.testing.assert_close(q.body.layers[-1].weight, 0.1 * plain.layers[-1].weight)
    assert not q.body.layers[-1].bias.any() and torch.equal(q.body.layers[0].weight, plain.layers[0].weight)
    assert q.body.layers[-1].out_features == 18
    assert Proposal(4, ProposalSettings(components=3), None).body.layers[-1].out_features == 27
    assert Proposal(3, ProposalSettings(components=2), None).body.layers[-1].out_features == 20


def test_three_steps_of_its_fit_by_their_rates_and_their_mean() -> None:
    """Adam with the rate r (0.02 + 0.49 (1 + cos(pi k / 3))) at the k-th step, gradients cut to a norm of 5."""
    g = torch.Generator().manual_seed(0)
    y = torch.randn(300, 1, generator=g)
    x = y + 0.5 * torch.randn(300, 1, generator=g)
    settings = ProposalSettings(components=2, hidden=(4,), steps=3, batch=64, rate=0.03)
    q, other = (Proposal(1, settings, None, seed=0) for _ in range(2))
    reached = q.fit(x, y, 0.2, seed=9)
    draw = seeds.generator(9, "proposal.batches")
    other._place(x, y, draw)
    assert torch.equal(q.centres, other.centres) and torch.equal(q.widths, other.widths)
    adam, mean, cut = torch.optim.Adam(other.parameters(), lr=1.0), 0.0, 0
    for rate in (0.03, 0.03 * (0.02 + 0.49 * 1.5), 0.03 * (0.02 + 0.49 * 0.5)):
        pick = torch.randint(300, (64,), generator=draw)
        value = other.log_density(x[pick], y[pick] + 0.2 * torch.randn(64, 1, generator=draw)).mean()
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        (-value).backward()
        size = math.sqrt(sum(float(p.grad.square().sum()) for p in other.parameters()))  # type: ignore[union-attr]
        for p in other.parameters():
            assert p.grad is not None
            p.grad *= min(1.0, 5.0 / size)
        cut += size > 5
        adam.step()
        mean = 0.95 * mean + 0.05 * float(value.detach())
    for mine, found in zip(other.parameters(), q.parameters(), strict=True):
        torch.testing.assert_close(found, mine, rtol=1e-4, atol=1e-5)
    assert reached == pytest.approx(mean, rel=1e-4)
    assert Proposal(1, dataclasses.replace(settings, steps=0), None).fit(x, y, 0.2, seed=9) == 0.0


def test_a_batch_that_is_no_number_teaches_nothing() -> None:
    x = torch.full((50, 1), 1.0)
    y = torch.full((50, 1), torch.nan)
    q = Proposal(1, ProposalSettings(components=1, hidden=(4,), steps=2, batch=8), None, seed=0)
    before = [p.clone() for p in q.parameters()]
    assert q.fit(x, y, 0.1, seed=0) == 0.0
    assert all(torch.equal(a, b) for a, b in zip(before, q.parameters(), strict=True))


@pytest.mark.parametrize(("count", "width"), [(3, None), (4, 0.2581989)])
def test_the_width_of_a_part_of_few_samples(count: int, width: float | None) -> None:
    """Two clusters; the small one of 3 samples has a tenth of the whole spread, one of 4 has its own deviation."""
    small = torch.tensor([0.0, 0.2, 0.4, 0.6])[:count, None]
    x = torch.cat([100 + torch.arange(60.0)[:, None] / 60, small])
    q = Proposal(1, ProposalSettings(components=2), None)
    q._place(x, 3 * x, torch.Generator().manual_seed(0))
    order = q.centres[:, 0].argsort()
    assert q.centres[order, 0].tolist() == pytest.approx([float(small.mean()), 100 + 29.5 / 60], abs=1e-4)
    overall = float(x.std())
    floor = 0.01 * overall
    own = 0.1 * overall if width is None else max(width, floor)
    assert q.widths[order, 0].tolist() == pytest.approx([own, max(floor, float(x[:60].std()))], rel=1e-4)


def test_samples_at_one_point_have_a_width_all_the_same() -> None:
    q = Proposal(1, ProposalSettings(components=1), None)
    q._place(torch.full((9, 1), 2.0), torch.full((9, 1), -3.0), torch.Generator().manual_seed(0))
    assert q.centres.tolist() == [[2.0]] and q.widths.tolist() == [[pytest.approx(1e-8)]]
    assert q.body.centre.tolist() == [-3.0] and q.body.spread.tolist() == [pytest.approx(1e-6)]
