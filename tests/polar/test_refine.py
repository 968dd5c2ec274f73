"""Levenberg-Marquardt step by step: a batch does what its definition does to one point at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.polar.refine import FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING, levenberg_marquardt


def banana(x: Tensor) -> tuple[Tensor, Tensor]:
    """F(x, y) = (8 (y - x^2), 1.3 x + sin 3 y) with its Jacobian."""
    a, b = x[:, 0], x[:, 1]
    value = torch.stack([8 * (b - a.square()), 1.3 * a + torch.sin(3 * b)], 1)
    rows = [torch.stack([-16 * a, 8 + 0 * a], 1), torch.stack([1.3 + 0 * a, 3 * torch.cos(3 * b)], 1)]
    return value, torch.stack(rows, 1)


def box(x: Tensor) -> Tensor:
    return x.clamp(-2, 2)


def by_definition(x: Tensor, target: Tensor, steps: int, tolerance: float, reach: float) -> tuple[np.ndarray, float]:
    """One point: (J^T J + damping * mean diagonal * I) step = J^T (target - F), cut to ``reach``, put into the box;
    damping a fifth after a step that helps, eight times as much after one that does not and is not taken."""
    at, damping = box(x[None]), FIRST_DAMPING
    for _ in range(steps):
        value, slope = (part[0].numpy() for part in banana(at))
        miss = target.numpy() - value
        if np.linalg.norm(miss) <= tolerance or damping >= MOST_DAMPING:
            break
        normal = slope.T @ slope
        step = np.linalg.solve(normal + damping * np.trace(normal) / 2 * np.eye(2), slope.T @ miss)
        step *= min(1.0, reach / np.linalg.norm(step))
        there = box(at + torch.from_numpy(step))
        if float((target - banana(there)[0][0]).norm()) < np.linalg.norm(miss):
            at, damping = there, max(LEAST_DAMPING, damping / 5)
        else:
            damping *= 8
    return at[0].numpy(), float((target - banana(at)[0][0]).norm())


@pytest.mark.parametrize(("steps", "reach"), [(0, 1.0), (1, 100.0), (1, 0.3), (4, 3.0), (30, 0.5)])
def test_a_batch_does_what_each_point_does_by_itself(steps: int, reach: float) -> None:
    g = torch.Generator().manual_seed(0)
    x = 2.5 * (2 * torch.rand(40, 2, generator=g, dtype=torch.float64) - 1)
    target = 6 * torch.randn(40, 2, generator=g, dtype=torch.float64)
    target[:10] = banana(x[10:20])[0] + 0.01
    start = x.clone()
    found, left = levenberg_marquardt(banana, x, target, box, steps=steps, tolerance=1e-3, reach=reach)
    assert torch.equal(x, start), "the points that were given stay as they are"
    for row in range(40):
        place, miss = by_definition(x[row], target[row], steps, 1e-3, reach)
        np.testing.assert_allclose(found[row], place, atol=1e-7)
        assert float(left[row]) == pytest.approx(miss, abs=1e-6)


def test_it_asks_no_more_once_all_have_arrived_or_cannot_go_on() -> None:
    asked: list[int] = []

    def watched(x: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(len(x))
        return 2 * x, 2 * torch.eye(2).to(x).expand(len(x), 2, 2)

    target = torch.tensor([[1.0, 0.0], [8.0, 0.0]]).double()
    x, left = levenberg_marquardt(
        watched, torch.zeros(2, 2).double(), target, box, steps=400, tolerance=1e-9, reach=9.0
    )
    torch.testing.assert_close(x, torch.tensor([[0.5, 0.0], [2.0, 0.0]]).double(), atol=1e-8, rtol=0)
    assert left.tolist() == pytest.approx([0.0, 4.0], abs=1e-8)
    assert asked[:2] == [2, 2] and set(asked[6:]) == {1}, "the first arrives within a few steps"
    # From the least damping that the other one's only step leaves, 8^k beyond the most: k steps in all.
    assert len(asked) < 2 + math.log(MOST_DAMPING / LEAST_DAMPING, 8) + 1


def test_a_point_without_a_value_or_a_slope_stays_and_others_go_on() -> None:
    def partial(x: Tensor) -> tuple[Tensor, Tensor]:
        value = torch.where(x[:, :1] < 0, torch.nan, x)
        slope = torch.eye(2).to(x).repeat(len(x), 1, 1)
        slope[x[:, 0] > 5] = 0.0
        return value, slope

    x = torch.tensor([[-1.0, 0.0], [6.0, 1.0], [1.0, 1.0]]).double()
    found, left = levenberg_marquardt(
        partial, x, torch.full((3, 2), 0.5).double(), lambda x: x, steps=30, tolerance=1e-9, reach=1.0
    )
    torch.testing.assert_close(found, torch.tensor([[-1.0, 0.0], [6.0, 1.0], [0.5, 0.5]]).double())
    assert left[0] == math.inf and float(left[1]) == pytest.approx(math.hypot(5.5, 0.5))
