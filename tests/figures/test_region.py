"""A region in space: a known slope, its arrows on the ground, and how much its heights are exaggerated."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.fields.field import Grid, Units
from npf_engine.figures import region

METRES = Units(("east", "north"), ("m", "m"), "m per m")


def plane(rows: int = 40, cols: int = 80, mask: np.ndarray | None = None) -> Grid:
    """Heights that rise by 200 m to the east over 2000 m, and are even to the north over 1000 m."""
    z = np.broadcast_to(np.linspace(300.0, 500.0, cols, dtype=np.float32), (rows, cols)).copy()
    return Grid(z, z, np.ones((rows, cols), dtype=bool) if mask is None else mask, 0.0, 0.0, 2000.0, 1000.0)


def samples(f: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform((0, 0), (2000, 1000), (4000, 2))
    return x, np.broadcast_to(np.array(f), x.shape)


def test_a_slope_to_the_east_rises_to_the_east_and_its_arrows_lie_on_it() -> None:
    found = region.region(plane(), METRES, *samples((0.1, 0.0)))
    nodes = found.nodes
    np.testing.assert_allclose(nodes[0, [0, -1], 0], [-79 / 80, 79 / 80])
    np.testing.assert_allclose(nodes[[0, -1], 0, 1], [0.5 * 39 / 40, -0.5 * 39 / 40])  # rows run south
    np.testing.assert_allclose(nodes[..., 2], region.TALL * (nodes[..., 0] + 1) / 2, atol=0.02)
    assert len(found.tails) > 100
    np.testing.assert_allclose(found.heads[:, 1], found.tails[:, 1], atol=1e-9)
    assert (found.heads[:, 0] > found.tails[:, 0]).all() and (found.heads[:, 2] > found.tails[:, 2]).all()
    ground = region.TALL * (found.heads[:, 0] + 1) / 2 + region.LIFT
    np.testing.assert_allclose(found.heads[:, 2], ground, atol=0.02)
    assert found.colours.shape == (nodes.shape[0] - 1, nodes.shape[1] - 1, 4) and (found.colours[..., 3] == 255).all()


def test_heights_are_exaggerated_by_what_is_told() -> None:
    """On the stage 2000 m are 2 and 200 m are TALL: each metre up is TALL / 0.2 times a metre along."""
    found = region.region(plane(), METRES, *samples((0.1, 0.0)))
    assert found.steeper == pytest.approx(region.TALL / 0.2) and (found.low, found.high) == (300.0, 500.0)
    apart = region.region(plane(), Units(("x", "t"), ("m", "s"), ""), *samples((0.1, 0.0)))
    assert apart.steeper is None


def test_what_is_outside_of_omega_is_clear_and_has_no_arrows() -> None:
    mask = np.ones((40, 80), dtype=bool)
    mask[:, 40:] = False
    found = region.region(plane(mask=mask), METRES, *samples((0.0, 0.1)))
    assert (found.heads[:, 0] < 0.05).all() and len(found.heads) > 40
    assert (found.colours[:, 50:, 3] == 0).all() and np.isnan(found.nodes[:, 60:, 2]).all()
