"""The residual of the Monge-Ampere equation where it is known: a quadratic u, a wrong one, and one wrong in a part."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.field import Field
from npf_engine.measures import monge_ampere
from npf_engine.measures.laws import CloudDensity
from npf_engine.polar import PolarFactorization

S = torch.tensor([[2.0, 0.3], [0.3, 0.5]], dtype=torch.float64)


def gaussian(n: int, seed: int) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def quadratic(by: float = 1.0) -> monge_ampere.Slopes:
    """u = by <x, S x> / 2."""
    return lambda x: (by * x @ S, torch.full((len(x),), math.log(by**2 * float(torch.linalg.det(S)))))


def log_normal(x: Tensor) -> Tensor:
    return -x.square().sum(dim=1) / 2 - math.log(2 * math.pi)


def residuals(slopes: monge_ampere.Slopes, x: Tensor) -> monge_ampere.Residuals:
    """Of a Gaussian rho and an F with the law of S x."""
    return monge_ampere.residuals(slopes, x, log_normal(x), gaussian(20_000, 1), gaussian(20_000, 2) @ S)


def test_the_density_of_a_gaussian_is_known_up_to_chance() -> None:
    density, at = CloudDensity(gaussian(20_000, 3) @ S), gaussian(400, 4) @ S
    off = density.log(at) - (log_normal(at @ torch.linalg.inv(S)) - math.log(float(torch.linalg.det(S))))
    assert abs(float(off.median())) < density.chance / 4 and float(off.std()) < 1.5 * density.chance


def test_nothing_is_left_of_the_true_potential_but_the_estimates_error() -> None:
    found = residuals(quadratic(), gaussian(400, 5))
    for part in (found.value, found.floor, found.trivial):  # the Gaussian map is the true one here
        assert float(part.abs().mean()) < found.chance, part.abs().mean()
    assert float(found.wrong.double().mean()) < 0.03


@pytest.mark.parametrize("by", [0.5, 2.0])
def test_a_potential_of_another_size_is_wrong_by_the_ratio_of_the_densities(by: float) -> None:
    """At x = 0 grad u of by S has 1 / by^2 of F's density, whatever S is."""
    middle = torch.zeros(1, 2, dtype=torch.float64)
    found = residuals(quadratic(by), middle)
    assert float(found.value) == pytest.approx(-2 * math.log(by), abs=4 * found.chance)
    assert bool(found.wrong.all()) and abs(float(found.floor)) < 4 * found.chance
    assert abs(float(found.trivial)) < 4 * found.chance


def test_a_potential_that_is_wrong_in_a_part_is_called_so_there_alone() -> None:
    """For x1 > 0 grad u stretches along x1, where F does not."""

    def slopes(x: Tensor) -> tuple[Tensor, Tensor]:
        right = x[:, 0] > 0
        by = torch.where(right, 3.0, 1.0)
        return torch.stack([by * x[:, 0], x[:, 1]], dim=1), by.log()

    x = gaussian(1500, 6)
    x = x[x.norm(dim=1) < 1.5]
    found = monge_ampere.residuals(slopes, x, log_normal(x), gaussian(20_000, 1), gaussian(20_000, 2))
    left, near = x[:, 0] < -0.3, (x[:, 0] > 0.1) & (x[:, 0] < 0.28)  # far from the seam, and where much is wrong
    assert float(found.wrong[left].double().mean()) < 0.05 < 0.9 < float(found.wrong[near].double().mean())
    off = found.value[near] - (4 * x[near, 0].square() - math.log(3))  # of two normal densities, at x1 and 3 x1
    assert abs(float(off.median())) < found.chance / 2 and float(off.std()) < 1.5 * found.chance


def test_values_in_a_line_have_no_density() -> None:
    with pytest.raises(InputError, match="lie in a line"):
        CloudDensity(gaussian(200, 0) * torch.tensor([1.0, 0.0], dtype=torch.float64))
    with pytest.raises(InputError, match="100 samples"):
        CloudDensity(gaussian(50, 0))


def test_the_view_of_a_model_beats_the_gaussian_map_and_five_dimensions_have_none(
    swirl: tuple[PolarFactorization, Field], five: tuple[PolarFactorization, Field]
) -> None:
    view = monge_ampere.monge_ampere_view(swirl[0], side=12, n=4000)
    assert view.residual.shape == view.wrong.shape == (12, 12) and 0 <= view.share <= 1
    assert view.row.floor is not None and view.row.value > 0 < view.row.floor
    low, high = swirl[0].low[0], swirl[0].high[0]
    assert low < view.line[0][0] < view.line[0][-1] < high
    with pytest.raises(InputError, match="two dimensions"):
        monge_ampere.monge_ampere_view(five[0])
