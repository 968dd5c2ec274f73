"""What becomes of draws, with a solver whose answers are told beforehand: what is lost, found, carried on, shared."""

from __future__ import annotations

import dataclasses
import functools
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.polar import preimages
from npf_engine.polar.known_field import KnownField, with_jacobian
from npf_engine.polar.preimages import _again, _nearest_that_occurs, _shares, exact_preimages, kept_samples, settle

f64 = functools.partial(torch.tensor, dtype=torch.float64)
SPREAD = 50.0  # a draw has arrived at a miss of 0.005, and F is the value at 0.5


def lost_beyond(limit: float = 100.0, places: Tensor | None = None, **more: Any) -> Any:
    """F(x) = x in one dimension. Solving leaves a draw where it is, with what is told by the thousandths of its place;
    what lies beyond ``limit`` is outside of Omega."""

    def solve(x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return x.clone(), (1000 * (x - x.round())).abs()[:, 0]

    parts = {
        "spread": SPREAD,
        "half": 4.0,
        "solve": solve,
        "inside": lambda x: x[:, 0] <= limit,
        "value": lambda x: x,
        "places": lambda value: torch.zeros(0, 1).double() if places is None else places.double(),
        "level": lambda places, value: (torch.zeros(len(places), dtype=torch.bool),) * 2,
    }
    return SimpleNamespace(**(parts | more))


def test_draws_that_did_not_arrive_are_carried_to_the_nearest_place_of_their_own_value() -> None:
    """Two values, three draws each; of the first one draw is lost, of the second two, one of them out of Omega."""
    known = lost_beyond(50.0)
    known.places = lambda value: value + f64([[-3.0], [4.0]]) / 1e6
    draws = f64([[[1.0], [2.000004], [3.000006]], [[51.0], [7.0], [8.2]]])
    values = f64([[3.0], [8.0]])
    x, miss, lost = settle(known, draws, values, (draws[0], draws[0]))
    assert lost.tolist() == [[False, False, True], [True, False, True]]
    torch.testing.assert_close(x[0], f64([[1.0], [2.000004], [3.000004]]), atol=1e-9, rtol=0)
    torch.testing.assert_close(x[1], f64([[8.000004], [7.0], [8.000004]]), atol=1e-9, rtol=0)
    assert miss[0].tolist() == pytest.approx([0.0, 0.004, 4e-6], abs=1e-8)
    assert miss[1].tolist() == pytest.approx([4e-6, 0.0, 4e-6], abs=1e-8)
    # Where the place is no better than where it stopped, or there is none, it stays; beyond Omega it begins again.
    known.places = lambda value: value[None] + 7.0
    x, miss, _ = settle(known, draws, values, (draws[0], draws[0]))
    assert x[0, 2] == draws[0, 2] and float(miss[0, 2]) == pytest.approx(0.006, abs=1e-9)
    assert x[1, 0] == 15.0 and miss[1, 0] == 7.0, "out of Omega anything is better"


def restarting(d: int = 2) -> Any:
    """F(x) = 10 x of which only the first component can be solved for; beyond 0.9 is no Omega."""

    def solve(x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        there = x.clone()
        there[:, 0] = target[:, 0] / 10
        return there, (10 * there - target).norm(dim=1)

    return lost_beyond(0.9, torch.zeros(0, d), solve=solve, value=lambda x: 10 * x, inside=lambda x: x[:, 1] <= 0.9)


def test_without_places_a_draw_starts_again_from_the_closest_of_the_samples_near_in_f(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preimages, "RESTARTS", 3)
    monkeypatch.setattr(preimages, "ROUNDS", 2)
    x = f64([[9.0, 9.0], [0.0, 0.5], [0.2, 0.3001], [-0.4, 0.29], [0.1, 0.7]])
    y = f64([[5.0, -9.0], [5.0, 2.0], [5.0, 3.1], [5.0, 3.2], [5.0, -4.0]])
    value = f64([5.0, 3.0])
    # Nearest in F are the samples 2, 3 and 1; of these the closest two to each start are tried, the closest first.
    start = f64([[0.2, 0.3], [-0.4, 0.4], [0.0, 0.6], [0.5, 0.30001]])
    best, left = _again(restarting(), start, value, (x, y))
    assert best.tolist() == [[0.5, 0.3001], [0.5, 0.29], [0.5, 0.3001], [0.5, 0.30001]]
    assert left.tolist() == pytest.approx([0.001, 0.1, 0.001, 1e-4], abs=1e-9)
    monkeypatch.setattr(preimages, "ROUNDS", 1)
    best, left = _again(restarting(), start, value, (x, y))
    assert best.tolist() == [[0.5, 0.3001], [0.5, 0.29], [0.5, 0.5], [0.5, 0.30001]]
    assert left.tolist() == pytest.approx([0.001, 0.1, 2.0, 1e-4], abs=1e-9)
    # A sample whose end is outside, and a start that is better than any end.
    beyond = f64([[0.0, 0.95]]), f64([[5.0, 9.5]])
    best, left = _again(restarting(), start[2:3], f64([5.0, 9.5]), beyond)
    assert best.tolist() == start[2:3].tolist() and float(left[0]) == pytest.approx(math.hypot(5.0, 3.5))


def test_what_is_found_and_what_arrived_are_counted_in_spreads() -> None:
    """Misses of 0.004 have arrived, up to 0.5 is found; none is known but where draws end."""
    known = lost_beyond()
    known.value = lambda x: 0 * x + 70.0  # whatever is tried again is off
    draws = f64([[1.0], [1.0], [2.000004], [3.0004], [4.0006]])
    far = f64([[0.5]])  # where solving misses by 500
    ends = exact_preimages(known, torch.tensor([0.0]), draws, (far, far))
    assert ends.found.tolist() == [True, True, True, True, False]
    assert ends.restarted.tolist() == [False, False, False, True, True]
    assert ends.error.tolist() == pytest.approx([0.0, 0.0, 0.004, 0.4, 0.6], abs=1e-6)
    assert ends.places.tolist() == [[1.0], [2.000004]] and ends.weights.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_ends_beside_a_known_place_are_that_place() -> None:
    """SAME is 0.001 of a half side of 4: an end 0.003 from a place is it, one 0.005 from it is another."""
    known = lost_beyond(places=torch.tensor([[5.0], [9.0]]))
    known.solve = lambda x, target: (x.clone(), torch.zeros(len(x)).double())
    draws = f64([[5.003], [5.003], [5.003], [9.005], [9.006], [12.0]])
    ends = exact_preimages(known, torch.tensor([0.0]), draws, (draws, draws))
    assert ends.places[:, 0].tolist() == pytest.approx([5.0, 9.005, 12.0, 9.0])
    assert ends.weights.tolist() == pytest.approx([3 / 6, 2 / 6, 1 / 6, 0.0])
    assert not bool(ends.restarted.any())


def test_where_no_draw_came_by_itself_all_that_are_found_count() -> None:
    known = lost_beyond(places=torch.tensor([[0.0], [10.0]]))
    known.solve = lambda x, target: (x.clone(), torch.full((len(x),), 9.0).double())
    known.value = lambda x: 0 * x
    draws = f64([[1.0], [2.0], [8.0]])
    ends = exact_preimages(known, torch.tensor([0.0]), draws, (draws, draws))
    assert bool(ends.restarted.all()) and bool(ends.found.all())
    assert ends.places[:, 0].tolist() == [0.0, 10.0] and ends.weights.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_the_nearest_value_that_occurs_is_at_a_sample_an_end_or_below_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    known = lost_beyond(5.0)
    known.value = lambda x: x.square()
    known.solve = lambda x, target: (x - 1.0, None)
    samples = f64([[9.0], [3.0], [4.0]]), f64([[0.0], [9.0], [16.0]])
    ends = f64([[1.7], [6.0]])
    for value, place in ((9.5, 3.0), (4.2, 2.0), (2.8, 1.7), (36.0, 4.0)):  # 6 is outside
        x, y = _nearest_that_occurs(known, f64([value]), ends, samples)
        monkeypatch.setattr(preimages, "RESTARTS", 2)
        if value != 36.0:
            assert (x.tolist(), y.tolist()) == ([place], pytest.approx([place**2]))
        else:
            assert x.tolist() in ([4.0], [9.0])
    known.value = lambda x: torch.where(x > 2.5, torch.nan, x)
    x, _ = _nearest_that_occurs(known, f64([3.0]), ends, samples)
    assert x.tolist() == [2.0], "what is not a number is infinitely far"


def test_shares_of_places() -> None:
    places = f64([[0.0, 0.0], [1.0, 0.0], [5.0, 5.0]])
    x = f64([[0.1, 0.3], [0.9, 0.0], [0.8, 0.2], [0.2, 0.0]])
    assert _shares(x, places).tolist() == [0.5, 0.5, 0.0]
    assert _shares(x[:0], places).tolist() == [0.0] * 3 and _shares(x, places[:0]).shape == (0,)


def test_the_kept_samples_are_those_of_training_and_test() -> None:
    kept = {
        f"{name}_{part}": torch.full((2, 1), float(k))
        for k, (name, part) in enumerate([("x", "train"), ("x", "test"), ("y", "train"), ("y", "test")])
    }
    x, y = kept_samples(SimpleNamespace(samples=kept))  # type: ignore[arg-type]
    assert (
        x.tolist() == [[0.0]] * 2 + [[1.0]] * 2 and y.tolist() == [[2.0]] * 2 + [[3.0]] * 2 and x.dtype == torch.float64
    )


def test_the_user_s_answer_is_in_the_user_s_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """F(x) = 3 x in model positions, which are (user's - 10) / 5; of samples only nothing can be solved."""

    def triple(x: Tensor) -> Tensor:
        return 3 * x

    known = KnownField("function", 1, "box", 1.0, triple, with_jacobian(triple), None, 1.0)
    monkeypatch.setattr(KnownField, "of", staticmethod(lambda model: known))
    asked: list[Any] = []
    scaling = SimpleNamespace(to_model=lambda x: (x - 10) / 5, to_user=lambda x: 10 + 5 * x)
    kept = {f"{name}_{part}": torch.tensor([[0.5]]) for name in "xy" for part in ("train", "test")}
    model: Any = SimpleNamespace(
        scaling=scaling,
        samples=kept,
        field_name="f",
        invert=lambda value, n, seed: asked.append((value.tolist(), n, seed)) or torch.full((n, 1), 11.0),
    )
    found = preimages.invert_exact(model, torch.tensor([1.2]), 4, 9)
    assert asked == [([pytest.approx(1.2)], 4, 9)]
    assert found.x.flatten().tolist() == pytest.approx([12.0] * 4) and found.places.tolist() == [[pytest.approx(12.0)]]
    assert found.nearest.tolist() == pytest.approx([1.2]) and found.nearest_place.tolist() == pytest.approx([12.0])
    for nothing in (None, dataclasses.replace(known, d=17)):
        monkeypatch.setattr(KnownField, "of", staticmethod(lambda model, nothing=nothing: nothing))
        with pytest.raises(InputError, match="no exact pre-images"):
            preimages.invert_exact(model, torch.tensor([1.2]), 4)


def test_flat_places_close_to_each_other_are_one_with_all_their_draws() -> None:
    """FURTHER is 0.03 of a half side of 4: those within 0.12 of the first are it; not a line's, nor a steep one."""
    places = f64([[0.0], [0.1], [0.05], [0.06], [0.13], [-0.11]])
    weights = f64([0.35, 0.25, 0.15, 0.1, 0.09, 0.06])
    flat = torch.tensor([True, True, True, False, True, True])
    level = torch.tensor([False, False, True, False, False, False])
    known: Any = SimpleNamespace(half=4.0, level=lambda places, value: (flat, level))
    kept, shares, lines = preimages._told_apart(known, f64([0.0]), places, weights)
    assert kept[:, 0].tolist() == [0.0, 0.05, 0.06, 0.13] and lines.tolist() == [False, True, False, False]
    assert shares.tolist() == pytest.approx([0.35 + 0.25 + 0.06, 0.15, 0.1, 0.09])
    assert weights.tolist() == [0.35, 0.25, 0.15, 0.1, 0.09, 0.06], "what was given stays as it is"
    # The second of those left takes its own; with them it has more than the first.
    other = f64([[0.0], [2.0], [2.1], [2.05]])
    flat, level = torch.tensor([False, True, True, True]), torch.zeros(4, dtype=torch.bool)
    kept, shares, _ = preimages._told_apart(known, f64([0.0]), other, f64([0.4, 0.25, 0.2, 0.15]))
    assert kept[:, 0].tolist() == [2.0, 0.0] and shares.tolist() == pytest.approx([0.6, 0.4])
