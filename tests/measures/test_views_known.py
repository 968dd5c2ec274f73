"""Clouds, projections and lattices of a page by hand, in units that are unlike."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from npf_engine.fields.field import Scaling, Units
from npf_engine.figures import export
from npf_engine.measures import views
from npf_engine.measures.views import FactorizationView, Projection, mixing, principal_axes, rises


def view(clouds: dict[str, np.ndarray], units: tuple[str, ...] = ("", ""), **more: Any) -> FactorizationView:
    d = len(units)
    parts: dict[str, Any] = {"low": (-1.0,) * d, "high": (1.0,) * d, "scale": (1.0,) * d, "projection": None}
    return FactorizationView(clouds, Units(tuple(map(str, range(d))), units, ""), **(parts | more))


def test_values_are_projected_about_their_mean_and_positions_in_one_unit() -> None:
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0][:, :2]
    rho = np.random.default_rng(1).normal(size=(9, 4)) + 50
    field = np.random.default_rng(2).normal(size=(9, 4)) + 7
    mean, scale = np.array([7.0, 6.0, 5.0, 4.0]), (2.0, 3.0, 0.5, 8.0)
    shown: dict[str, Any] = {"scale": scale, "projection": Projection(mean, turn, np.array([0.5, 0.2]))}
    clouds = {"rho": rho, "m": 2 * rho, "field": field}
    one = view(clouds, ("m", "m", "m", "m"), **shown)
    unlike = view(clouds, ("m", "s", "m", "m"), **shown)
    assert one.one_unit and not unlike.one_unit and one.d == 4
    for seen in (one, unlike):
        np.testing.assert_allclose(seen.plane("field"), (field - mean) @ turn)
    np.testing.assert_allclose(one.plane("m"), (2 * rho - rho.mean(0)) @ turn)
    np.testing.assert_allclose(unlike.plane("m"), (2 * rho - rho.mean(0)) / np.array(scale) @ turn)
    flat = view({"rho": rho[:, :2], "m": field[:, :2]})
    assert np.array_equal(flat.plane("m", (1, 0)), field[:, [1, 0]]) and flat.d == 2
    line = view({"rho": rho[:, :1], "m": field[:, :1]}, ("",))
    assert np.array_equal(line.plane("m"), np.hstack([rho[:, :1], field[:, :1]]))


def stub(d: int, n_test: int = 40, n_train: int = 10, m: bool = True) -> Any:
    """u(x) = sum (k + 1) x_k, M doubles; positions are 10 + 5 x in the user's units."""
    g = torch.Generator().manual_seed(d)
    scaling = Scaling((10.0,) * d, (5.0,) * d)
    weights = torch.arange(1.0, d + 1).double()
    kept = {
        f"{name}_{part}": torch.rand(n, d, generator=g)
        for name in "xy"
        for part, n in (("test", n_test), ("train", n_train))
    }
    return SimpleNamespace(
        d=d,
        samples=kept,
        scaling=scaling,
        units=Units(tuple(map(str, range(d))), ("",) * d, ""),
        low=tuple(float(-k) for k in range(d)),
        high=tuple(float(k + 1) for k in range(d)),
        m=object() if m else None,
        grad_u=lambda x: 3 * x,
        M=lambda x, field_values: field_values + 1,
        M_network=lambda x: 2 * x,
        potential=lambda x: x.double() @ weights,
    )


@pytest.mark.parametrize("d", [3, 4])
def test_the_clouds_of_a_view_by_hand(d: int) -> None:
    model = stub(d)
    found = views.factorization_view(model, 30, seed=2)
    x = found.clouds["rho"]
    assert len(x) == 30 and (found.projection is not None) is (d > 3)
    kept = model.scaling.to_user(model.samples["x_test"].double()).numpy()
    index = [int(np.flatnonzero((kept == row).all(1))[0]) for row in x]
    assert max(index) >= 32, "chosen among all that are unseen"
    np.testing.assert_allclose(found.clouds["field"], model.samples["y_test"].numpy()[index])
    np.testing.assert_allclose(found.clouds["m"], found.clouds["field"] + 1)
    np.testing.assert_allclose(found.clouds["grad_u"], 3 * x)
    np.testing.assert_allclose(found.clouds["reconstruction"], 6 * x)
    assert len(views.factorization_view(model, 45).clouds["rho"]) == 45
    assert set(views.factorization_view(stub(d, m=False)).clouds) == {"rho", "field", "grad_u", "m"}


