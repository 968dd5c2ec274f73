"""Places, their law and its entropy for maps whose pre-images are known, and of small models."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.field import Field
from npf_engine.fields.lattice import sampled
from npf_engine.measures import mesh, multiplicity
from npf_engine.measures.multiplicity import sheets_of
from npf_engine.polar import PolarFactorization
from npf_engine.polar.known_field import KnownField, with_jacobian

Y = torch.tensor([[0.3, -0.2], [-0.61, 0.44], [0.05, 0.71]], dtype=torch.float64)
NOTHING = torch.zeros(3, dtype=torch.float64)


def even(x: Tensor) -> Tensor:
    return torch.full((len(x),), -math.log(4.0), dtype=torch.float64)


def known(function) -> KnownField:
    return KnownField("function", 2, "box", 1.0, function, with_jacobian(function), sampled(function, 1.0, 65), 1.0)


def tent(x: Tensor) -> Tensor:
    """Two sheets along x1, each of mass one half: preserves area."""
    return torch.stack([1 - 2 * x[:, 0].abs(), x[:, 1]], dim=1)


def uneven(x: Tensor) -> Tensor:
    """Three quarters of the line and the last quarter, each stretched over all of it: 3/4 and 1/4 of the mass."""
    left = (x[:, 0] + 1) * (4 / 3) - 1
    return torch.stack([torch.where(x[:, 0] < 0.5, left, 1 - 4 * (x[:, 0] - 0.5)), x[:, 1]], dim=1)


def test_a_tent_has_two_even_places_and_an_uneven_one_the_entropy_of_its_shares() -> None:
    for one in sheets_of(known(tent), Y, Y, NOTHING, even):
        assert len(one.x) == 2 and float(one.weight.sum()) == pytest.approx(1.0, abs=1e-6)
        assert multiplicity.entropy(one.law) == pytest.approx(math.log(2), abs=1e-6)
    for one in sheets_of(known(uneven), Y, Y, NOTHING, even):
        assert sorted(one.law) == pytest.approx([0.25, 0.75], abs=1e-6)
        assert multiplicity.entropy(one.law) == pytest.approx(0.5623, abs=1e-4)


def test_a_rotation_is_one_place_and_a_map_that_stretches_brings_less() -> None:
    for one in sheets_of(known(lambda x: -x), Y, Y, NOTHING, even):
        assert len(one.x) == 1 and multiplicity.entropy(one.law) == 0 and float(one.weight) == pytest.approx(1.0)
    for one in sheets_of(known(lambda x: 2 * x), Y, Y, NOTHING, even):
        assert float(one.weight) == pytest.approx(0.25)


def test_the_potential_turns_places_of_f_into_places_of_m() -> None:
    """F = 2 M with M the tent and u = |x|^2: F is grad u(y) at the places of M, and det D2u = 4 makes up for F's."""
    bend = torch.full((3,), math.log(4.0), dtype=torch.float64)
    for one in sheets_of(known(lambda x: 2 * tent(x)), 2 * Y, Y, bend, even):
        assert len(one.x) == 2 and float(one.weight.sum()) == pytest.approx(1.0, abs=1e-6)


def test_places_out_of_reach_and_outside_of_the_support_are_none() -> None:
    half = sheets_of(known(tent), Y, Y, NOTHING, even, lambda x: x[:, 0] > 0)
    assert [len(one.x) for one in half] == [1, 1, 1] and float(half[0].weight.sum()) == pytest.approx(0.5, abs=1e-6)
    none = sheets_of(known(lambda x: 0.1 * x), Y, Y, NOTHING, even)
    assert [len(one.x) for one in none] == [0, 0, 0] and math.isnan(multiplicity.entropy(none[0].law))


def test_draws_count_the_places_where_they_settle() -> None:
    """From one side of the tent one place is found, from both sides two, as evenly as the draws lie."""
    field = known(tent)
    asked = multiplicity._Asked(field, Y, sheets_of(field, Y, Y, NOTHING, even), 4)
    right = torch.tensor([[0.3, 0.0]], dtype=torch.float64).expand(12, 2)
    sides = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(6)
    rows, arrived = asked.counted(right)
    assert arrived == 1 and rows == [(1.0, 0.0)] * 3
    rows, arrived = asked.counted(torch.stack([0.3 * sides, torch.zeros(12).double()], dim=1))
    assert arrived == 1 and [row[0] for row in rows] == [2.0] * 3
    assert [row[1] for row in rows] == pytest.approx([math.log(2)] * 3)
    assert all(1.8 < found <= 2 for found, _ in asked.expected(0))


def test_places_of_many_values_are_those_of_each(swirl: tuple[PolarFactorization, Field]) -> None:
    field = KnownField.of(swirl[0])
    assert field is not None
    values = swirl[0].samples["y_test"][:3].double()
    for value, places in zip(values, field.places_of(values), strict=True):
        torch.testing.assert_close(places, field.places(value))


def test_the_maps_of_a_model_count_what_its_mesh_counts(
    terrain: tuple[PolarFactorization, Field], five: tuple[PolarFactorization, Field]
) -> None:
    """The mean number of places is the area of M's image with its sheets, and the mean of what arrives is 1."""
    model = terrain[0]
    assert multiplicity.check(model) == (mesh.SOLVER, mesh.NETWORK)
    exact = multiplicity.multiplicity_view(model, side=24, draws=0)
    sheets = mesh.mesh_view(model, mesh.SOLVER).deformed.sheets
    assert float(np.nanmean(exact.places)) == pytest.approx(sheets, rel=0.2) and exact.drawn is None
    told: list[tuple[float, str]] = []
    drawn = multiplicity.multiplicity_view(
        model, side=12, draws=8, progress=lambda share, text: told.append((share, text))
    ).drawn
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0) and len({text for _, text in told}) == 3
    assert len(told) == 3 * math.ceil(144 / multiplicity.AT_ONCE)
    assert drawn is not None and drawn.n == 8 and 0 <= drawn.arrived <= 1
    assert 0 <= drawn.trivial_arrived <= 1 and (drawn.trivial_found <= 8).all()
    assert {"trivial_found", "trivial_entropy", "trivial_arrived"} <= set(drawn.numbers())
    assert (drawn.found <= 8).all() and (drawn.expected_found <= 8).all()
    seen = ~np.isnan(drawn.expected_entropy)
    assert (drawn.expected_entropy[seen] <= math.log(8) + 1e-9).all()
    with pytest.raises(InputError, match="two dimensions"):
        multiplicity.multiplicity_view(five[0])
