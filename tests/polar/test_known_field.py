"""F where it is known: how it is found, its derivative, and every place of a value, at scales that are not 1."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.fields.lattice import sampled
from npf_engine.polar import known_field
from npf_engine.polar.known_field import KnownField, with_jacobian


def model(d: int = 2, rho: str = "box", **parts: Any) -> Any:
    y = {"y_train": torch.tensor([[5.0] * d, [9.0] * d]), "y_test": torch.tensor([[7.0] * d])}
    return SimpleNamespace(**({"d": d, "rho": rho, "samples": y, "function": None, "lattice": None} | parts))


def test_what_is_known_of_f_is_the_field_s_or_what_its_model_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_field, "SIDE", 9)
    grid, own = (sampled(lambda x: x, 1.0, side) for side in (5, 7))

    def double(x: Tensor) -> Tensor:
        return 2 * x

    assert KnownField.of(model()) is None
    function = KnownField.of(model(function=double))
    assert function is not None and function.way == "function" and function.half == 1.0 and function.function is double
    assert function.lattice is not None and function.lattice.shape == (9, 9) and function.lattice.half == 1.0
    assert function.spread == pytest.approx((2 + 2 + 0) * math.sqrt(2) / 3)
    wide = KnownField.of(model(rho="gaussian", function=double))
    assert wide is not None and wide.half == known_field.GAUSSIAN_REACH == wide.lattice.half  # type: ignore[union-attr]
    for d in (1, 3):
        line = KnownField.of(model(d, function=double))
        assert line is not None and line.lattice is None and line.d == d
    of_grid = KnownField.of(model(lattice=grid))
    assert of_grid is not None and (of_grid.way, of_grid.d, of_grid.lattice) == ("grid", 2, grid)
    field: Any = SimpleNamespace(function=None, lattice=own)
    assert KnownField.of(model(lattice=grid), field).lattice is own  # type: ignore[union-attr]
    assert (
        KnownField.of(model(function=double), SimpleNamespace(function=torch.sin, lattice=None)).function is torch.sin
    )  # type: ignore[union-attr, arg-type]
    assert KnownField.of(model(function=double), field).way == "function"  # type: ignore[union-attr]
    flat = model(function=double)
    flat.samples = {"y_train": torch.full((3, 2), 4.0), "y_test": torch.full((1, 2), 4.0)}
    assert KnownField.of(flat).spread == 1e-300  # type: ignore[union-attr]
    small = model(function=double)
    small.samples = {key: 1e-3 * value for key, value in small.samples.items()}
    assert KnownField.of(small).spread == pytest.approx(1e-3 * function.spread)  # type: ignore[union-attr]


def known(
    function: Any, d: int, rho: str = "box", spread: float = 50.0, half: float = 1.0, side: int = 201
) -> KnownField:
    nodes = sampled(function, half, side) if d == 2 else None
    return KnownField("function", d, rho, spread, function, with_jacobian(function), nodes, half)


def test_a_place_is_put_into_omega_where_it_has_an_edge() -> None:
    x = torch.tensor([[3.0, 4.0], [0.3, -0.4], [-9.0, 0.0]]).double()
    disc = known(lambda x: x, 2, "disc").confine(x)
    torch.testing.assert_close(disc, torch.tensor([[0.6, 0.8], [0.3, -0.4], [-1.0, 0.0]]).double())
    box = known(lambda x: x, 2, half=4.0).confine(x)
    torch.testing.assert_close(box, torch.tensor([[3.0, 4.0], [0.3, -0.4], [-4.0, 0.0]]).double())
    assert torch.equal(known(lambda x: x, 2, "gaussian", half=4.0).confine(x), x)
    grid = sampled(lambda x: x, 4.0, 9)
    of_grid = KnownField("grid", 2, "gaussian", 1.0, grid.value, grid.value_and_jacobian, grid, 4.0)
    assert torch.equal(of_grid.confine(x), box) and of_grid.inside(x[1:2]).tolist() == [True]
    assert known(lambda x: x, 2).inside(x).tolist() == [True] * 3
    assert known(lambda x: 3 * x, 2).value(torch.ones(2, 2)).dtype == torch.float64
    assert known(lambda x: 3 * x, 2).value(x[:0]).shape == (0, 2)
    assert known(lambda x: x, 16).solvable and not known(lambda x: x, 17).solvable


def test_the_jacobian_of_a_function_of_three_variables() -> None:
    """The second component is a constant, the third depends on two of them."""

    def function(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0] * x[:, 1], torch.ones(len(x)).to(x), x[:, 1] ** 2 + 5 * x[:, 2]], 1)

    value, slope = with_jacobian(function)(torch.tensor([[2.0, 3.0, 7.0], [1.0, -1.0, 0.0]]).double())
    assert value.tolist() == [[6.0, 1.0, 44.0], [-1.0, 1.0, 1.0]] and not value.requires_grad
    assert slope.tolist() == [
        [[3.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 6.0, 5.0]],
        [[-1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, -2.0, 5.0]],
    ]
    last = with_jacobian(lambda x: torch.stack([x[:, 1], x[:, 0], x[:, 0] * 0 + 2], 1))(torch.ones(1, 3).double())[1]
    assert last.tolist() == [[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]


def cubic(x: Tensor) -> Tensor:
    """Three places of each value between -0.3 and 0.3."""
    return 100 * (x**3 - 0.75 * x)


def test_every_place_of_a_value_on_a_line() -> None:
    line = known(cubic, 1)
    for value in (0.0, 7.0, -13.0):
        roots = sorted(r.real for r in _roots(value) if abs(r.imag) < 1e-12 and abs(r.real) <= 1)
        assert sorted(line.places(torch.tensor([value]))[:, 0].tolist()) == pytest.approx(roots, abs=1e-7)
        assert len(roots) == 3
    assert line.places(torch.tensor([26.0])).shape == (0, 1)
    ends = line.places(cubic(torch.tensor([1.0])).double())[:, 0].tolist()  # at the very end, and at a fold
    assert max(ends) == pytest.approx(1.0, abs=1e-6) and any(abs(e + 0.5) < 1e-3 for e in ends)


def _roots(value: float) -> Any:
    return np.roots([100, 0, -75, -value])


def test_the_line_finds_where_neighbours_lie_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """F(x) = |x| - 1 at five points of [-4, 4]: 3, 1, -1, 1, 3; its sign changes halfway from -2 to 0, and to 2."""
    monkeypatch.setattr(known_field, "LINE", 5)
    fold = known(lambda x: x.abs() - 1, 1, half=4.0)
    assert fold._line(torch.tensor([0.0])).tolist() == [[-1.0], [1.0]]
    assert fold._line(torch.tensor([-0.5])).tolist() == [[-0.5], [0.5]]
    # At a point itself it is found from both of its sides.
    assert fold._line(torch.tensor([1.0])).tolist() == [[-2.0], [-2.0], [2.0], [2.0]]
    assert fold._line(torch.tensor([-1.0])).tolist() == [[0.0], [0.0]]
    assert fold._line(torch.tensor([3.5])).tolist() == []
    flat = known(lambda x: (x.abs() - 3).clamp(min=0), 1, half=4.0)  # 1, 0, 0, 0, 1
    assert flat._line(torch.tensor([0.0])).tolist() == [[-2.0], [2.0]]


def bent(x: Tensor) -> Tensor:
    """A map of the plane that is a little bent, so that its samples are not exact."""
    a, b = x[:, 0], x[:, 1]
    return 100 * torch.stack([a + 0.05 * torch.sin(5 * b), b + 0.05 * torch.sin(4 * a)], 1)


@pytest.mark.parametrize("half", [1.0, 4.0])
def test_every_place_of_a_disc_to_its_very_edge(half: float) -> None:
    disc = known(bent, 2, "disc", side=101)
    angle = 2 * torch.pi * torch.arange(24).double() / 24 + 0.1
    for radius in (1.0, 0.9995, 0.5):
        for point in radius * torch.stack([angle.cos(), angle.sin()], 1)[:: 1 if radius == 1.0 else 6]:
            (found,) = disc.places(bent(point[None])[0])
            assert float((found - point).norm()) < 1e-5
    assert disc.places(bent(torch.tensor([[0.9, 0.9]]).double())[0]).shape == (0, 2)
    box = known(bent, 2, "box", half=half, side=201)
    far = half * torch.tensor([0.9, -0.95]).double()
    places = box.places(bent(far[None])[0])
    assert len(places) == 1 and float((places[0] - far).norm()) < 1e-6
    assert known(lambda x: x, 3).places(torch.zeros(3)).shape == (0, 3)


def test_steps_are_a_tenth_of_the_half_side_and_stop_a_ten_millionth_of_the_spread_off() -> None:
    wide = known(lambda x: 1000 * x, 2, spread=500.0, half=4.0, side=9)
    x, miss = wide.solve(
        torch.tensor([[0.0, 0.0], [2.0, 2.0]]), torch.tensor([[3900.0, 0.0], [2000.0, 2000.0]]), steps=3
    )
    assert x[0].tolist() == pytest.approx([3 * 0.4, 0.0], abs=1e-6) and miss[0] == pytest.approx(3900 - 1200, rel=1e-6)
    near = torch.tensor([[1.0 + 4e-8, 0.0], [1.0 + 6e-8, 0.0]]).double()
    x, miss = wide.solve(near, torch.tensor([[1000.0, 0.0], [1000.0, 0.0]]).double())
    assert x[0, 0] == near[0, 0] and abs(float(x[1, 0]) - 1.0) < 1e-9


def test_places_are_kept_and_told_apart_by_the_scales_of_f_and_of_omega(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is missed by 4e-5 is none where the spread is 1, and is one where it is 50."""

    def rounded(x: Tensor) -> Tensor:  # never nearer to 0 than 4e-5
        return torch.where(x < 0, x - 4e-5, x + 4e-5) + 0 * x

    assert len(known(rounded, 1, spread=50.0).places(torch.zeros(1))) == 1
    assert len(known(rounded, 1, spread=1.0).places(torch.zeros(1))) == 0
    monkeypatch.setattr(KnownField, "_line", lambda self, value: torch.tensor([[0.0], [2e-5]]).double())
    waves = [known(lambda x: torch.sin(math.pi * x / 2e-5), 1, spread=1.0, half=half) for half in (1.0, 4.0)]
    two = [wave.places(torch.zeros(1)) for wave in waves]
    assert len(two[0]) == 2 and len(two[1]) == 1, "2e-5 apart: two of a box of half side 1, one of a wider"


