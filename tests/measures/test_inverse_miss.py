"""inverse_miss where the answer is known: perfect draws, draws from rho, and F known as a function, a grid, samples."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.fields.field import Field
from npf_engine.measures import inverse_miss as module
from npf_engine.measures.accuracy import ExactMiss
from npf_engine.measures.inverse_miss import _exact, inverse_miss, near_ones
from npf_engine.polar import PolarFactorization
from tests.tiny import default_spec

KEYS = {"mean", "median", "beyond_half", "self_distance", "trivial", "n", "exact", "known", "own_error", "worst_decile"}
Small = tuple[PolarFactorization, Field]


def measured(model: PolarFactorization, field: Field, draws=None):
    """The figures with I_psi replaced by ``draws(y) -> x`` (model units)."""
    m_test, m_train = (model.solve(y).x.cpu().float() for y in (field.y_test, field.y_train))
    stand_in = dataclasses.replace(model)
    if draws is not None:
        stand_in.sample_inverse = lambda y, seed: draws(y)  # type: ignore[method-assign]
    found = inverse_miss(stand_in, field, m_test, (field.x_train, m_train), 0, values=40, draws=10)
    assert found is not None and found.n == 400
    row = found.to_json()
    assert set(row) == KEYS
    return row


def test_draws_at_the_only_pre_image_miss_by_nothing_and_random_ones_by_the_trivial_answer(swirl: Small) -> None:
    """The swirl keeps the disc, so F = M and its only pre-image of y is y turned back."""
    from npf_engine.fields import analytic

    model, field = swirl
    pair = analytic.closed_form(default_spec("swirl"))
    assert pair is not None and field.function is not None

    def back(y: torch.Tensor) -> torch.Tensor:
        radius = (2 * y).norm(dim=1, keepdim=True)
        angle = torch.pi * torch.exp(-radius.square())
        c, s = torch.cos(angle), -torch.sin(angle)
        return torch.cat([c * y[:, :1] - s * y[:, 1:], s * y[:, :1] + c * y[:, 1:]], dim=1)

    right = measured(model, field, back)
    assert right["known"] == "function" and right["own_error"] is None
    assert right["mean"] < 0.2 * right["trivial"]  # what grad u of a small model itself is off by
    generator = torch.Generator().manual_seed(3)
    rows = torch.randint(len(field.x_train), (400,), generator=generator)
    random = measured(model, field, lambda y: field.x_train[rows])
    assert random["mean"] == pytest.approx(random["trivial"], rel=0.15)
    assert random["beyond_half"] > 0.7 > 0.1 > right["beyond_half"]
    for found in (right, random):
        assert found["exact"]["found"] >= 0.99 and found["exact"]["mean"] <= 0.005


def test_a_grid_is_interpolated_and_every_draw_can_be_carried_to_an_exact_pre_image(terrain: Small) -> None:
    model, field = terrain
    found = measured(model, field)
    assert found["known"] == "grid" and found["exact"]["found"] >= 0.99 and found["exact"]["mean"] <= 0.005
    assert found["self_distance"] < found["mean"] <= 1.3 * found["trivial"]


def test_samples_are_judged_by_the_network_and_its_own_error_stands_beside_it(terrain: Small) -> None:
    model, field = terrain
    bare = dataclasses.replace(model, lattice=None)
    found = measured(bare, dataclasses.replace(field, lattice=None))
    assert found["known"] == "network" and found["exact"] is None and found["own_error"] > 0


def test_it_works_in_one_and_in_five_dimensions(line: Small, five: Small) -> None:
    assert measured(*line)["exact"]["found"] >= 0.99
    assert measured(*five)["exact"]["found"] >= 0.8


def test_the_floor_of_a_small_table_is_of_samples_that_are_near(swirl: Small) -> None:
    """Fifty of sixty samples are no neighbours: the floor would be the trivial answer."""
    assert [near_ones(50, n) for n in (1, 60, 199, 200, 4999, 5000, 10**6)] == [1, 1, 1, 2, 49, 50, 50]
    model, field = swirl
    m_test, m_train = (model.solve(y).x.detach() for y in (field.y_test, field.y_train[:60]))
    few = dataclasses.replace(field, x_train=field.x_train[:60], y_train=field.y_train[:60])
    found = inverse_miss(model, few, m_test, (few.x_train, m_train), 0)
    assert (
        found is not None
        and found.floor is not None
        and found.trivial is not None
        and found.floor < 0.5 * found.trivial
    )


def test_a_model_without_an_inverse_has_no_such_figure(terrain: Small) -> None:
    model, field = terrain
    bare = dataclasses.replace(model, bridge=None)
    assert inverse_miss(bare, field, field.x_test, (field.x_train, field.x_train), 0) is None


TURN = torch.tensor([[0.0, -1.0], [1.0, 0.0]])


def stub(**changes: Any) -> Any:
    """A model of F known on samples only: M_xi turns by 90 degrees, grad u(y) = 3 y + (1, 0); its draws of I_psi are
    the starts themselves, the first of each value pushed away by (1, 0), the second by (0, 4)."""

    def draws(start: Tensor, seed: int) -> Tensor:
        out = start.clone()
        out[0::3, 0] += 1
        out[1::3, 1] += 4
        return out

    parts: dict[str, Any] = {
        "bridge": object(),
        "m": lambda x: x @ TURN.T,
        "d": 2,
        "function": None,
        "lattice": None,
        "rho": "box",
        "u": SimpleNamespace(like=torch.zeros(1), gradient=lambda y: 3 * y + torch.tensor([1.0, 0.0])),
        "_project": lambda y: y,
        "sample_inverse": draws,
    }
    y = torch.zeros(2, 2)
    return SimpleNamespace(**(parts | {"samples": {"y_train": y, "y_test": y}} | changes))


def cloud_field(**changes: Any) -> Any:
    """F on 400 samples to train with, and on 12 others."""
    g = torch.Generator().manual_seed(3)
    parts = {name: torch.randn(n, 2, generator=g) for name, n in (("x_train", 400), ("x_test", 12))}
    parts |= {"y_train": 5 + torch.randn(400, 2, generator=g) * torch.tensor([2.0, 0.5])}
    parts |= {"y_test": torch.randn(12, 2, generator=g) * 6}
    return SimpleNamespace(**(parts | {"function": None, "lattice": None} | changes))


def rebuilt(x: Tensor) -> Tensor:
    return 3 * x.double() @ TURN.T.double() + torch.tensor([1.0, 0.0]).double()


def test_every_figure_of_samples_by_hand() -> None:
    """All twelve test samples are asked for, three draws each, in whatever order."""
    field = cloud_field()
    m_test = field.x_test.flip(1)
    found = inverse_miss(stub(), field, m_test, (field.x_train, 2 * field.x_train), 0, values=90, draws=3)
    assert found is not None
    v, y = field.y_test.double(), field.y_train.double()
    spread = float((y - y.mean(0)).norm(dim=1).mean())
    drawn = torch.stack([m_test + torch.tensor(step) for step in ((1.0, 0.0), (0.0, 4.0), (0.0, 0.0))], dim=1)
    miss = (rebuilt(drawn.reshape(-1, 2)).reshape(12, 3, 2) - v[:, None]).norm(dim=2)
    near = y[(m_test[:, None] - 2 * field.x_train[None]).norm(dim=2).argsort(1)[:, :3]]
    assert found.mean == pytest.approx(float(miss.mean()) / spread, rel=1e-5)
    assert found.median == pytest.approx(float(miss.flatten().median()) / spread, rel=1e-5)
    assert found.worst_decile == pytest.approx(float(miss.median(1).values.quantile(0.9)) / spread, rel=1e-5)
    beyond = float((miss > v.norm(dim=1)[:, None] / 2).double().mean())
    assert found.beyond_half == pytest.approx(beyond) and 0.5 < beyond < 1
    assert found.floor == pytest.approx(float((near - v[:, None]).norm(dim=2).mean()) / spread, rel=1e-5)
    own = float((rebuilt(field.x_test) - v).norm(dim=1).mean())
    assert found.own_error == pytest.approx(own / spread, rel=1e-5)
    assert (found.n, found.known, found.exact) == (36, "network", None)
    many = inverse_miss(stub(), field, m_test, (field.x_train, field.x_train), 0, values=12, draws=399)
    every = float((y[:, None] - v[None]).norm(dim=2).mean()) / spread
    assert many is not None and many.trivial == pytest.approx(every, rel=0.02)
    assert inverse_miss(stub(m=None), field, m_test, (field.x_train, field.x_train), 0) is None
    fewer = inverse_miss(stub(), field, m_test, (field.x_train, field.x_train), 0, values=5, draws=2)
    assert fewer is not None and fewer.n == 10


def test_a_function_is_asked_where_it_is_known_and_seldom_in_high_dimension() -> None:
    """F(x) = 2 x in 17 dimensions: nothing is solved there, and of each value five draws are taken."""
    g = torch.Generator().manual_seed(0)
    x = torch.rand(30, 17, generator=g)
    field: Any = SimpleNamespace(
        x_train=x, y_train=2 * x, x_test=x[:8], y_test=2 * x[:8], function=lambda x: 2 * x, lattice=None
    )
    model = stub(
        d=17,
        m=None,
        function=field.function,
        samples={"y_train": 2 * x, "y_test": 2 * x},
        sample_inverse=lambda start, seed: start + 0.1,
    )
    found = inverse_miss(model, field, x[:8], (x, x), 0)
    assert found is not None and (found.n, found.known, found.own_error) == (40, "function", None)
    spread = float((2 * x - 2 * x.mean(0)).norm(dim=1).mean())
    assert found.mean == pytest.approx(0.2 * 17**0.5 / spread, rel=1e-5) and found.exact is None
    assert found.median == pytest.approx(found.mean, rel=1e-5) and found.beyond_half == 0.0
    one = inverse_miss(model, field, x[:8], (x, x), 0, draws=1)
    assert one is not None and one.n == 8 and one.floor == 0.0


def test_draws_that_are_carried_on_are_counted_as_found_within_a_hundredth() -> None:
    left = torch.tensor([0.0, 0.01, 0.011, 0.4])
    assert _exact(left.double()) == ExactMiss(0.5, pytest.approx(0.10525), pytest.approx(0.01))


def test_in_one_dimension_all_draws_arrive() -> None:
    """F(x) = 4 x^2, off by 0.1 at each draw: 4 ((x + 0.1)^2 - x^2) over the mean distance of F from its mean."""
    x = torch.linspace(-1, 1, 41)[:, None]
    field: Any = SimpleNamespace(
        x_train=x,
        y_train=4 * x.square(),
        x_test=x[25:35],
        y_test=4 * x[25:35].square(),
        function=lambda x: 4 * x.square(),
        lattice=None,
    )
    model = stub(
        d=1,
        m=None,
        samples={"y_train": 4 * x.square(), "y_test": 4 * x.square()},
        sample_inverse=lambda start, seed: start + 0.1,
    )
    found = inverse_miss(model, field, x[25:35], (x, x), 0, values=10, draws=2)
    y = 4 * x.square()
    spread = float((y - y.mean()).abs().mean())
    expected = float((4 * ((x[25:35] + 0.1).square() - x[25:35].square())).mean()) / spread
    assert found is not None and found.mean == pytest.approx(expected, rel=1e-5)
    assert (
        found.exact is not None and found.exact.found == 1.0 and found.exact.mean < 1e-6 and found.known == "function"
    )


def test_what_is_left_where_draws_end_is_counted_in_spreads(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.linspace(-1, 1, 41)[:, None]
    y = 4 * x.square()
    field: Any = SimpleNamespace(
        x_train=x, y_train=y, x_test=x[25:35], y_test=y[25:35], function=lambda x: 4 * x.square(), lattice=None
    )
    model = stub(d=1, m=None, samples={"y_train": y, "y_test": y}, sample_inverse=lambda start, seed: start)
    monkeypatch.setattr(
        module, "settle", lambda known, drawn, v, samples: (drawn, torch.full(drawn.shape[:2], 0.3), None)
    )
    found = inverse_miss(model, field, x[25:35], (x, x), 0, values=10, draws=2)
    spread = float((y - y.mean()).abs().mean())
    assert found is not None and found.exact == ExactMiss(0.0, pytest.approx(0.3 / spread), pytest.approx(0.3 / spread))
