"""Analytic fields against double-precision finite differences, conservation of measure and the known polar factors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields import analytic
from npf_engine.fields.field import Field, draw_rho
from npf_engine.fields.spec import FieldSpec
from tests.tiny import default_spec

GRADIENTS = [name for name in analytic.NAMES if analytic.INFO[name].gradient]
N = 4000


def build(name: str, **changes) -> Field:
    return analytic.build(default_spec(name, n_samples=N, **changes))


def test_the_names_of_the_contract_are_there():
    wanted = [
        "himmelblau",
        "cosines",
        "double-well",
        "mueller-brown",
        "rastrigin",
        "swirl",
        "rotation",
        "linear",
        "doubling",
    ]
    assert set(wanted) <= set(analytic.NAMES)


@pytest.mark.parametrize("name", analytic.NAMES)
@pytest.mark.parametrize("rho", ["box", "disc", "gaussian"])
def test_every_field_is_split_and_drawn_from_its_measure(name, rho):
    if rho not in analytic.INFO[name].rhos:
        with pytest.raises(InputError, match=r"offers box\."):
            build(name, rho=rho)
        return
    field = build(name, rho=rho)
    again = build(name, rho=rho)
    assert field.kind == "function" and field.rho == rho
    assert field.x_test.shape == (round(0.15 * N), field.d) and field.n == N
    assert torch.equal(field.x_train, again.x_train) and torch.equal(field.y_test, again.y_test)
    other = build(name, rho=rho, split_seed=1)
    assert not torch.equal(field.x_train, other.x_train)
    torch.testing.assert_close(field.function(field.x_train.double()).float(), field.y_train)
    assert field.x_train.dtype == field.y_train.dtype == torch.float32
    assert bool(field.inside(field.x_train).all())
    x = torch.cat([field.x_train, field.x_test]).double()
    variance = {"box": 1 / 3, "disc": 1 / (field.d + 2), "gaussian": 1.0}[rho]
    torch.testing.assert_close(x.T @ x / N, variance * torch.eye(field.d).double(), atol=0.08 * variance, rtol=0)


@pytest.mark.parametrize("name", GRADIENTS)
def test_f_is_the_gradient_of_its_potential_in_the_users_positions(name):
    field = build(name)
    x_hat = field.x_test[:200].double()
    h = 1e-5
    for k in range(field.d):
        step = torch.zeros(field.d, dtype=torch.float64)
        step[k] = h / field.scaling.scale[k]  # h of the user's units
        slope = (field.potential(x_hat + step) - field.potential(x_hat - step)) / (2 * h)
        scale = field.function(x_hat)[:, k].abs().max()
        assert (slope - field.function(x_hat)[:, k]).abs().max() < 1e-6 * scale


def test_critical_points_that_are_known():
    minima = torch.tensor(
        [[3, 2], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]], dtype=torch.float64
    )
    field = build("himmelblau")
    assert field.function(field.scaling.to_model(minima)).abs().max() < 1e-4
    # Mueller and Brown's three minima and two saddles, and their energies
    points = torch.tensor(
        [[-0.558, 1.442], [0.623, 0.028], [-0.050, 0.467], [-0.822, 0.624], [0.212, 0.293]], dtype=torch.float64
    )
    field = build("mueller-brown")
    energy = field.potential(field.scaling.to_model(points))
    np.testing.assert_allclose(energy, [-146.70, -108.17, -80.77, -40.66, -72.25], atol=0.02)
    assert field.function(field.scaling.to_model(points)).abs().max() < 2.0  # of values up to thousands


def test_the_cosine_potentials_are_the_released_ones():
    x = torch.tensor([[1.3, -2.1]], dtype=torch.float64)
    for name, b in (("cosines", 0.314 * -2.1), ("cosines-2", 0.628 * -2.1 - 1.57)):
        field = build(name)
        value = 3 * np.cos(0.628 * 1.3 - 1.57) * np.cos(b)
        assert float(field.potential(field.scaling.to_model(x))) == pytest.approx(value, abs=1e-12)


CLOSED = [
    ("linear", {"rho": "disc"}),
    ("linear", {"rho": "gaussian"}),
    ("linear", {"rho": "disc", "low": (1.0, -2.0), "high": (4.0, 1.0)}),
    ("linear", {"rho": "gaussian", "matrix": ((1.0, 2.0, 0.0), (0.0, 1.5, -1.0), (0.3, 0.0, 1.0))}),
    ("linear", {"rho": "box", "matrix": ((0.0, -2.0), (3.0, 0.0))}),
    ("rotation", {"rho": "disc"}),
    ("rotation", {"rho": "box"}),
    ("rotation", {"rho": "box", "low": (-1.0, -2.0), "high": (1.0, 2.0)}),
    ("swirl", {"rho": "disc"}),
    ("swirl", {"rho": "gaussian"}),
    ("doubling", {}),
]


@pytest.mark.parametrize(("name", "changes"), CLOSED)
def test_closed_forms_are_polar_factorizations(name, changes):
    """F = grad u o M exactly; M keeps rho (moments of rho and M#rho agree); grad u is monotone, hence convex u."""
    spec = default_spec(name, n_samples=N, **changes)
    field = analytic.build(spec)
    answer = analytic.closed_form(spec)
    assert answer is not None
    grad_u, m = answer
    x = draw_rho(field.rho, 60_000, field.d, torch.Generator().manual_seed(5)).double()
    torch.testing.assert_close(grad_u(m(x)), field.function(x), atol=1e-9, rtol=1e-9)
    z = m(x)
    for power in (1, 2, 4):
        spread = (x**power).std(dim=0) / 60_000**0.5
        assert ((z**power).mean(dim=0) - (x**power).mean(dim=0)).abs().lt(7 * spread).all()
    if field.rho == "box":
        assert z.abs().max() <= 1.0
    elif field.rho == "disc":
        assert z.norm(dim=1).max() <= 1.0 + 1e-12
    a, b = x[:30_000], x[30_000:]
    assert ((grad_u(a) - grad_u(b)) * (a - b)).sum(dim=1).min() > 0


def test_the_default_linear_field_has_the_polar_factor_it_was_made_of():
    spec = default_spec("linear")
    assert spec.rho == "disc"
    grad_u, m = analytic.closed_form(spec)
    eye = torch.eye(2).double()
    torch.testing.assert_close(
        grad_u(eye), torch.tensor([[2.0, 0.3], [0.3, 1.0]], dtype=torch.float64), atol=1e-12, rtol=0
    )
    turn = (
        torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64) * 0.5**0.5
    )  # rows are images of the unit vectors
    torch.testing.assert_close(m(eye), turn, atol=1e-12, rtol=0)


