"""A logarithmic axis that can be read however narrow its values lie."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.figures.layout import log_axis


@pytest.mark.parametrize(
    ("low", "high"), [(0.065, 0.0999), (0.21, 0.24), (0.5, 4.0), (6.1e-3, 0.9), (311.0, 317.0), (1.0, 1.0)]
)
def test_numbers_stand_within_the_values(low: float, high: float) -> None:
    axis = log_axis(np.array([low, high, np.nan]))
    ticks = axis["tickvals"]
    assert axis["type"] == "log" and 3 <= len(ticks) <= 8 and len(set(axis["ticktext"])) == len(ticks)
    assert ticks.min() >= low / 1.11 and ticks.max() <= 1.11 * high


def test_many_decades_have_whole_powers_and_nothing_has_none() -> None:
    assert log_axis(np.array([1e-6, 1.0]))["dtick"] == 1
    assert log_axis(np.array([0.0, np.nan])) == {"type": "log"}
