"""The factorization on the torus, where it is known; and that wrong answers are seen."""

from __future__ import annotations

import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.manifolds import PeriodicMap, Torus, TorusFactorization, factorize_exactly, factorize_torus
from npf_engine.manifolds.known import Twisted

KNOWN = Twisted(0.2)
UNSEEN = KNOWN.torus.draw(1_000, torch.Generator().manual_seed(7))


def errors(found: TorusFactorization, known: Twisted) -> tuple[float, float]:
    """Of grad u, in percent of the variance of grad phi, and of M, in percent of that of a uniform point."""
    of_u = KNOWN.torus.distance(found.grad_u(UNSEEN), known.grad_u(UNSEEN)).square().mean()
    of_m = KNOWN.torus.distance(found.M(UNSEEN, KNOWN(UNSEEN)), known.M(UNSEEN)).square().mean()
    return float(100 * of_u / known.gradient(UNSEEN).square().sum(1).mean()), float(100 * of_m / KNOWN.torus.variance)


@pytest.fixture(scope="module")
def of_samples() -> TorusFactorization:
    x = KNOWN.torus.draw(4_000, torch.Generator().manual_seed(0))
    return factorize_torus(x, KNOWN(x))


def test_samples_of_a_twist_before_a_known_gradient_are_factorized(of_samples: TorusFactorization) -> None:
    of_u, of_m = errors(of_samples, KNOWN)
    assert of_u < 3 and of_m < 0.1
    assert of_samples.report.residual < 1e-10 and of_samples.report.curvature > 0.1 and not of_samples.report.notes


def test_a_function_is_factorized_far_better_as_it_is_asked_at_even_places() -> None:
    of_u, of_m = errors(factorize_torus(KNOWN, periods=[1, 1], n=2_048), KNOWN)
    assert of_u < 0.1 and of_m < 0.005


def test_another_twist_or_no_gradient_is_seen(of_samples: TorusFactorization) -> None:
    assert errors(of_samples, Twisted(0.25))[1] > 0.5
    assert errors(of_samples, Twisted(-0.2))[1] > 20
    assert errors(of_samples, Twisted(0.2, 0.5))[0] > 50


def test_m_keeps_the_area_and_the_parts_make_f(of_samples: TorusFactorization) -> None:
    field = KNOWN(UNSEEN)
    m = of_samples.M(UNSEEN, field)
    assert KNOWN.torus.distance(of_samples.grad_u(m), field).max() < 1e-10
    even = KNOWN.torus.spread_evenly(4_096)
    waves = of_samples.phi.features(of_samples.M(even, KNOWN(even))).mean(0)  # each 0 under the uniform law
    assert waves.abs().max() < 0.05


@pytest.mark.parametrize("name", ["a translation", "the cat map", "the doubling map"])
def test_what_keeps_the_area_is_all_m(name: str) -> None:
    maps = {
        "a translation": lambda x: x + 0.3,
        "the cat map": lambda x: x @ torch.tensor([[2.0, 1.0], [1.0, 1.0]]).double(),
        "the doubling map": lambda x: 2 * x,
    }
    found = factorize_torus(maps[name], periods=[1, 1], n=1_024, degree=2)
    assert found.gradient(UNSEEN).norm(dim=1).max() < 0.01
    assert KNOWN.torus.distance(found.M(UNSEEN), KNOWN.torus.wrap(maps[name](UNSEEN))).max() < 0.01


def test_another_unit_of_length_changes_nothing_else() -> None:
    sides = torch.tensor([360.0, 360.0]).double()
    found = factorize_torus(lambda x: 360 * KNOWN(x / 360), periods=[360, 360], n=512, degree=2)
    unit = factorize_torus(KNOWN, periods=[1, 1], n=512, degree=2)
    assert torch.allclose(found.gradient(UNSEEN * sides), sides * unit.gradient(UNSEEN), atol=1e-6)


def test_on_the_circle_it_is_the_increasing_rearrangement() -> None:
    """F of the doubling map before q + 0.1 sin(2 pi q) / (2 pi): grad u is that, M the doubling map."""

    def increasing(q: torch.Tensor) -> torch.Tensor:
        return q + 0.1 * torch.sin(2 * torch.pi * q) / (2 * torch.pi) * 3

    x = UNSEEN[:, :1]
    found = factorize_torus(lambda x: increasing(2 * x), periods=[1], n=1_024)
    circle = Torus.unit(1)
    assert circle.distance(found.grad_u(x), circle.wrap(increasing(x))).max() < 1e-3
    assert circle.distance(found.M(x), circle.wrap(2 * x)).max() < 2e-3


