"""The Helmholtz-Hodge decomposition against fields whose parts are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.field import Units
from npf_engine.measures.hodge import PARTS, Hodge, decompose, hodge_view
from tests.tiny import tiny_run


def square(n: int) -> tuple[np.ndarray, np.ndarray, float]:
    """x, y (n, n) on [0, pi]^2, rows upwards, and the step."""
    line = np.linspace(0, np.pi, n)
    x, y = np.meshgrid(line, line)
    return x, y, float(line[1] - line[0])


def parts(f1: np.ndarray, f2: np.ndarray, step: float, mask: np.ndarray | None = None) -> Hodge:
    values = np.stack([f1, f2], axis=-1)
    return decompose(values, np.ones(f1.shape, bool) if mask is None else mask, step, step)


def error(found: np.ndarray, right: tuple[np.ndarray, np.ndarray]) -> float:
    wanted = np.stack(right, axis=-1)
    return float(np.nanmax(np.abs(found - wanted)[2:-2, 2:-2]) / np.abs(wanted).max())


def test_a_gradient_a_rotation_and_a_harmonic_field_come_apart() -> None:
    """phi = sin x sin 2y, psi = sin 3x sin y, both 0 on the edge of [0, pi]^2, and h = grad(x^2 - y^2): to second
    order."""
    coarse, fine = (known_errors(n) for n in (33, 65))
    assert max(fine) < 6e-3 and all(a / b > 3 for a, b in zip(coarse, fine, strict=True))


def known_errors(n: int) -> list[float]:
    x, y, step = square(n)
    gradient = (np.cos(x) * np.sin(2 * y), 2 * np.sin(x) * np.cos(2 * y))
    rotation = (np.sin(3 * x) * np.cos(y), -3 * np.cos(3 * x) * np.sin(y))
    harmonic = (2 * x, -2 * y)
    found = parts(*(sum(each) for each in zip(gradient, rotation, harmonic, strict=True)), step)
    energies = [np.pi**2 / 4 * 5, np.pi**2 / 4 * 10, 8 * np.pi**4 / 3]
    wanted = np.divide(energies, sum(energies))
    shares = [abs(found.shares[name] / right - 1) for name, right in zip(PARTS, wanted, strict=True)]
    return [
        error(found.curl_free, gradient),
        error(found.divergence_free, rotation),
        error(found.harmonic, harmonic),
        max(shares),
    ]


def test_shares_add_up_to_one_for_any_field_and_any_region() -> None:
    generator = np.random.default_rng(0)
    mask = generator.random((40, 50)) > 0.03
    values = generator.standard_normal((40, 50, 2))
    found = decompose(values, mask, 0.3, 0.7)
    assert sum(found.shares.values()) == pytest.approx(1.0, abs=1e-9) and min(found.shares.values()) >= 0
    total = found.curl_free + found.divergence_free + found.harmonic
    there = np.isfinite(total[..., 0])
    assert total[there] == pytest.approx(values[there])


@pytest.mark.parametrize(("pure", "f"), [("harmonic", (0.7, -0.2)), ("divergence_free", None)])
def test_a_constant_is_harmonic_and_a_solid_rotation_of_a_disc_has_no_divergence(
    pure: str, f: tuple[float, float] | None
) -> None:
    line = np.linspace(-1, 1, 121)
    x, y = np.meshgrid(line, line)
    mask = np.hypot(x, y) <= 1
    values = (np.full_like(x, f[0]), np.full_like(x, f[1])) if f else (-y, x)
    found = parts(*values, float(line[1] - line[0]), mask)
    assert found.shares[pure] > (1 - 1e-12 if f else 0.97)  # the disc's edge is a staircase


def test_other_steps_along_the_axes_are_another_metric() -> None:
    """(y, x) is a gradient in equal steps and turns when y is stretched: curl of (F1, F2) on the grid itself."""
    x, y, step = square(33)
    values = np.stack([np.cos(x) * np.sin(y), np.sin(x) * np.cos(y)], axis=-1)
    mask = np.ones(x.shape, bool)
    assert decompose(values, mask, step, step).shares["divergence_free"] < 1e-6
    assert decompose(values, mask, step, 3 * step).shares["divergence_free"] > 0.03


def test_what_has_no_cell_or_no_field_is_a_sentence() -> None:
    with pytest.raises(InputError, match="no cell of the grid"):
        decompose(np.ones((3, 3, 2)), np.eye(3, dtype=bool), 1, 1)
    with pytest.raises(InputError, match="0 everywhere"):
        decompose(np.zeros((3, 3, 2)), np.ones((3, 3), bool), 1, 1)


def test_the_gradient_of_himmelblau_has_no_rotation_and_the_view_has_the_parts_of_the_model() -> None:
    model = tiny_run("himmelblau")[0]
    view = hodge_view(model)
    assert view.hodge.shares["divergence_free"] < 1e-4
    assert view.field.shape == (len(view.y), len(view.x), 2) == view.grad_u.shape
    i, j = len(view.y) // 3, len(view.x) // 4
    at = np.array([[view.x[j], view.y[i]]])
    assert view.grad_u[i, j] == pytest.approx(model.grad_u(at).numpy()[0], rel=1e-4)
    assert view.moved is not None and view.moved[i, j] == pytest.approx(
        model.M_network(at).numpy()[0] - at[0], abs=1e-4
    )
    x, y = at[0]
    a, b = x**2 + y - 11, x + y**2 - 7
    assert view.field[i, j] == pytest.approx([4 * x * a + 2 * b, 2 * a + 4 * y * b], rel=1e-3)


@pytest.mark.parametrize(
    ("axes", "reach", "spec", "why"),
    [
        ("along the equator", 20000.0, {"axes": "map"}, "too far round"),
        ("east of the middle", 9000.0, {"axes": "map"}, "too far round"),
        ("east of the middle", 900.0, {"axes": "earth"}, "eastward and northward"),
    ],
)
def test_a_map_of_the_earth_that_is_no_plane_is_refused(
    axes: str, reach: float, spec: dict[str, str], why: str
) -> None:
    units = Units((axes, "y"), ("km", "km"), "m/s")
    box = {"low": (-reach, -reach / 3), "high": (reach, reach / 3)}
    model = dataclasses.replace(tiny_run("himmelblau")[0], units=units, field_spec=spec, **box)
    with pytest.raises(InputError, match=why):
        hodge_view(model)
    plane = dataclasses.replace(model, field_spec={"axes": "map"}, low=(-900.0, -300.0), high=(900.0, 300.0))
    if axes == "east of the middle":
        assert hodge_view(plane).metric == "km"


def test_nothing_is_shown_outside_of_a_disc() -> None:
    view = hodge_view(dataclasses.replace(tiny_run("himmelblau")[0], rho="disc"))
    assert view.moved is not None
    unknown = [np.isnan(part[..., 0]) for part in (view.field, view.grad_u, view.moved)]
    assert unknown[0][0, 0] and all(np.array_equal(unknown[0], other) for other in unknown[1:])


def test_nodes_at_a_staircase_are_told_from_the_rest() -> None:
    x = np.linspace(-1.0, 1.0, 41)
    values = np.stack(np.broadcast_arrays(1.0 + 0.0 * x[None, :], 0.2 * x[:, None]), axis=-1)
    box = decompose(values, np.ones((41, 41), dtype=bool), 0.05, 0.05)
    disc = decompose(values, np.hypot(x[None, :], x[:, None]) <= 1.0, 0.05, 0.05)
    assert not box.staircase and disc.staircase
    assert disc.inner[20, 20] and not disc.inner[20, :3].any()
    assert np.isfinite(disc.harmonic[disc.inner]).all()
