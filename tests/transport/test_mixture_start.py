"""The start for mixtures: a target of separated Gaussians is met before the first step; others are left alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from npf_engine.networks.wide import WidePotential
from npf_engine.tasks import steady
from npf_engine.transport import WideConfig, fit_brenier_map
from npf_engine.transport.mixture_start import mixture_of, start_at_mixture

MEANS = torch.tensor([[-12.0, 0.0, 3.0], [0.0, 12.0, -3.0], [12.0, 0.0, 0.0]])
SPREADS = torch.tensor([1.0, 0.5, 2.0])
WEIGHTS = torch.tensor([0.5, 0.3, 0.2])


def _mixture(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n points of three Gaussians in R^3, and whose each is."""
    g = torch.Generator().manual_seed(seed)
    which = torch.multinomial(WEIGHTS, n, replacement=True, generator=g)
    return MEANS[which] + SPREADS[which, None] * torch.randn(n, 3, generator=g), which


def _until() -> float:
    return steady.seconds() + 60


def test_components_are_found_with_their_weights_means_and_spreads() -> None:
    y, _ = _mixture(20_000, 0)
    found = mixture_of(y, _until())
    assert found is not None and len(found.weights) == 3
    order = found.means[:, 0].argsort()
    torch.testing.assert_close(found.weights[order].float(), WEIGHTS, atol=0.015, rtol=0)
    torch.testing.assert_close(found.means[order].float(), MEANS, atol=0.15, rtol=0)
    torch.testing.assert_close(found.spreads[order].float(), SPREADS[:, None].expand(3, 3), atol=0.1, rtol=0.05)


@pytest.mark.parametrize("shape", ["gaussian", "exponential"])
def test_a_cloud_without_clusters_is_no_mixture(shape: str) -> None:
    g = torch.Generator().manual_seed(1)
    y = torch.randn(4000, 3, generator=g) if shape == "gaussian" else torch.rand(4000, 3, generator=g).log().neg()
    assert mixture_of(y, _until()) is None


@pytest.mark.parametrize("constant", [1, 3])
def test_a_target_with_constant_coordinates_is_no_trouble(constant: int) -> None:
    y = torch.randn(3000, 3, generator=torch.Generator().manual_seed(1))
    y[:, :constant] = 4.0
    assert mixture_of(y, _until()) is None


def test_the_start_sends_the_source_to_the_mixture_and_stays_convex() -> None:
    g = torch.Generator().manual_seed(2)
    x, (y, _) = torch.randn(20_000, 3, generator=g), _mixture(20_000, 3)
    u = WidePotential(3, (16, 8), pieces=6, seed=1)
    found = mixture_of(y, _until())
    assert found is not None
    start_at_mixture(u, x, y, found)
    image = u.gradient(torch.randn(5000, 3, generator=g)).detach()
    distance, nearest = torch.cdist(image, MEANS).min(1)
    torch.testing.assert_close(torch.bincount(nearest) / 5000.0, WEIGHTS, atol=0.03, rtol=0)
    inside = distance / SPREADS[nearest]
    assert float(inside.square().median()) == pytest.approx(2.366, rel=0.1)  # chi squared with 3 degrees of freedom
    assert float((inside > 6).float().mean()) < 0.02  # hardly anything lies between the clusters
    assert torch.linalg.eigvalsh(u.hessian(3 * torch.randn(500, 3, generator=g))).min() > 0


def test_a_network_with_too_few_pieces_is_refused() -> None:
    y, _ = _mixture(4000, 4)
    found = mixture_of(y, _until())
    assert found is not None
    with pytest.raises(ValueError, match="3 components need as many pieces; the network has 2"):
        start_at_mixture(WidePotential(3, (8,), pieces=2), torch.randn(100, 3), y, found)


def test_a_fit_from_the_mixture_says_so_and_inverts() -> None:
    g = torch.Generator().manual_seed(5)
    x, (y, _) = torch.randn(6000, 3, generator=g), _mixture(6000, 6)
    fit = fit_brenier_map(x, y, budget_seconds=4, config=WideConfig(hidden=(16,), pieces=8, start="mixture"))
    assert fit.info["start"] == "mixture" and fit.info["method"] == "wide icnn"
    assert fit.info["held_out_dual"] < fit.info["gaussian_dual"]
    torch.testing.assert_close(fit.inverse(fit.forward(x[:200])), x[:200], atol=2e-2, rtol=0)
    with pytest.raises(ValueError, match="start must be one of auto, gaussian, mixture, identity, not 'middle'"):
        fit_brenier_map(x, y, budget_seconds=2, config=WideConfig(start="middle"))


def test_asking_for_a_mixture_where_there_is_none_is_said() -> None:
    x = torch.randn(2000, 2, generator=torch.Generator().manual_seed(8))
    y = torch.rand(2000, 2, generator=torch.Generator().manual_seed(9))
    fit = fit_brenier_map(x, y, budget_seconds=3, config=WideConfig(hidden=(16,), pieces=8, start="mixture"))
    assert "no separate clusters" in fit.info["note"] and fit.info["start"] == "gaussian"
