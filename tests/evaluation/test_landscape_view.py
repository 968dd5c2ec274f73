"""The relief of a landscape and the warning about step sizes, each where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from npf_engine.evaluation import landscape_view
from npf_engine.polar.sampling import landscapes


def test_relief_is_the_potential_on_the_grid():
    found = landscapes.find("expression", ("3*x^2 - x*y",), (-1.0, 0.0), (1.0, 2.0))
    x, y, g = landscape_view.relief(found, 5)
    np.testing.assert_allclose(x, [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(y, [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(g, 3 * x[:, None] ** 2 - x[:, None] * y[None, :], atol=1e-12)


@pytest.mark.parametrize(("tau", "told"), [(0.021, "above 2"), (0.012, "is large"), (0.001, None)])
def test_a_quadratic_diverges_above_two_over_its_curvature(tau: float, told: str | None):
    quadratic = landscapes.find("expression", ("50*x^2 + y^2",))  # largest Hessian eigenvalue 100
    warning = landscape_view.step_warning(quadratic, tau, 1.0)
    assert (warning is None) if told is None else (warning is not None and told in warning)
    colder = landscape_view.step_warning(quadratic, tau / 10, 10.0)  # the product of tau and c counts
    assert (colder is None) if told is None else (colder is not None and told in colder)


def test_lengths_are_counted_in_the_unit_of_the_landscape():
    terrain = landscapes.find("jacksboro")
    unit = torch.tensor(terrain.unit, dtype=torch.float64)
    middle = torch.tensor([terrain.start], dtype=torch.float64)
    step = 1e-4 * unit * torch.eye(2, dtype=torch.float64)
    columns = [(terrain.gradient(middle + s) - terrain.gradient(middle - s))[0] * unit / 2e-4 for s in step]
    curvature = float(torch.linalg.eigvalsh(torch.stack(columns)).abs().max())
    assert landscape_view.step_warning(terrain, 2.1 / (terrain.coefficient * curvature), terrain.coefficient)
