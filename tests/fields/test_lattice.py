"""F between the nodes of a grid: values, derivatives and all places of a value, against functions that are known."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from npf_engine.fields.catalog import resolve
from npf_engine.fields.lattice import MOST_PLACES, Lattice, distinct, lattice_of, lattice_tensors, sampled
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.storage import load_field, save_field


def _bilinear(x: Tensor) -> Tensor:
    """Exactly what a lattice holds between nodes, on any grid."""
    a, b = x[:, 0], x[:, 1]
    return torch.stack([1 + 2 * a - b + 3 * a * b, 0.5 - a + 4 * b - 2 * a * b], dim=1)


def _wavy(x: Tensor) -> Tensor:
    return torch.stack([torch.cos(math.pi * x[:, 0]), torch.cos(math.pi * x[:, 1])], dim=1)


def _random(n: int) -> Tensor:
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("half", [1.0, 3.0])
def test_a_bilinear_function_is_reproduced_with_its_derivative(half: float) -> None:
    lattice = sampled(_bilinear, half, 7)
    x = half * _random(200)
    value, slope = lattice.value_and_jacobian(x)
    a, b = x[:, 0], x[:, 1]
    known = torch.stack([2 + 3 * b, -1 + 3 * a, -1 - 2 * b, 4 - 2 * a], dim=1).reshape(-1, 2, 2)
    assert torch.allclose(value, _bilinear(x), atol=1e-5 * half**2)
    assert torch.allclose(slope, known, atol=1e-5 * half**2)


def test_rows_run_south_and_columns_east() -> None:
    lattice = sampled(lambda x: x, 1.0, 5)
    assert lattice.values[0, 0].tolist() == [-1.0, 1.0] and lattice.values[0, -1].tolist() == [1.0, 1.0]
    assert torch.allclose(lattice.nodes[1], torch.tensor([-0.5, 1.0], dtype=torch.float64))


def test_all_four_pre_images_of_two_folds_are_found_and_no_more() -> None:
    """F = (cos pi x, cos pi y) takes each value at (+-s, +-t)."""
    lattice = sampled(_wavy, 1.0, 401)
    for v in ((0.3, -0.6), (-0.85, 0.2)):
        s, t = (math.acos(c) / math.pi for c in v)
        found = lattice.places(torch.tensor(v))
        known = torch.tensor([[a * s, b * t] for a in (-1, 1) for b in (-1, 1)], dtype=torch.float64)
        assert len(found) == 4
        assert float(torch.cdist(known, found).amin(dim=1).max()) < 1e-4
        assert float((lattice.value(found) - torch.tensor(v).double()).norm(dim=1).max()) < 1e-6
    assert len(lattice.places(torch.tensor([1.2, 0.0]))) == 0


def test_the_value_of_a_node_is_found_once_at_that_node() -> None:
    """Four cells share a node, and each of them holds the solution."""
    lattice = sampled(_bilinear, 1.0, 9)
    found = lattice.places(lattice.values[3, 5])
    node = torch.tensor([[0.25, 0.25]], dtype=torch.float64)
    assert int((torch.cdist(node, found) < 1e-5).sum()) == 1


def test_places_off_omega_are_left_out() -> None:
    lattice = sampled(_wavy, 1.0, 101)
    east = dataclasses.replace(lattice, mask=(torch.arange(101) > 50).expand(101, 101))
    found = east.places(torch.tensor([0.3, -0.6]))
    assert len(found) == 2 and bool((found[:, 0] > 0).all())


def test_thinning_keeps_the_corners_and_nearly_the_values() -> None:
    lattice = sampled(_wavy, 1.0, 301)
    thin = lattice.thinned(10_000)
    assert math.prod(thin.shape) <= 10_000 and lattice.thinned(301 * 301) is lattice
    assert torch.equal(thin.values[0, 0], lattice.values[0, 0])
    assert torch.equal(thin.values[-1, -1], lattice.values[-1, -1])
    x = _random(500)
    assert float((thin.value(x) - lattice.value(x)).abs().max()) < 2e-3


@pytest.mark.parametrize("rho", ["box", "disc", "gaussian"])
def test_a_terrain_field_carries_the_grid_that_its_samples_come_from(rho: str, tmp_path) -> None:
    field = resolve(FieldSpec(source="jacksboro", max_samples=4000, rho=rho))
    assert field.lattice is not None
    again = load_field(save_field(field, tmp_path / "field.npz")).lattice
    assert again is not None and again.half == field.lattice.half and torch.equal(again.mask, field.lattice.mask)
    size = float(field.y_train.abs().max())
    for lattice in (field.lattice, again):
        assert float((lattice.value(field.x_train.double()) - field.y_train).abs().max()) < 1e-3 * size
        assert bool(lattice.inside(field.x_train.double()).all())


def test_distinct_keeps_the_first_of_each_cluster() -> None:
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.05, 0.0], [1.0, 0.02]])
    assert distinct(x, 0.1).tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert distinct(x[:0], 0.1).shape == (0, 2)


def test_every_place_is_found_that_a_fine_search_sees() -> None:
    """Real terrain: wherever a fine raster of positions comes near to a value, there is a place."""
    field = resolve(FieldSpec(source="jacksboro", max_samples=4000, sigma=3.0))
    lattice = field.lattice
    assert lattice is not None
    line = torch.linspace(-1, 1, 1500, dtype=torch.float64)
    fine = torch.cartesian_prod(line, line)
    values, slopes = lattice.value_and_jacobian(fine)
    longest = float(slopes.flatten(1).norm(dim=1).max()) * (2 / 1499)
    for row in (0, 7, 21):
        v = field.y_test[row]
        places = lattice.places(v)
        assert float((lattice.value(places) - v.double()).norm(dim=1).max()) < 1e-5
        assert float((places - field.x_test[row].double()).norm(dim=1).min()) < 1e-5
        close = fine[(values - v.double()).norm(dim=1) < 1e-2 * longest]
        assert not len(close) or float(torch.cdist(close, places).amin(dim=1).max()) < 0.05


def test_a_lattice_of_another_shape_is_refused() -> None:
    good = lattice_tensors(Lattice(torch.zeros(3, 4, 2), torch.ones(3, 4, dtype=torch.bool)))
    assert lattice_of(good) is not None and lattice_of({}) is None
    with pytest.raises(ValueError, match="no lattice"):
        lattice_of(good | {"lattice_mask": torch.ones(3, 3, dtype=torch.bool)})


@pytest.mark.parametrize(
    ("name", "number"), [("lattice_values", math.nan), ("lattice_half", 0.0), ("lattice_half", math.inf)]
)
def test_a_lattice_with_numbers_that_are_none_is_refused(name: str, number: float) -> None:
    tensors = lattice_tensors(sampled(_bilinear, 1.0, 4))
    tensors[name] = torch.full_like(tensors[name], number)
    with pytest.raises(ValueError, match="finite"):
        lattice_of(tensors)


def test_noise_that_takes_a_value_in_every_cell_costs_no_more_than_a_map_can_show():
    side = 300  # the value 0 lies in nearly every cell: without a bound some 45,000 places, each compared with all
    node = torch.arange(side)
    signs = ((node[:, None] + node) % 2 * 2.0 - 1, (node[:, None] % 2 * 2.0 - 1).expand(side, side))
    values = torch.stack(signs, dim=2) + 0.01 * torch.rand(side, side, 2, generator=torch.Generator().manual_seed(0))
    grid = Lattice(values, torch.ones(side, side, dtype=torch.bool))
    places = grid.places(torch.zeros(2))
    assert 1000 < len(places) <= MOST_PLACES
    assert float(grid.value(places).abs().max()) < 1e-5, "what is left are places of the value"
    assert float(places.amax()) > 0.9 and float(places.amin()) < -0.9, "and from everywhere"


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_the_value_of_every_node_is_found_also_at_the_edge(unit: float) -> None:
    """Values asked for are more precise than those of the nodes, which must not put a corner outside."""
    a = unit * torch.tensor([[2.0, 0.3], [0.3, 1.0]], dtype=torch.float64)
    lattice = sampled(lambda x: x @ a, 1.0, 33)
    for node in lattice.nodes[::3]:
        places = lattice.places(node @ a)
        assert len(places) == 1 and float((places[0] - node).norm()) < 1e-6