def test_where_f_is_level_and_where_a_place_is_alone() -> None:
    """F = 50 (x, h(y)): a line where h is 0, a single place without a slope where h is y^3, and one with a slope."""

    def field(h: Any) -> Any:
        return lambda x: 50 * torch.stack([x[:, 0], h(x[:, 1])], 1)

    value = torch.tensor([10.0, 0.0])
    line, cube, plain = (known(field(h), 2) for h in (lambda y: 0 * y, lambda y: y**3, lambda y: y))
    places = torch.tensor([[0.2, 0.5], [0.2, 1.0], [0.2, -1.0]], dtype=torch.float64)
    assert [part.tolist() for part in line.level(places, value)] == [[True] * 3, [True] * 3]
    zero = torch.tensor([[0.2, 0.0]], dtype=torch.float64)
    assert [part.tolist() for part in cube.level(zero, value)] == [[True], [False]]
    assert [part.tolist() for part in plain.level(zero, value)] == [[False], [False]]
    assert [part.tolist() for part in line.level(zero[:0], value)] == [[], []]
    # On a half line the value is found on one side only, and so it is on the other.
    for sign in (1.0, -1.0):
        half = known(field(lambda y, sign=sign: (sign * y).clamp(min=0)), 2)
        within = zero - sign * torch.tensor([[0.0, 0.001]], dtype=torch.float64)
        assert [part.tolist() for part in half.level(within, value)] == [[True], [True]]
    # A patch that ends 0.02 away is no farther than half of where F is asked for again; one that ends at 0.02 is.
    for width, alone in ((0.01, True), (0.02, False)):
        patch = known(field(lambda y, width=width: (y.abs() - width).clamp(min=0)), 2)
        assert patch.level(zero, value)[1].tolist() == [not alone], width


@pytest.mark.parametrize(
    ("half", "slope", "flat"), [(1.0, 0.049, True), (1.0, 0.051, False), (4.0, 0.012, True), (4.0, 0.013, False)]
)
def test_a_slope_is_none_below_a_thousandth_of_the_spread_over_the_half_side(
    half: float, slope: float, flat: bool
) -> None:
    field = known(lambda x: x * torch.tensor([50.0, slope]).double(), 2, half=half)
    assert field.level(torch.zeros(1, 2).double(), torch.zeros(2))[0].tolist() == [flat]


def test_a_place_where_f_has_no_derivative_is_flat() -> None:
    root = known(lambda x: torch.sqrt(x), 1)
    assert root.level(torch.tensor([[-0.5]]).double(), torch.zeros(1))[0].tolist() == [True]
