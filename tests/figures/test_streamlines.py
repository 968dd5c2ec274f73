"""Streamlines: along the field, apart from one another, and nowhere that the field is not known."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.fields.field import Units
from npf_engine.figures import terrain
from npf_engine.figures.streamlines import lines, streamlines

SIDE = 60
AT = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
X, Y = np.meshgrid(AT, AT)


def test_those_of_a_rotation_are_circles() -> None:
    found = lines(np.stack([-Y, X], axis=-1))
    assert len(found) > 5
    for line in found:
        radius = np.linalg.norm(2 * line - 1, axis=1)
        assert np.ptp(radius) < 0.02 + 0.02 * radius.mean()


def test_they_keep_apart_and_out_of_what_is_not_known() -> None:
    values = np.stack([np.ones_like(X), np.zeros_like(X)], axis=-1)
    values[:, SIDE // 2 :] = np.nan
    found = lines(values)
    heights = sorted(float(line[:, 1].mean()) for line in found)
    assert len(found) > 10 and max(line[:, 0].max() for line in found) < 0.52
    assert min(np.diff(heights)) > 0.01 and all(np.ptp(line[:, 1]) < 1e-9 for line in found)
    assert all((np.diff(line[:, 0]) > 0).all() for line in found)  # the way that F points


def test_no_line_in_a_still_field_and_a_figure_all_the_same() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (3000, 2))
    units = Units(("x", "y"), ("", ""), "")
    assert len(streamlines(x, np.zeros_like(x), units, (-1, -1), (1, 1)).data) == 0
    assert len(streamlines(x, x, units, (-1, -1), (1, 1)).data) == 2


@pytest.mark.parametrize(("way", "least", "most"), [("size", 3, 9), ("log", 1.2, 2), ("equal", 1, 1.01)])
def test_arrows_of_three_lengths(way: terrain.Length, least: float, most: float) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (3000, 2))
    f = 10.0 ** x[:, :1] * np.array([[1.0, 0.0]])
    figure = terrain.arrows(x, f, Units(("x", "y"), ("", ""), ""), (-1, -1), (1, 1), length=way)
    lengths = np.hypot(figure.data[0].u, figure.data[0].v)
    spread = np.quantile(lengths, 0.9) / np.quantile(lengths, 0.5)
    assert lengths.max() <= 1 + 1e-6 and least <= spread * (1 + 1e-6) and spread <= most
