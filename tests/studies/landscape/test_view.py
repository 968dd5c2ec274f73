"""The relief of a landscape and the warning about step sizes, each where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from npf_engine.sampling import landscapes
from npf_engine.studies.landscape import view


def test_relief_is_the_potential_on_the_grid():
    found = landscapes.find("expression", ("3*x^2 - x*y",), (-1.0, 0.0), (1.0, 2.0))
    x, y, g = view.relief(found, 5)
    np.testing.assert_allclose(x, [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(y, [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(g, 3 * x[:, None] ** 2 - x[:, None] * y[None, :], atol=1e-12)


@pytest.mark.parametrize(("tau", "told"), [(0.021, "above 2"), (0.012, "is large"), (0.001, None)])
def test_a_quadratic_diverges_above_two_over_its_curvature(tau: float, told: str | None):
    quadratic = landscapes.find("expression", ("50*x^2 + y^2",))  # largest Hessian eigenvalue 100
    warning = view.step_warning(quadratic, tau, 1.0)
    assert (warning is None) if told is None else (warning is not None and told in warning)
    colder = view.step_warning(quadratic, tau / 10, 10.0)  # the product of tau and c counts
    assert (colder is None) if told is None else (colder is not None and told in colder)


def test_lengths_are_counted_in_the_unit_of_the_landscape():
    terrain = landscapes.find("jacksboro")
    unit = torch.tensor(terrain.unit, dtype=torch.float64)
    middle = torch.tensor([terrain.start], dtype=torch.float64)
    step = 1e-4 * unit * torch.eye(2, dtype=torch.float64)
    columns = [(terrain.gradient(middle + s) - terrain.gradient(middle - s))[0] * unit / 2e-4 for s in step]
    curvature = float(torch.linalg.eigvalsh(torch.stack(columns)).abs().max())
    assert view.step_warning(terrain, 2.1 / (terrain.coefficient * curvature), terrain.coefficient)


def test_the_places_that_are_visited_are_those_of_low_energy_and_the_start(monkeypatch: pytest.MonkeyPatch):
    """c (g - min g) = 2 (x^2 + y^2) is below 10 within the radius sqrt(5) = 2.24; NaN is nowhere visited."""
    bowl = landscapes.find("expression", ("x^2 + y^2 + 7 + 0*sqrt(9 - x + y)",), (-5.0, -5.0), (5.0, 5.0))
    places = view._visited(bowl, 2.0, ())
    radius = places.norm(dim=1)
    assert 0.0 == float(radius.min()) < 2.0 < float(radius.max()) < 2.24
    assert len(places) == sum(i * i + j * j < 80 for i in range(-20, 21) for j in range(-20, 21))  # 0.25 apart
    monkeypatch.setattr(view, "MOST", 50)
    few = view._visited(bowl, 2.0, (4.0, 4.5))
    assert few[-1].tolist() == [4.0, 4.5] and 26 <= len(few) <= 51
    assert torch.equal(few[:-1], places[:: -(-len(places) // 50)])


def test_a_start_up_a_wall_counts_as_a_place():
    """x^4 has the curvature 12 x^2: 12 near the minimum where the energy is low (|x| < 1), 300 at the start."""
    steep = landscapes.find("expression", ("10*x^4 + y^2",), (-5.0, -5.0), (5.0, 5.0))
    assert view.step_warning(steep, 1e-3, 1.0) is None
    warning = view.step_warning(steep, 1e-3, 1.0, (5.0, 0.0))
    assert warning is not None and "L = 3000" in warning
