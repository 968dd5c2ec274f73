"""Where else the values of a selection occur: on a fold, on the other side."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from npf_engine.measures import elsewhere
from npf_engine.measures.linked import summary


class Mirror:
    """Stands for a model whose inverse answers the mirrored place: F(x) = |x| takes each value at x and at -x."""

    d = 1

    class scaling:
        to_model = staticmethod(lambda x: x)

    def invert_details(self, f: torch.Tensor, draws: int, seed: int) -> object:
        return type("Details", (), {"x": -f[:, None]})


def test_the_values_of_one_side_are_drawn_on_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "evaluator", lambda model: (torch.abs, "function", 2.0))
    x = np.linspace(0.1, 1, 5000)[:, None]
    view = elsewhere.elsewhere(Mirror(), x, np.abs(x))  # type: ignore[arg-type]  # what is asked of a model here
    assert len(view.x) == elsewhere.MOST and (view.drawn < 0).all() and view.miss == 0
    np.testing.assert_array_equal(view.reached, view.f)
    np.testing.assert_array_equal(view.drawn, -view.x)


def test_a_selection_has_its_image_in_numbers() -> None:
    clouds = {"rho": np.array([[0.0], [2.0]]), "field": np.array([[1.0], [3.0]]), "m": np.array([[5.0], [9.0]])}
    found = summary(clouds, np.array([True, True]))
    assert found.image is not None and found.image[0][0] == 7 and found.image[1][0] == 2
