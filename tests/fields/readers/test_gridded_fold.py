"""Smoothing across the northern fold of an ocean model's grid: what is known there by arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from npf_engine.fields.readers.gridded_cells import Margin, margin
from npf_engine.fields.readers.gridded_fold import fold
from npf_engine.fields.readers.gridded_place import EARTH, Points
from npf_engine.fields.readers.gridded_smooth import smoothed

COLS, STEPS = 96, 3.0
DV = DPHI = 2 * np.pi / COLS


def grid(v: np.ndarray, phi: np.ndarray) -> tuple[Points, np.ndarray]:
    """Ellipses about the pole, which end on the line between its foci, and sin(phi) sinh(v), which goes on beyond it.

    z = cos(phi) cosh(v) + i sin(phi) sinh(v) on a map about the pole: phi and -phi meet where v = 0."""
    around, out = np.meshgrid(phi, v)
    x, y = 5.0 * np.cos(around) * np.cosh(out), 5.0 * np.sin(around) * np.sinh(out)  # degrees from the pole
    points = Points(np.degrees(np.arctan2(y, x)), 90.0 - np.hypot(x, y), EARTH, rectilinear=False)
    return points, np.sin(around) * np.sinh(out)


@pytest.mark.parametrize("kind", ["fold itself", "half a step before", "rows again", "fold first", "columns again"])
def test_what_lies_beyond_the_fold_counts(kind: str) -> None:
    half = kind == "half a step before"
    v = DV * (np.arange(30, -1, -1) + (0.5 if half else 0.0))
    if kind == "rows again":
        v = DV * np.arange(30, -3, -1)
    phi = DPHI * (np.arange(COLS) + 0.5)
    if kind == "columns again":
        phi = DPHI * (np.arange(-1, COLS + 1) + 0.5)
    points, wave = grid(v, phi)
    if kind == "fold first":
        points, wave = points.part(slice(None, None, -1), slice(None)), wave[::-1]
    elif kind != "columns again":
        found = fold(points)
        assert found is not None and found.again == {"half a step before": -1, "rows again": 4}.get(kind, 0)
    damped = np.exp(0.5 * (STEPS * DV) ** 2 - 0.5 * (STEPS * DPHI) ** 2)
    inner = slice(15, None) if kind != "fold first" else slice(None, -15)  # far from the grid's other end
    missed = np.abs(smoothed(wave, points, STEPS) - damped * wave)[inner].max()
    assert missed < 2e-3
    turned = smoothed(1.0 + 0 * wave, points, STEPS, (), True)
    assert np.abs(turned[inner]).min() < 0.9  # of components that point the other way beyond it the mean is less
    assert np.abs(smoothed(1.0 + 0 * wave, points, STEPS) - 1.0).max() < 1e-12


def test_a_grid_that_does_not_end_in_a_fold_has_none() -> None:
    phi = DPHI * (np.arange(COLS) + 0.5)
    points, _ = grid(DV * np.arange(40, 9, -1), phi)
    assert fold(points) is None
    part, _ = grid(DV * np.arange(30, -1, -1), phi[: COLS // 2])
    assert fold(part) is None


def globe(end: float, rows: int, cols: int = 72) -> Points:
    """A regular globe whose longitudes and latitudes are written for every point."""
    lon, lat = np.meshgrid(np.arange(cols) * 360.0 / cols, np.linspace(-end, end, rows))
    return Points(lon, lat, EARTH, rectilinear=False)


@pytest.mark.parametrize(("end", "rows"), [(88.0, 45), (89.5, 44), (89.5, 180), (89.0, 45), (90.0, 46)])
@pytest.mark.parametrize("cols", [72, 73, 144])
def test_a_globe_that_ends_at_a_pole_has_no_fold(end: float, rows: int, cols: int) -> None:
    points = globe(end, rows, cols)
    assert fold(points) is None and fold(points.part(slice(None, None, -1), slice(None))) is None
    assert margin(points) == Margin(cols=True)


def test_a_globe_is_smoothed_alike_whether_its_places_are_lines_or_points() -> None:
    points = globe(88.0, 45)
    wave = np.cos(np.radians(points.lat)) * np.cos(np.radians(points.lon))
    lines = replace(points, rectilinear=True)
    for turn in (False, True):
        found = smoothed(wave, points, STEPS, (), turn)
        np.testing.assert_allclose(found, smoothed(wave, lines, STEPS, (), turn), atol=1e-12)
    # a wave round the parallels is damped by what the Gaussian takes of it: nothing of lon is mixed with -lon
    around = np.cos(np.radians(points.lon))
    damped = np.exp(-0.5 * (STEPS * 2 * np.pi / 72) ** 2)
    np.testing.assert_allclose(smoothed(around, points, STEPS), damped * around, atol=2e-3)
