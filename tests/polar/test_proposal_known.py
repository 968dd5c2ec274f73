"""Where the proposal's parts begin, and what its fit reaches: clusters far from the origin, a law known beforehand."""

from __future__ import annotations

import math

import pytest
import torch

from npf_engine.polar.sampling.proposal import Proposal, ProposalSettings


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
