"""Frames of maps whose slopes lie far apart: P P^T = S on every axis."""

from __future__ import annotations

import pytest
import torch

from npf_engine.networks.framed import frame_of
from npf_engine.transport.frames import graded_frame


@pytest.mark.parametrize("r", [1.0, 1e3, 1e6, 1e12])
def test_a_frame_of_slopes_far_apart_has_them_all(r: float) -> None:
    """diag(r, 1 / r) and what is near it: S's eigenvalues are r^2 apart."""
    unit = torch.tensor([1.0, r]).double()
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(5)).double() * unit
    H, t = torch.tensor([[2.0, 0.6], [0.6, 1.0]]).double(), torch.tensor([r**0.5, r**-0.5]).double()
    S = H * t.outer(t)
    P, size = graded_frame(S, t[:, None] * torch.linalg.cholesky(H), x)
    torch.testing.assert_close(P @ P.T / t.outer(t), H, rtol=1e-10, atol=1e-10)
    assert float(((x - x.mean(0)) @ P / size).square().mean()) == pytest.approx(1.0)
    if r == 1:
        torch.testing.assert_close(P, frame_of(S, x)[0], rtol=0, atol=0)
    if r > 1e3:  # columns are the axes, rising, with frame_of's signs
        assert P.norm(dim=0).square().tolist() == pytest.approx([0.82 / r, 2 * r], rel=1e-3)
        assert float((P[:, 0] @ P[:, 1]).abs() / P[:, 0].norm() / P[:, 1].norm()) < 1e-12


def test_a_direction_without_slope_adds_nothing_to_an_image_along_wide_axes() -> None:
    z = torch.randn(200, 3, generator=torch.Generator().manual_seed(6)).double()
    S, G = torch.diag(torch.tensor([4.0, 0.0, 1e-9]).double()), torch.zeros(3, 3).double()
    G[0, 0], G[2, 1] = 2.0, 1e-9**0.5
    for wide, kept in ((1.0, 4e-8), (1e6, None)):
        x = z * torch.tensor([1.0, wide, 1e-6]).double()
        P, _ = graded_frame(S, G, x)
        image = ((x - x.mean(0)) @ P @ P.T).square().mean(0)
        assert 0 < float(image[1] / image[0]) < 1e-4 and float((P @ P.T)[2, 2]) == pytest.approx(1e-9)
        assert kept is None or float((P @ P.T)[1, 1]) == pytest.approx(kept)
    none, unit = graded_frame(torch.zeros(3, 3).double(), torch.zeros(3, 3).double(), z)
    assert float(none.norm()) > 0 and unit > 0
