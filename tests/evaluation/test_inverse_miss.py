"""inverse_miss where the answer is known: perfect draws, draws from rho, and F known as a function, a grid, samples."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from npf_engine.evaluation.inverse_miss import inverse_miss
from npf_engine.fields.field import Field
from npf_engine.polar import PolarFactorization

KEYS = {"mean", "median", "beyond_half", "self_distance", "trivial", "n", "exact", "known", "own_error", "worst_decile"}
Small = tuple[PolarFactorization, Field]


def measured(model: PolarFactorization, field: Field, draws=None):
    """The figures with I_psi replaced by ``draws(y) -> x`` (model units)."""
    m_test, m_train = (model.solve(y).x.cpu().float() for y in (field.y_test, field.y_train))
    stand_in = dataclasses.replace(model)
    if draws is not None:
        stand_in.sample_inverse = lambda y, seed: draws(y)  # type: ignore[method-assign]
    found = inverse_miss(stand_in, field, m_test, (field.x_train, m_train), 0, values=40, draws=10)
    assert found is not None and set(found) == KEYS and found["n"] == 400
    return found


def test_draws_at_the_only_pre_image_miss_by_nothing_and_random_ones_by_the_trivial_answer(swirl: Small) -> None:
    """The swirl keeps the disc, so F = M and its only pre-image of y is y turned back."""
    from npf_engine.fields import analytic

    model, field = swirl
    pair = analytic.closed_form(analytic.default_spec("swirl"))
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
    assert measured(*five)["exact"]["found"] >= 0.9


def test_a_model_without_an_inverse_has_no_such_figure(terrain: Small) -> None:
    model, field = terrain
    bare = dataclasses.replace(model, bridge=None)
    assert inverse_miss(bare, field, field.x_test, (field.x_train, field.x_train), 0) is None
