"""Pseudo-Hubers: near a quadratic where they reach far, near a cone where they do not, in single precision too."""

from __future__ import annotations

import torch

from npf_engine.networks.hubers import hubers

COUNT, RANK, D = 3, 2, 5


def _parts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """x, root, centre and R_k x + r_k, in single precision."""
    g = torch.Generator().manual_seed(0)
    x, root = torch.randn(50, D, generator=g), torch.randn(COUNT * RANK, D, generator=g)
    centre = torch.randn(COUNT * RANK, generator=g)
    v = (x @ root.T + centre).unflatten(1, (RANK, COUNT))
    return x, root, centre, v


def test_far_reach_is_the_quadratic() -> None:
    x, root, centre, v = _parts()
    found = hubers(x, root, centre, torch.full((COUNT,), 1e6))
    torch.testing.assert_close(found.value, v.square().sum(1) / 2, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.v, v)
    torch.testing.assert_close(found.flat, torch.ones_like(found.flat))


def test_short_reach_is_the_cone() -> None:
    x, root, centre, v = _parts()
    reach = torch.tensor([1e-3, 2e-3, 3e-3])
    found = hubers(x, root, centre, reach)
    length = v.square().sum(1).sqrt()
    torch.testing.assert_close(found.value, reach * length, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.flat * length, reach.expand_as(length), rtol=1e-3, atol=0)
