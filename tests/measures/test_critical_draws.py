"""Draws of I_psi for a value of the gradient, against the points where it is taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from npf_engine.fields.field import Scaling
from npf_engine.measures.critical_draws import critical_draws


@dataclass
class Known:
    """Stands for a model whose I_psi hands out points that are known, on the box [0, 4] x [-1, 1]."""

    answers: torch.Tensor
    asked: torch.Tensor | None = None
    low: tuple[float, ...] = (0.0, -1.0)
    high: tuple[float, ...] = (4.0, 1.0)

    @property
    def scaling(self) -> Scaling:
        return Scaling((2.0, 0.0), (2.0, 1.0))

    def invert(self, gradient: torch.Tensor, n: int, seed: int) -> torch.Tensor:
        self.asked = gradient
        return self.answers.repeat(n // len(self.answers), 1)


def test_draws_are_counted_at_the_points_they_reach() -> None:
    points = np.array([[1.0, 0.0], [3.0, 0.5], [3.5, -0.9]])
    model = Known(torch.tensor([[1.05, 0.0], [3.0, 0.45], [2.0, 0.9], [1.0, 0.1]]))
    found = critical_draws(model, (3.0, 5.0), points, n=400)  # type: ignore[arg-type]  # what is asked of a model
    assert model.asked is not None and model.asked.tolist() == [6.0, 5.0], "per half side of the box"
    assert found.near == 0.75 and found.found == 2 and found.x.shape == (400, 2)
    reach = 0.05 * np.sqrt(20)
    assert found.trivial == pytest.approx((2 * np.pi * reach**2 + np.pi * reach**2 * 0.9) / 8, rel=0.05)