def test_three_dimensions() -> None:
    torus = Torus.unit(3)

    def wave(x: torch.Tensor) -> torch.Tensor:
        return x + 0.03 * torch.cos(2 * torch.pi * x.sum(1, keepdim=True))

    found = factorize_torus(lambda x: wave(x.roll(1, 1)), periods=[1] * 3, n=1_024, degree=2)
    x = torus.draw(200, torch.Generator().manual_seed(0))
    assert torus.distance(found.grad_u(x), torus.wrap(wave(x))).square().mean() < 1e-5
    assert torus.distance(found.M(x), x.roll(1, 1)).square().mean() < 1e-5


def test_where_f_is_nearly_constant_u_is_convex_and_that_is_told() -> None:
    found = factorize_torus(lambda x: 0.05 * torch.sin(2 * torch.pi * x), periods=[1, 1], n=300, degree=3)
    assert found.report.curvature > 0 and "has holes" in found.report.notes[0] and found.report.residual < 1e-9


def test_uneven_places_are_told_and_what_is_no_pair_is_refused() -> None:
    x = KNOWN.torus.draw(500, torch.Generator().manual_seed(0))
    found = factorize_torus(0.5 * x, x.numpy(), degree=1)
    assert "x is not uniform" in found.report.notes[0]
    with pytest.raises(InputError, match="pass field_values"):
        found.M(x)
    with pytest.raises(InputError, match="there are 10 samples"):
        factorize_torus(x[:10], x[:10])
    with pytest.raises(InputError, match="x has 500 rows and y 499"):
        factorize_torus(x, x[1:])
    with pytest.raises(InputError, match="y is missing"):
        factorize_torus(x)
    with pytest.raises(InputError, match="degree is 40"):
        factorize_torus(x, x, degree=40)
    with pytest.raises(InputError, match=r"F answers with \(500, 1\)"):
        factorize_torus(lambda x: x[:, :1], periods=[1, 1], n=500)
    with pytest.raises(InputError, match="pass a positive number for each axis"):
        factorize_torus(x, x, periods=[1, 0])


def test_arrays_of_any_kind_are_taken() -> None:
    x = KNOWN.torus.draw(100, torch.Generator().manual_seed(0))
    y = KNOWN(x)
    plain = factorize_torus(x, y, degree=1).phi.weights
    turned = factorize_torus(x.numpy()[::-1][::-1], y.numpy()[::-1][::-1], degree=1)
    watched = factorize_torus(x.clone().requires_grad_(), y.clone().requires_grad_(), degree=1)
    assert torch.equal(turned.phi.weights, plain) and torch.equal(watched.phi.weights, plain)
    assert not watched.M(x, y.clone().requires_grad_()).requires_grad
    assert len(factorize_torus(x.numpy()[::-1], y.numpy()[::-1], degree=1).phi.weights) == len(plain)
    exact = factorize_exactly(KNOWN.torus, x.numpy()[::-1], y.numpy()[::-1])
    assert exact.cost == pytest.approx(factorize_exactly(KNOWN.torus, x.requires_grad_(), y).cost)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"n": -5}, "n is -5"),
        ({"n": 1.5}, "n is 1.5"),
        ({"periods": "ab"}, "periods are 'ab'"),
        ({"periods": 3}, "periods are 3"),
        ({"periods": [1, -1]}, "positive number for each axis"),
        ({"periods": [1] * 8}, "8 dimensions"),
        ({"degree": 1.5}, "degree is 1.5"),
    ],
)
def test_what_no_torus_can_be_asked_is_one_sentence(asked: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        factorize_torus(KNOWN, **({"periods": [1, 1]} | asked))


def test_beyond_six_dimensions_waves_are_not_listed() -> None:
    with pytest.raises(InputError, match="factorize_exactly"):
        PeriodicMap(Torus.unit(12))
    x = torch.rand(20, 8).double()
    assert factorize_exactly(Torus.unit(8), x, x).cost == 0


def test_the_measures_of_the_twist_are_what_they_are_called() -> None:
    """The identity scores 100 of grad u, a mean square, and M off by a constant t scores |t| / sqrt(1/6)."""
    x = KNOWN.torus.spread_evenly(2_000)
    off = KNOWN.errors(x, x, KNOWN.M(x) + torch.tensor([0.1, 0.0]))
    assert off.u == pytest.approx(100) and off.m == pytest.approx(100 * 0.1 * 6**0.5)
    assert off.m_uvp == pytest.approx(off.m**2 / 100)
