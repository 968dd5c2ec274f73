"""Singular values of graded matrices against closed forms that keep their digits."""

from __future__ import annotations

import pytest
import torch

from npf_engine.transport.graded import graded_svd


@pytest.mark.parametrize("r", [1.0, 1e6, 1e15])
def test_small_singular_values_have_digits_of_their_own(r: float) -> None:
    """Of [[1, r], [0, r]]: their product is r, their squares' sum 1 + 2 r^2; the usual algorithm loses the small."""
    A = torch.tensor([[1.0, r], [0.0, r]], dtype=torch.float64)
    U, s, V = graded_svd(A)
    large = ((1 + 2 * r**2 + ((1 + 2 * r**2) ** 2 - 4 * r**2) ** 0.5) / 2) ** 0.5
    assert s.tolist() == pytest.approx([large, r / large], rel=1e-13)
    torch.testing.assert_close(U * s @ V.T, A, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(V.T @ V, torch.eye(2).double())


def test_nothing_flat_and_far_out_of_range() -> None:
    U, s, V = graded_svd(torch.zeros(3, 2).double())
    assert U.shape == (3, 2) and s.tolist() == [0.0, 0.0] and torch.equal(V, torch.eye(2).double())
    flat = torch.tensor([[3.0, 0.0], [0.0, 0.0], [4.0, 0.0]]).double()
    for size in (1e-150, 1.0, 1e150):
        _, s, V = graded_svd(size * flat)
        assert s.tolist() == pytest.approx([5 * size, 0.0]) and float(V[:, 0].abs()[0]) == 1.0
