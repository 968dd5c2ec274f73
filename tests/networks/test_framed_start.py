"""The framed potential's start, step by step: how far it may be from the Gaussian map, what softening leaves."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as nnf

from npf_engine.networks import framed
from npf_engine.networks.framed import FramedPotential
from npf_engine.networks.wide import WidePotential


def clouds() -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    x = torch.tensor([40.0, -3.0, 0.5]) + torch.randn(900, 3, generator=g) * torch.tensor([5.0, 1.0, 0.2])
    turn = torch.linalg.qr(torch.randn(3, 3, generator=g))[0]
    return x, turn @ torch.diag(torch.tensor([9.0, 1.0, 0.04])) @ turn.T, torch.tensor([100.0, -7.0, 3.0])


def made() -> FramedPotential:
    return FramedPotential(3, (12, 8), pieces=4, rank=2, seed=3).requires_grad_(False)


@pytest.mark.parametrize(("allowed", "softened"), [(1e-4, True), (1e3, False)])
def test_what_is_too_far_from_the_gaussian_map_is_softened_to_what_is_allowed(
    allowed: float, softened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, S, m = clouds()
    linear = x @ S + m
    seen: list[tuple[float, float]] = []

    def apart(u: FramedPotential) -> float:
        away = (u.gradient(x) - linear).square().sum(1).mean()
        return float(away / (linear - linear.mean(0)).square().sum(1).mean())

    honest = FramedPotential._soften

    def soften(self: FramedPotential, share: float) -> None:
        seen.append((share, apart(self)))
        honest(self, share)

    monkeypatch.setattr(framed, "APART", allowed)
    monkeypatch.setattr(FramedPotential, "_soften", soften)
    u = made()
    u.start_at_gaussian(S, m, x, 12.0)
    assert len(seen) == softened
    if softened:
        share, before = seen[0]
        assert before > allowed and share == pytest.approx(math.sqrt(allowed / before), rel=1e-3)
        assert apart(u) < 1.5 * allowed


def test_softening_leaves_a_share_of_layers_and_pieces() -> None:
    u, before = made(), made()
    u._soften(0.3)
    for part, was in zip([*u.w, u.bends], [*before.w, before.bends], strict=True):
        torch.testing.assert_close(nnf.softplus(part), 0.3 * nnf.softplus(was))
    torch.testing.assert_close(u.P, 0.3 * before.P)
    torch.testing.assert_close(u.A, math.sqrt(0.3) * before.A)
    torch.testing.assert_close(u.L, before.L)


@pytest.mark.parametrize("heavy", [1.0, 40.0])
def test_balance_gives_the_quadratic_what_the_layers_leave_of_unit_curvature(heavy: float) -> None:
    u: Any = made()
    for raw in u.w:
        raw.copy_(torch.log(torch.expm1(heavy * nnf.softplus(raw))))
    inner = torch.randn(700, 3, generator=torch.Generator().manual_seed(1))
    u.L.fill_(5.0)
    u.b.fill_(7.0)
    u._balance(inner)
    slope = (WidePotential.gradient(u, inner) - inner).mean(0)
    assert float(slope.abs().max()) < 1e-4 * heavy
    own = u.L.square().clone()
    u.L.zero_()
    bend = WidePotential.derivatives(u, inner[: framed.BENT])[2].diagonal(dim1=1, dim2=2).mean(0)
    torch.testing.assert_close(own, (1 - bend).clamp(min=0.2), rtol=1e-4, atol=1e-5)
    assert bool((own < 0.201).all()) == (heavy > 1)


def test_a_frame_of_tiny_and_of_no_values() -> None:
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(2)).double()
    for size in (1e-9, 1.0, 1e9):
        P, values, unit = framed.frame_of(size * torch.diag(torch.tensor([4.0, 0.0]).double()), x)
        assert values.tolist() == pytest.approx([4e-8 * size, 4 * size])
        assert float(((x - x.mean(0)) @ P / unit).square().mean()) == pytest.approx(1.0)
    flat = framed.frame_of(torch.zeros(2, 2).double(), x)
    assert float(flat[1].max()) == pytest.approx(1e-38) and flat[2] > 0
