"""A loss that was told once."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.figures import curves


@pytest.mark.parametrize("value", [1e-5, -2e-4, 3.0])
def test_a_single_loss_is_not_drawn_as_if_it_were_nothing(value: float) -> None:
    column = {name: np.array([1.0]) for name in ("step", "t", "worked")}
    figure = curves.losses({"u": column | {"loss": np.array([value])}})
    assert figure is not None
    low, high = figure.layout.yaxis.range
    assert high - low == pytest.approx(2 * abs(value)) and low < value < high
