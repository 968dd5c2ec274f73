"""Plateaus are sets of positive measure: a row of a grid on which F does not change is none."""

from __future__ import annotations

import numpy as np

from npf_engine.fields.degeneracy import far_rows, far_told, field_warnings, plateau_share


def test_equal_values_along_a_line_are_no_plateau_and_over_an_area_they_are() -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 1, 30))
    at = np.stack([x.ravel(), y.ravel()], axis=1)
    line = np.where(np.isclose(at[:, 1], at[0, 1]), 0.0, at[:, 0] + 3 * at[:, 1] + 0.01 * np.sin(40 * at[:, 0]))
    area = np.where(at[:, 1] < 0.3, 0.0, line)
    assert plateau_share(line) > 0.03 and plateau_share(line, at) == 0.0
    assert plateau_share(area, at) == np.mean(area == 0.0)
    other = np.cos(at[:, 0] * 7 + at[:, 1])
    assert field_warnings(np.stack([other, line], axis=1), at) == []
    assert "plateaus of F2" in field_warnings(np.stack([other, area], axis=1), at)[0]


def test_parallels_of_a_map_and_two_meridians_are_no_plateaus() -> None:
    """A zonal wind: each value is taken on a circle of the map, or on two lines; a lake beside it is an area."""
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(-40.0, 60.0, 2.0), np.arange(20.0, 80.0, 2.0)))
    away = np.radians(90.0 - lat)
    on_map = np.stack([np.sin(away) * np.sin(np.radians(lon)), -np.sin(away) * np.cos(np.radians(lon))], axis=1)
    degrees = np.stack([lon, lat], axis=1)
    even = np.round(np.cos(np.radians(3.6 * lon)), 9)  # on two meridians or more
    assert plateau_share(lat) > 0.9 and plateau_share(even) > 0.9
    for values in (lat, even):
        assert plateau_share(values, on_map) == 0.0 and plateau_share(values, degrees) == 0.0
    lake = np.hypot(lon, lat - 50.0) < 12.0
    for at in (on_map, degrees):
        assert plateau_share(np.where(lake, 0.0, lat), at) == np.mean(lake)
    rng = np.random.default_rng(0)
    space = rng.uniform(-1, 1, (20_000, 3))
    ball = np.linalg.norm(space, axis=1) < 0.8
    assert plateau_share(np.where(ball, 0.0, space[:, 0]), space) == np.mean(ball)


def test_a_place_far_from_all_others_is_told() -> None:
    """Eastings about 500,000 and one row at 0, 0, where a place is not known; heavy tails and parts are none."""
    rng = np.random.default_rng(0)
    utm = rng.uniform(0, 1000, (500, 2)) + np.array([500_000.0, 5_000_000.0])
    assert not far_rows(utm).any()
    stray = np.vstack([utm, [0.0, 0.0]])
    assert np.flatnonzero(far_rows(stray)).tolist() == [500]
    assert "One sample lies far from all others (at 0, 0)" in far_told(stray)[0]
    assert "2 samples lie" in far_told(np.vstack([stray, [0.0, 5e6]]))[0]
    for law in (rng.normal(size=(1000, 2)), rng.exponential(size=(1000, 2)), np.vstack([utm[:300], utm[:200] + 1e6])):
        assert far_told(law) == []
