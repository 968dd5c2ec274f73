"""Exact pre-images at the edges: just beyond the range, where F is level, where it has no slope, in any units."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from npf_engine.fields.lattice import sampled
from npf_engine.polar.inversion import ExactInversion
from npf_engine.polar.known_field import KnownField, with_jacobian
from npf_engine.polar.preimages import exact_preimages

Function = Callable[[Tensor], Tensor]


def _ends(function: Function, value: list[float], n: int = 60) -> ExactInversion:
    """The pre-images of a value under a function on the box, from uniform draws."""
    d = len(value)
    x = torch.rand(3000, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    told = x[torch.isfinite(function(x)).all(dim=1)][n:]
    y = function(told)
    spread = float((y - y.mean(0)).norm(dim=1).mean())
    nodes = sampled(function, 1.0, 201) if d == 2 else None
    known = KnownField("function", d, "box", spread, function, with_jacobian(function), nodes, 1.0)
    return exact_preimages(known, torch.tensor(value, dtype=torch.float64), x[:n], (told, y))


@pytest.mark.parametrize(
    ("function", "value", "nearest"),
    [
        (lambda x: x, [1.005, 0.0], [1.0, 0.0]),
        (lambda x: x.square(), [-0.002], [0.0]),
        (lambda x: x, [1.004, 0.0, 0.0], [1.0, 0.0, 0.0]),
    ],
)
def test_a_value_just_beyond_the_range_has_no_place(
    function: Function, value: list[float], nearest: list[float]
) -> None:
    """All draws end within a hundredth of F's spread of it, and yet F is it nowhere."""
    ends = _ends(function, value)
    assert bool(ends.found.all()) and len(ends.places) == len(ends.weights) == len(ends.level) == 0
    assert ends.nearest.tolist() == pytest.approx(nearest, abs=1e-4)
    assert len(_ends(function, nearest).places) == 1


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (lambda x: x.clamp(min=0), [0.0]),
        (lambda x: x.clamp(min=0), [0.0, 0.0]),
        (lambda x: x[:, :1].expand(-1, 2), [0.3, 0.3]),
        (lambda x: x.square().sum(1, keepdim=True).expand(-1, 2), [0.5, 0.5]),
    ],
)
def test_places_on_a_level_patch_or_line_are_told_as_such(function: Function, value: list[float]) -> None:
    """Of a patch no more places are named than draws went to it, and a corner of it."""
    ends = _ends(function, value)
    assert 5 < len(ends.places) <= 62
    assert int((~ends.level).sum()) <= 1
    assert torch.allclose(function(ends.places), torch.tensor(value, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize("power", [2, 3])
def test_where_f_has_no_slope_all_draws_are_at_one_place(power: int) -> None:
    ends = _ends(lambda x: x**power, [0.0, 0.0])
    assert len(ends.places) == 1 and ends.weights.tolist() == pytest.approx([1.0]) and not bool(ends.level.any())
    assert float(ends.places.abs().max()) < 0.01


def test_two_places_beside_a_fold_are_two() -> None:
    ends = _ends(lambda x: torch.stack([x[:, 0].square(), x[:, 1]], dim=1), [0.02**2, 0.1])
    assert len(ends.places) == 2 and not bool(ends.level.any())
    assert sorted(ends.places[:, 0].tolist()) == pytest.approx([-0.02, 0.02], abs=1e-5)


@pytest.mark.parametrize("unit", [1e-20, 1e-9, 1e9])
def test_units_change_nothing(unit: float) -> None:
    def square(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0] ** 2 - x[:, 1] ** 2, 2 * x[:, 0] * x[:, 1]], dim=1)

    plain, scaled = _ends(square, [0.3, 0.2]), _ends(lambda x: unit * square(x), [0.3 * unit, 0.2 * unit])
    assert torch.allclose(plain.places, scaled.places, atol=1e-6)
    assert torch.equal(plain.weights, scaled.weights) and torch.equal(plain.restarted, scaled.restarted)


def test_where_f_is_not_a_number_nothing_is_named() -> None:
    """sqrt(x) on half of the box: draws from the other half are carried over, and the nearest value is a number."""
    ends = _ends(lambda x: x.sqrt(), [0.5])
    assert ends.places.tolist() == [[pytest.approx(0.25, abs=1e-6)]]
    assert torch.isfinite(_ends(lambda x: x.sqrt(), [3.0]).nearest).all()
