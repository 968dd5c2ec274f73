"""Gaussian starts at maps with directions of no variance, and networks with more rows than axes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from npf_engine.networks.monotone import CMGN, MMGN, MonotoneGradient
from npf_engine.networks.quadratic_icnn import QuadraticICNN

TURN = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).double())[0]


def singular(*values: float) -> torch.Tensor:
    return TURN @ torch.diag(torch.tensor(values).double()) @ TURN.T


@pytest.mark.parametrize("values", [(4.0, 1.0, 0.0), (4.0, -1e-9, -1e-7)])
def test_a_direction_without_variance_keeps_a_millionth_of_the_scale(values: tuple[float, ...]) -> None:
    S, m, scale = singular(*values), torch.tensor([1.0, -2.0, 3.0]).double(), 8.0
    kept = singular(*(max(v, 1e-6 * scale) for v in values))
    u: Any = QuadraticICNN(3, [4]).double().requires_grad_(False)
    u.start_at_gaussian(S, m, torch.eye(len(m)), scale)
    torch.testing.assert_close(2 * scale * u.tail.A.T @ u.tail.A, kept, atol=1e-9, rtol=1e-6)
    w: Any = CMGN(3, 4).double().requires_grad_(False)
    w.start_at_gaussian(S, m, torch.eye(len(m)), scale)
    torch.testing.assert_close(scale * w.V.T @ w.V, kept, atol=1e-9, rtol=1e-6)


@pytest.mark.parametrize("kind", [CMGN, MMGN])
def test_rows_beyond_the_axes_are_empty_at_the_start(kind: type[MonotoneGradient]) -> None:
    net: Any = kind(3, 4, rank=5).double().requires_grad_(False)  # type: ignore[call-arg, arg-type]
    net.start_at_gaussian(singular(4.0, 1.0, 2.0), torch.zeros(3).double(), torch.eye(3), 2.0)
    assert float(net.V[3:].abs().max()) == 0 and net.V.shape == (5, 3)
    torch.testing.assert_close(2.0 * net.V.T @ net.V, singular(4.0, 1.0, 2.0))
    drawn: Any = kind(5, 4, rank=600, seed=1)  # type: ignore[call-arg, arg-type]
    assert float(drawn.V.detach().std()) == pytest.approx(1 / math.sqrt(5), rel=0.05)
    assert kind(3, 4).V.shape == (3, 3)  # type: ignore[call-arg, arg-type]
