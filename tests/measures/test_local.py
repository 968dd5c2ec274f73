"""Crowded and bare places of M#rho, against emptied discs whose mass and width are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from npf_engine.fields.field import draw_rho
from npf_engine.measures.local import Cells, local_measures

SPREAD = math.sqrt(2 / 3)  # of the box [-1, 1]^2


def box(n: int, seed: int = 0, d: int = 2) -> Tensor:
    return draw_rho("box", n, d, torch.Generator().manual_seed(seed))


def emptied(x: Tensor, r: float, R: float) -> Tensor:
    """The disc of radius r about 0 emptied into the ring up to R, which stays uniform.

    s^2 = r^2 + t^2 (1 - r^2 / R^2).
    """
    t = x.norm(dim=1, keepdim=True)
    s = (r * r + t.square() * (1 - (r / R) ** 2)).sqrt()
    return torch.where(t < R, x * s / t.clamp_min(1e-12), x)


def test_a_law_against_itself_is_at_its_floor() -> None:
    x = box(20_000)
    found = local_measures(x, x, x, 0)
    assert found is not None
    for row in found:
        assert row.value == row.floor == row.trivial and row.excess == 0 and row.ratio == 1


@pytest.mark.parametrize("r", [0.15, 0.3])
def test_an_emptied_disc_is_seen_by_its_mass_and_by_its_width(r: float) -> None:
    """The disc holds pi r^2 / 4 of the mass, all of it moved; its middle is r from the nearest image."""
    x = box(32_000)
    found = local_measures(emptied(x, r, 2 * r), 0 * x, x, 0)
    assert found is not None
    misplaced, hole = found
    share = 100 * math.pi * r * r / 4
    # cells that straddle the edge hide what moved within them, and sampling adds to the rest in quadrature
    assert 0.25 * share < misplaced.excess < 1.1 * share
    assert abs(hole.value - 100 * r / SPREAD) < 6  # the sample nearest the middle is within .05 of it
    assert hole.value > 3 * hole.floor


def test_the_blurred_and_the_sliced_measure_hardly_see_what_these_two_do() -> None:
    """The reason for them: a hole as wide as a sixth of the box is within the other limits of "good"."""
    from npf_engine.divergences import default_eps, sinkhorn_divergence
    from npf_engine.measures.sliced import sliced_measure

    x = box(20_000)
    image = emptied(x, 0.17, 0.34)
    sliced = sliced_measure(image, 0 * x, x, 0)
    assert sliced is not None and sliced.excess < 1.0
    eps = default_eps(x[:1024])
    value, floor = (sinkhorn_divergence(cloud[1024:2048], x[:1024], eps) for cloud in (image, x))
    assert value < 1.6 * floor
    found = local_measures(image, 0 * x, x, 0)
    assert found is not None and found[1].surely_above(2.0)


def test_positions_on_a_grid_are_cut_between_their_points() -> None:
    """A raster's pixels: the same points moved by less than half a pixel are in the same cells."""
    x = torch.cartesian_prod(torch.linspace(-1, 1, 101), torch.linspace(-1, 1, 101))
    found = local_measures(x + 0.004, x, x, 0)
    assert found is not None and found[0].value == pytest.approx(found[0].floor)


def test_cells_have_equal_mass_and_everything_is_in_one() -> None:
    points = box(8_192).double().numpy()
    cells = Cells(points)
    shares = cells.shares(points)
    assert cells.count == 128 and shares.sum() == pytest.approx(1)
    assert shares.min() == shares.max() == pytest.approx(1 / 128)
    assert Cells(points[:500]).count == 8


def test_more_dimensions_than_a_tree_is_good_for() -> None:
    x = box(3_000, d=12)
    found = local_measures(x * 0.2, x * 0, x, 0)
    assert found is not None
    assert found[0].excess > 10 and found[1].value > found[1].floor


def test_too_few_samples_or_a_point_are_not_measured() -> None:
    x = box(100)
    assert local_measures(x, x, x, 0) is None
    same = torch.ones(1_000, 2)
    assert local_measures(same, same, same, 0) is None
