"""The mesh of maps whose areas are known, and of small models."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.fields.field import Field
from npf_engine.measures import mesh
from npf_engine.polar import PolarFactorization


def rotation(angle: float):
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    return lambda x: x @ turn


def shear(x: Tensor) -> Tensor:
    return torch.stack([x[:, 0] + 0.7 * x[:, 1], x[:, 1]], dim=1)


def test_a_rotation_keeps_every_area_and_fills_every_cell() -> None:
    quarter = mesh.deformation(rotation(math.pi / 2), side=8)
    np.testing.assert_allclose(quarter.weight, 1.0, rtol=1e-12)
    np.testing.assert_allclose(quarter.arrives, 1.0, rtol=1e-12)
    assert not quarter.turned.any() and quarter.cells.all()
    some = mesh.deformation(rotation(0.4), inside=lambda x: x.norm(dim=1) <= 1)
    assert some.spread(some.weight).most < 1e-12
    assert some.spread(some.arrives).most < 0.1  # spots are counted


def test_a_shear_keeps_areas_and_twice_the_width_is_twice_the_area() -> None:
    np.testing.assert_allclose(mesh.deformation(shear, side=6).weight, 1.0, rtol=1e-12)
    wide = mesh.deformation(lambda x: x * torch.tensor([2.0, 1.0], dtype=torch.float64), side=6)
    np.testing.assert_allclose(wide.weight, 2.0, rtol=1e-12)
    assert wide.spread(wide.weight).median == pytest.approx(math.log(2))
    assert wide.spread(wide.arrives).median == pytest.approx(math.log(2)), "half of the mass has left each cell"


def test_a_fold_in_two_doubles_every_cell_and_still_preserves_area() -> None:
    """(x, y) -> (1 - 2 |x|, y), the tent map: two sheets, each twice as wide; one of them turned over."""
    tent = mesh.deformation(lambda x: torch.stack([1 - 2 * x[:, 0].abs(), x[:, 1]], dim=1), side=8)
    np.testing.assert_allclose(tent.weight, 2.0, rtol=1e-12)
    np.testing.assert_allclose(tent.arrives, 1.0, rtol=1e-12)
    assert not tent.turned[:, :4].any() and tent.turned[:, 4:].all()


def test_doubling_the_angle_of_a_disc_preserves_area_with_two_sheets() -> None:
    def double(x: Tensor) -> Tensor:
        radius, angle = x.norm(dim=1), 2 * torch.atan2(x[:, 1], x[:, 0])
        return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)

    found = mesh.deformation(double, inside=lambda x: x.norm(dim=1) <= 1)
    assert found.spread(found.arrives).most < 0.12
    assert np.nanmedian(found.weight) == pytest.approx(2.0, abs=0.02)
    assert not found.cells[0, 0] and np.isnan(found.weight[0, 0])


def test_masses_of_a_density_are_compared_not_areas() -> None:
    """Monotone along x from a uniform law to density 1 + x / 2: masses are kept, areas are not."""

    def density(x: Tensor) -> Tensor:
        return 1 + x[:, 0] / 2

    mirrored = mesh.deformation(lambda x: x * torch.tensor([-1.0, 1.0], dtype=torch.float64), density=density, side=6)
    expected = (1 - mirrored.x[2::4, 2::4, 0] / 2) / (1 + mirrored.x[2::4, 2::4, 0] / 2)
    np.testing.assert_allclose(mirrored.weight, expected, rtol=1e-2)
    np.testing.assert_allclose(mirrored.arrives, expected, rtol=1e-2)
    assert mirrored.turned.all()
    turned = mesh.deformation(rotation(math.pi / 2), half=2.5, density=lambda x: (-x.square().sum(1) / 2).exp(), side=8)
    np.testing.assert_allclose(turned.weight, 1.0, rtol=1e-9)


def test_cells_that_get_nothing_are_infinitely_wrong() -> None:
    found = mesh.deformation(lambda x: x * 0.5, side=4)
    assert found.spread(found.arrives).most == math.inf
    assert found.spread(found.weight).most == pytest.approx(math.log(4))


def test_the_mesh_of_a_model_is_its_own_map(swirl: tuple[PolarFactorization, Field]) -> None:
    model, _ = swirl
    assert mesh.ways(model) == (mesh.NETWORK, mesh.SOLVER)
    view = mesh.mesh_view(model, side=6)
    x = model.scaling.to_user(torch.from_numpy(view.deformed.x).reshape(-1, 2))
    user = model.scaling.to_user(torch.from_numpy(view.deformed.m).reshape(-1, 2))
    np.testing.assert_allclose(user, model.M_network(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(view.values.reshape(-1, 2), model.grad_u(user), rtol=1e-4, atol=1e-5)
    solved = mesh.mesh_view(model, mesh.SOLVER, side=6)
    user = model.scaling.to_user(torch.from_numpy(solved.deformed.m).reshape(-1, 2))
    np.testing.assert_allclose(user, model.M(x), rtol=1e-4, atol=1e-4)
    assert solved.exact and solved.deformed.cells.any()


def test_terrain_has_both_ways_and_five_dimensions_have_none(
    terrain: tuple[PolarFactorization, Field], five: tuple[PolarFactorization, Field]
) -> None:
    assert mesh.ways(terrain[0]) == (mesh.NETWORK, mesh.SOLVER) and mesh.ways(five[0]) == ()
    found = mesh.mesh_view(terrain[0], mesh.SOLVER, side=12).deformed
    assert found.spread(found.arrives).median < found.spread(found.weight).median


@pytest.mark.parametrize("share", [0.9, 1.0, 1.05])
def test_the_sheets_of_a_gaussian_are_counted_by_mass(share: float) -> None:
    """A scaling is one sheet, whatever the corners' images weigh: they hold a five hundredth of the middle."""
    found = mesh.deformation(
        lambda x: x * share, half=2.5, density=lambda x: (-x.square().sum(1) / 2).exp(), side=12, reach=4.0
    )
    assert found.sheets == pytest.approx(1.0, abs=0.03)
    expected = -np.log(share) * 2  # what arrives at the middle: the density there over share^2
    assert np.log(found.arrives[5:7, 5:7].mean()) == pytest.approx(expected, abs=0.03)
    assert found.spread(found.arrives).most < 0.5, "mass from beyond the lattice is carried in"


def test_thin_sheets_are_known_up_to_their_floor() -> None:
    """Folds that keep area: what is off is what the two halves of the spots differ by, and that is little."""

    def folded(x: Tensor) -> Tensor:
        t = (x[:, 0] + 1) / 2 * 16 % 2
        return torch.stack([2 * torch.where(t > 1, 2 - t, t) - 1, x[:, 1]], dim=1)

    found = mesh.deformation(folded)
    off, floor = found.spread(found.arrives), found.floor
    assert off.most < 0.06 and off.median < 2 * floor.median < 0.04 and found.sheets == pytest.approx(16, rel=0.01)
