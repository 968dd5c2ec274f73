"""What the Inverse page shows: pre-images drawn and exact, level lines, the ladder, relocation, the map of trust."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.measures import views
from npf_engine.measures.inverse_view import ALIKE, preimage_view, relocation_view, trust_view


def test_relocation_carries_each_gradient_into_omega(swirl) -> None:
    model, field = swirl
    view = relocation_view(model, n=300)
    assert view.x.shape == view.f.shape == view.moved.shape == view.reached.shape == (300, 2)
    assert view.cosine is not None and view.cosine.shape == (300,) and view.known == "function"
    assert field.function is not None
    reached = field.function(field.scaling.to_model(torch.from_numpy(view.moved)).double()).numpy()
    assert np.allclose(view.reached, reached, atol=1e-6)
    norms = np.linalg.norm(reached, axis=1), np.linalg.norm(view.f, axis=1)
    assert np.allclose(view.cosine, (reached * view.f).sum(1) / norms[0] / norms[1], atol=1e-5)
    assert view.alike == pytest.approx(float((np.abs(norms[0] - norms[1]) <= ALIKE * norms[1]).mean()))
    assert view.trivial < view.alike <= 1
    assert np.abs(view.moved).max() <= 2.0 + 1e-6  # Omega is [-2, 2]^2
    assert 0 <= view.outside <= 1 and view.top == pytest.approx(np.quantile(norms[1], 0.99), rel=1e-6)


def test_relocation_of_terrain_has_no_cosine(terrain) -> None:
    model, field = terrain
    view = relocation_view(model, n=200)
    assert view.cosine is None and view.known == "grid"
    low, high = np.array(field.low), np.array(field.high)
    assert ((view.moved >= low - 1e-4) & (view.moved <= high + 1e-4)).all()


def test_preimages_of_a_function_are_measured_with_the_function(swirl) -> None:
    model, field = swirl
    wanted = field.y_test[0].numpy()
    view = preimage_view(model, wanted, n=80, seed=1)
    assert view.x.shape == (80, 2) and view.known == "function"
    assert field.function is not None
    reached = field.function(field.scaling.to_model(torch.from_numpy(view.x)).double()).numpy()
    assert np.allclose(view.error, np.linalg.norm(reached - wanted, axis=1), atol=1e-5)
    assert np.allclose(model.grad_u(view.point[None]), wanted, atol=1e-3) and view.residual < 1e-3
    assert view.inside and view.seconds < 60
    assert view.exact is not None and len(view.exact.places) == 1  # the swirl is a bijection of its disc
    assert np.allclose(view.exact.places[0], views.kept_samples(model, 1)[0][0], atol=1e-4)
    assert view.ladder["exact"] < 1e-5 < view.ladder["ours"] < view.ladder["random"]


def test_terrain_is_measured_on_its_own_grid_and_its_level_lines_cross_at_the_exact_places(terrain) -> None:
    model, field = terrain
    assert field.lattice is not None
    view = preimage_view(model, field.y_test[3].numpy(), n=60)
    assert view.known == "grid" and view.exact is not None and view.levels is not None
    at = field.scaling.to_model(view.exact.places)
    assert float((field.lattice.value(at) - field.y_test[3]).norm(dim=1).max()) < 1e-4
    home = field.x_test[3:4].double()
    assert float((at - home).norm(dim=1).min()) < 1e-3
    step = 2 * 2 / (min(field.lattice.shape) - 1)
    for component, line in enumerate(view.levels):
        points = field.scaling.to_model(torch.from_numpy(line[np.isfinite(line).all(axis=1)]))
        assert float((field.lattice.value(points)[:, component] - field.y_test[3, component]).abs().max()) < 1e-3
        assert float(torch.cdist(at, points).amin(dim=1).max()) < step


def test_samples_are_measured_by_the_network(terrain) -> None:
    model = dataclasses.replace(terrain[0], lattice=None)
    view = preimage_view(model, terrain[1].y_test[3].numpy(), n=30)
    assert view.known == "network" and view.exact is None and view.levels is None and "exact" not in view.ladder
    rebuilt = model.grad_u(model.M_network(view.x)).numpy()
    assert np.allclose(view.error, np.linalg.norm(rebuilt - view.gradient, axis=1), atol=1e-4)


@pytest.mark.parametrize("gradient", [[1.0], [1.0, 2.0, 3.0], [float("nan"), 0.0]])
def test_a_gradient_that_is_none_is_told(terrain, gradient) -> None:
    with pytest.raises(InputError, match="2 finite numbers"):
        preimage_view(terrain[0], np.array(gradient))


def test_a_gradient_beyond_all_gradients_is_outside_and_the_nearest_is_named(terrain) -> None:
    view = preimage_view(terrain[0], np.array([1e4, 1e4]), n=10)
    assert not view.inside and view.exact is not None and not bool(view.exact.found.any())
    assert float(view.exact.nearest.norm()) < 1e3


def test_the_map_of_trust_has_a_tenth_of_the_places_beyond_its_worst(line, swirl) -> None:
    for model, _ in (line, swirl):
        view = trust_view(model, n=200, draws=5)
        assert view.x.shape == (200, model.d) and view.miss.shape == (200,)
        assert float((view.miss > view.worst).mean()) == pytest.approx(0.1, abs=0.01)
