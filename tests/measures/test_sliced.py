"""The sliced distance by hand: lines, their sorted points, and which samples are set against which."""

from __future__ import annotations

import pytest
import torch

from npf_engine.measures import sliced
from npf_engine.measures.measured import Measured
from npf_engine.measures.sliced import FOLDS, directions, sliced_measure, sliced_share


@pytest.mark.parametrize(("d", "count", "k"), [(1, 24, 24), (2, 24, 24), (5, 24, 25), (5, 3, 5), (30, 24, 30)])
def test_directions_are_whole_orthonormal_frames(d: int, count: int, k: int) -> None:
    along = directions(d, count)
    assert along.shape == (d, k)
    for frame in along.split(d, dim=1):
        torch.testing.assert_close(frame.T @ frame, torch.eye(d, dtype=torch.float64))


def test_the_share_of_three_points_along_two_lines_by_hand() -> None:
    """Along x the sorted points are 0, 1, 4 and 1, 1, 2, along y 0, 0, 3 and -1, 1, 6: squares 1, 0, 4, 1, 1, 9. The
    target's means are 4 / 3 and 2, its variance 2 / 9 + 26 / 3."""
    image = torch.tensor([[4.0, 0.0], [0.0, 3.0], [1.0, 0.0]])
    target = torch.tensor([[1.0, 6.0], [1.0, -1.0], [2.0, 1.0]])
    expected = 100 * 2 * (16 / 6) / (2 / 9 + 26 / 3)
    assert sliced_share(image, target, torch.eye(2, dtype=torch.float64)) == pytest.approx(expected)
    assert sliced_share(target[[2, 0, 1]], target, directions(2)) == pytest.approx(0.0, abs=1e-12)


def test_a_part_sets_one_half_mapped_against_the_other_half(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 331  # 20 a half of a part, 11 samples are left over
    true = torch.arange(n).float()[:, None]
    seen: list[tuple[set[int], set[int]]] = []

    def share(image: torch.Tensor, target: torch.Tensor, along: torch.Tensor, variance: float) -> float:
        assert variance == pytest.approx((n * n - 1) / 12), "that of all samples"
        seen.append((set(image[:, 0].int().tolist()), set(target[:, 0].int().tolist())))
        return float(len(seen))

    monkeypatch.setattr(sliced, "sliced_share", share)
    found = sliced_measure(true + 1000, true + 2000, true, 0)
    assert found is not None and len(seen) == 3 * FOLDS
    rows = [(3.0 * k + 1, 3.0 * k + 2, 3.0 * k + 3) for k in range(FOLDS)]
    assert found == Measured.of_draws(rows, 20, None)
    for k, shift in enumerate((1000, 0, 2000)):
        for image, target in seen[k::3]:
            assert len(image) == len(target) == 20 and not {i - shift for i in image} & target
    used = [i for image, target in seen[1::3] for i in (*image, *target)]
    assert len(used) == len(set(used)) == 2 * 20 * FOLDS, "no sample is in two parts"


def test_how_many_samples_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(0)
    y = torch.randn(16 * 8, 2, generator=g)
    assert sliced_measure(y, y, y, 0) is not None and sliced_measure(y[1:], y[1:], y[1:], 0) is None
    lone = torch.ones(200, 2)
    assert sliced_measure(lone, lone, lone, 0) is None
    lone[7, 1] = 0.5  # one that differs, in one of its coordinates, and downwards
    assert sliced_measure(lone, lone, lone, 0) is not None
    monkeypatch.setattr(sliced, "MOST", 16 * 10)
    many = torch.randn(800, 1, generator=g)
    found = sliced_measure(many, many, many, 0)
    assert found is not None and found.n == 10
