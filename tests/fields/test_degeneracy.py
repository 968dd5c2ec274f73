"""Plateaus are sets of positive measure: a row of a grid on which F does not change is none."""

from __future__ import annotations

import numpy as np

from npf_engine.fields.degeneracy import field_warnings, plateau_share


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