def test_no_closed_form_is_claimed_where_none_is_known():
    for name, changes in [
        ("linear", {"rho": "box"}),  # a turn by 45 degrees does not keep the square
        ("swirl", {"rho": "box"}),
        ("swirl", {"rho": "disc", "low": (0.0, 0.0), "high": (1.0, 1.0)}),
        ("himmelblau", {}),
    ]:
        assert analytic.closed_form(default_spec(name, **changes)) is None


def test_the_doubling_map_has_two_preimages_of_equal_weight():
    field = build("doubling")
    x = (torch.rand(5000, 1, generator=torch.Generator().manual_seed(0)) * 2 - 1).double()
    y = field.function(x)
    halves = torch.cat([y / 2, (y + 1) / 2], dim=1)
    mine = field.scaling.to_user(x)
    assert (halves - mine).abs().min(dim=1).values.max() < 1e-12
    for k in (0, 1):
        torch.testing.assert_close(field.function(field.scaling.to_model(halves[:, k : k + 1])), y, atol=1e-12, rtol=0)


def test_a_domain_of_ones_own():
    field = build("rastrigin", low=(-1.0,) * 5, high=(1.0,) * 5)
    assert field.d == 5 and field.units.axes == ("x1", "x2", "x3", "x4", "x5")
    field = build("himmelblau", rho="disc", low=(0.0, 0.0), high=(4.0, 2.0))
    assert field.low == (1.0, 0.0) and field.high == (3.0, 2.0) and field.scaling.scale == (1.0, 1.0)
    assert "disc of radius 1" in field.warnings[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"source": "nowhere"}, "no analytic field"),
        ({"source": "himmelblau", "low": (0.0,), "high": (1.0,)}, "1 dimensions, but himmelblau has 2"),
        ({"source": "himmelblau", "low": (0.0, 1.0), "high": (1.0, 0.0)}, "axis y is from 1 to 0"),
        ({"source": "himmelblau", "low": (0.0, 1.0), "high": (1.0,)}, "2 lower and 1 upper"),
        ({"source": "himmelblau", "low": (0.0, float("nan")), "high": (1.0, 1.0)}, "low must be a finite number"),
        ({"source": "himmelblau", "low": (1e9, 0.0), "high": (1e9 + 1, 1.0)}, "axis x.* too narrow"),
        ({"source": "himmelblau", "rho": "land"}, "offers box, disc, gaussian"),
        ({"source": "himmelblau", "n_samples": 3}, "n_samples is 3"),
        ({"source": "himmelblau", "n_samples": 10**9}, "n_samples must be at most 20,000,000"),
        ({"source": "linear", "matrix": ((1.0, 2.0),)}, "must be square"),
        ({"source": "linear", "matrix": ((1.0, 2.0), (2.0, 4.0))}, "singular"),
        ({"source": "linear", "matrix": ((1.0, 2.0), (2.0, float("inf")))}, "matrix must be a finite number"),
    ],
)
def test_what_cannot_be_is_told(changes, says):
    with pytest.raises(InputError, match=says):
        analytic.build(dataclasses.replace(FieldSpec(), **changes))


def test_functions_without_samples_are_the_same():
    spec = default_spec("cosines", n_samples=N)
    function, potential = analytic.functions(spec)
    field = analytic.build(spec)
    assert torch.equal(function(field.x_test), field.function(field.x_test))
    assert torch.equal(potential(field.x_test), field.potential(field.x_test))
