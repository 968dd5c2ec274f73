"""The start at a mixture, part by part: cells of known masses, slopes and bends, off the origin, axes unlike."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from npf_engine.networks.wide import WidePotential
from npf_engine.transport.mixture_start import (
    ABSENT,
    Mixture,
    _cells,
    _offsets,
    _quiet_layers,
    mixture_of,
    start_at_mixture,
)


def cloud(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * torch.tensor(
        [1.0, 2.0]
    )


MIXTURE = Mixture(
    torch.tensor([0.2, 0.5, 0.3]).double(),
    torch.tensor([[-9.0, 40.0], [0.0, 50.0], [12.0, 45.0]]).double(),
    torch.tensor([[0.5, 1.0], [1.0, 2.0], [0.2, 0.4]]).double(),
)


def test_offsets_give_the_cells_their_weights() -> None:
    values = torch.randn(500, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 4
    for tau in (0.5, 3.0):
        q = _offsets(values, MIXTURE.weights, tau, torch.zeros(3).double())
        shares = torch.softmax((values + q) / tau, 1).mean(0)
        torch.testing.assert_close(shares, MIXTURE.weights, atol=2e-4, rtol=0)


def test_a_cell_is_sent_to_its_component_with_its_spread() -> None:
    x, tau = cloud(4000), 0.05
    slopes, bends, offsets = _cells(x, MIXTURE, tau)
    values = x @ slopes.T + 0.5 * x.square() @ bends.T + offsets
    shares = torch.softmax(values / tau, 1)
    torch.testing.assert_close(shares.mean(0), MIXTURE.weights, atol=0.02, rtol=0)
    image = slopes + x[:, None] * bends  # of every piece
    for k in range(3):
        own = shares[:, k] / shares[:, k].sum()
        mean = own @ image[:, k]
        spread = (own @ (image[:, k] - mean).square()).sqrt()
        torch.testing.assert_close(mean, MIXTURE.means[k], atol=0.15, rtol=0)
        torch.testing.assert_close(spread, MIXTURE.spreads[k], atol=0, rtol=0.1)


def test_the_start_is_the_mixtures_map() -> None:
    x = cloud(6000).float()
    which = torch.multinomial(MIXTURE.weights, 6000, replacement=True, generator=torch.Generator().manual_seed(2))
    noise = torch.randn(6000, 2, generator=torch.Generator().manual_seed(3)).double()
    y = (MIXTURE.means[which] + MIXTURE.spreads[which] * noise).float()
    u = WidePotential(2, (12, 8), pieces=5, rank=2, seed=1).requires_grad_(False)
    start_at_mixture(u, x, y, MIXTURE)
    image = u.gradient(x).double()
    nearest = torch.cdist(image, MIXTURE.means).argmin(1)
    shares = torch.bincount(nearest, minlength=3) / 6000
    torch.testing.assert_close(shares.double(), MIXTURE.weights, atol=0.03, rtol=0)
    for k in range(3):
        part = image[nearest == k]
        torch.testing.assert_close(part.mean(0), MIXTURE.means[k], atol=1.5, rtol=0)
        torch.testing.assert_close(part.median(0).values, MIXTURE.means[k], atol=0.8, rtol=0)
    torch.testing.assert_close(image.mean(0), y.double().mean(0), atol=0.4, rtol=0)
    seen = x.double() * u.weights.double()
    assert float(seen.square().mean()) == pytest.approx(1.0, rel=0.02)
    assert bool((u.q[3:] == ABSENT).all()) and bool((u.q[:3] != ABSENT).all())
    assert float(u.log_tau) == pytest.approx(math.log(0.005 * float(y.double().var(0).mean()) / u.piece_size), rel=1e-4)
    with pytest.raises(ValueError, match="3 components"):
        start_at_mixture(WidePotential(2, (4,), pieces=2), x, y, MIXTURE)


def test_quiet_layers_keep_a_tenth_of_the_least_curvature_and_no_slope() -> None:
    x = cloud(5000).float()
    u = WidePotential(2, (12, 8), pieces=3, rank=2, seed=1).requires_grad_(False)
    least = torch.tensor([0.3, 0.05]).double()
    kept = _quiet_layers(u, x, least)
    assert bool((kept <= 0.1 * least * 1.001).all()) and float((kept / least).max()) == pytest.approx(0.1, rel=1e-3)
    bend = u.derivatives(x[:512])[2].diagonal(dim1=1, dim2=2).mean(0).double()
    torch.testing.assert_close(bend, kept + 1e-3, atol=2e-3, rtol=0.1)
    away = u.gradient(x[:4096]) - x[:4096] * kept.float()
    assert float(away.mean(0).abs().max()) < 5e-3
    assert float(u.L.abs().max()) == 0


def test_components_far_apart_are_found_and_one_cloud_is_none() -> None:
    which = torch.multinomial(MIXTURE.weights, 3000, replacement=True, generator=torch.Generator().manual_seed(2))
    noise = torch.randn(3000, 2, generator=torch.Generator().manual_seed(3)).double()
    found = mixture_of(MIXTURE.means[which] + MIXTURE.spreads[which] * noise, math.inf)
    assert found is not None
    order = found.means[:, 0].argsort()
    torch.testing.assert_close(found.weights[order], MIXTURE.weights, atol=0.03, rtol=0)
    torch.testing.assert_close(found.means[order], MIXTURE.means, atol=0.2, rtol=0)
    torch.testing.assert_close(found.spreads[order], MIXTURE.spreads, atol=0, rtol=0.08)
    assert float(found.weights.sum()) == pytest.approx(1.0)
    assert mixture_of(cloud(1500), math.inf) is None