def test_the_potential_on_a_plane_through_the_middle_of_the_samples() -> None:
    model = stub(3)
    x, y, u = views.potential_view(model, axes=(2, 0), side=4)
    np.testing.assert_allclose(x, np.linspace(-2, 3, 4))
    np.testing.assert_allclose(y, np.linspace(0, 1, 4), atol=1e-12)
    middle = 10 + 5 * float(torch.cat([model.samples["x_test"], model.samples["x_train"]])[:, 1].double().mean())
    np.testing.assert_allclose(u, y[:, None] + 2 * middle + 3 * x[None], rtol=1e-6)
    x, y, u = views.potential_view(stub(1), side=5)
    np.testing.assert_allclose(x, np.linspace(0, 1, 5), atol=1e-12)
    assert y.shape == (0,) and np.allclose(u, x)
    x, y, u = views.potential_view(stub(2), side=3)
    np.testing.assert_allclose(u, x[None] + 2 * y[:, None])


def test_axes_have_length_one_and_shares_of_a_small_cloud() -> None:
    points = np.array([[0.0, 3.0, 0], [0.0, -3.0, 0], [-1.0, 0, 0], [1.0, 0, 0], [0, 0, 0.5], [0, 0, -0.5]])
    found = principal_axes(40 + 1e-3 * points @ np.diag([-1.0, -1.0, 1.0]))
    np.testing.assert_allclose(found.directions, [[0, 1], [1, 0], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(found.share, [9 / 10.25, 1 / 10.25])
    np.testing.assert_allclose(found.mean, 40)
    flat = principal_axes(np.ones((5, 4)))
    assert flat.share.tolist() == [0.0, 0.0]


def test_axes_are_turned_so_that_their_largest_component_is_positive() -> None:
    g = np.random.default_rng(0)
    for _ in range(10):
        turn = np.linalg.qr(g.normal(size=(5, 5)))[0]
        found = principal_axes(g.normal(size=(60, 5)) * [9.0, 3.0, 0.5, 0.2, 0.1] @ turn.T).directions
        assert (found[np.abs(found).argmax(0), [0, 1]] > 0.4).all()


def test_mixing_does_not_hang_on_the_units_or_the_origin() -> None:
    """A fold lays the halves of the square on each other: half of the neighbours come from the other one."""
    square = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    folded = np.stack([2 * np.abs(square[:, 0]) - 1, square[:, 1]], axis=1)
    plain = mixing(view({"rho": square, "m": folded}))
    assert plain == pytest.approx(0.435, abs=0.05)
    large = mixing(view({"rho": 50 * square + 900, "m": 50 * folded + 900}, scale=(5.0, 5.0)))
    assert large == pytest.approx(plain, abs=2e-3)
    unlike = mixing(view({"rho": square * [9, 0.1], "m": folded * [9, 0.1]}, scale=(9.0, 0.1)))
    assert unlike == plain
    # Of two places of one weight each, a typical distance is half of theirs, 4: nearest in M are those of the other.
    far = np.repeat([[0.0, 0.0], [8.0, 0.0]], 500, axis=0)
    beside = np.stack([np.tile(np.arange(500.0), 2), np.repeat([0.0, 0.01], 500)], 1)
    told = view({"rho": far, "m": beside})
    assert mixing(told, 1.8) == 1.0 and mixing(told, 2.2) == 0.0


def test_a_fall_of_a_millionth_of_the_range_is_none() -> None:
    x = np.arange(4.0)
    f = np.array([0.0, 500.0, 500.0, 1000.0])
    assert rises(x, f - [0, 0, 5e-4, 0]) and not rises(x, f - [0, 0, 2e-3, 0])
    assert not rises(x, 1e-9 * np.array([1.0, 0.0, 1.0, 2.0])) and not rises(x, -x)


def test_cells_say_what_their_type_can() -> None:
    text = export.to_csv({"a": np.array([0.1], dtype=np.float32), "b": np.array([0.1, 2 / 3]), "c": np.array(5)})
    assert text.decode().splitlines() == ["a,b,c", "0.100000001,0.1,5", ",0.6666666666666666,"]
    assert export.to_csv({}).decode().splitlines() == [""]
