"""Clouds on a torus and a sphere: the whole surface is in its panel, in its own proportions."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.figures import round
from npf_engine.manifolds.toys import AROUND, TUBE


@pytest.mark.parametrize("surface", [round.ring(AROUND, TUBE), round.ball()])
def test_a_surface_keeps_its_proportions_and_fits_its_panel(surface: np.ndarray) -> None:
    """Seen from the camera every corner of its box lies within the view, which is some 45 degrees wide each way."""
    scene = round.space_cloud(surface[:, ::7, ::7].reshape(3, -1).T, np.zeros(49), surface, "key").layout.scene
    extents = np.ptp(surface.reshape(3, -1), axis=1)
    sides = np.array([scene.aspectratio[axis] for axis in "xyz"])
    assert np.allclose(sides / sides.max(), extents / extents.max())
    eye, centre = (np.array([point[axis] for axis in "xyz"]) for point in (scene.camera.eye, scene.camera.center))
    ahead = (centre - eye) / np.linalg.norm(centre - eye)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    points = surface.reshape(3, -1).T / extents * sides - eye  # both surfaces have their middle at 0
    depth = points @ ahead
    assert (np.abs(points @ right) / depth).max() < 0.4 and (
        np.abs(points @ np.cross(right, ahead)) / depth
    ).max() < 0.4
