"""Linked clouds: computed in pieces, as the model answers; what a polygon encloses; the numbers of a selection."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.path import Path

from npf_engine.fields.field import Grid
from npf_engine.measures import linked
from npf_engine.measures.linked import Evaluation, inside, summary
from npf_engine.polar import PolarFactorization
from npf_engine.resources import gallery


@pytest.fixture(scope="module")
def model() -> PolarFactorization:
    return PolarFactorization.load(gallery() / "npf-himmelblau.zip")


def samples(model: PolarFactorization, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    return model.samples["x_test"][:n], model.samples["y_test"][:n]


def test_pieces_make_the_clouds_that_the_model_answers(model: PolarFactorization):
    x, y = samples(model, 300)
    found = Evaluation(model, x, y, unseen=200)
    while found.done < found.total:
        found.advance(128)
    clouds = found.result().view.clouds
    user = model.scaling.to_user(found.x.double())
    assert found.result().n == found.total == 300 and found.left == 0 and set(found.keys) == set(clouds)
    np.testing.assert_allclose(clouds["rho"], user.numpy())
    np.testing.assert_allclose(clouds["grad_u"], model.grad_u(user).numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(clouds["m_network"], model.M_network(user).numpy(), rtol=1e-4, atol=1e-5)
    # grad u(M_theta(x)) is F(x), up to what the solver left, which is told
    back = model.grad_u(clouds["m"]).numpy()
    scalars = found.result().scalars
    tolerance = 1e-3 * float(np.abs(clouds["field"]).max())
    np.testing.assert_allclose(back, clouds["field"], atol=tolerance)
    assert scalars["residual"].max() < tolerance
    np.testing.assert_allclose(scalars["norm"], np.linalg.norm(clouds["field"], axis=1), rtol=1e-5)
    miss = np.linalg.norm(clouds["reconstruction"] - clouds["field"], axis=1)
    np.testing.assert_allclose(scalars["miss"], miss, rtol=1e-4, atol=1e-5)


def test_rows_stay_where_they_are_and_unseen_ones_come_first(model: PolarFactorization):
    x, y = samples(model, 100)
    found = Evaluation(model, x, y, unseen=30)
    found.advance(40)
    first = found.result(20)
    found.advance()
    np.testing.assert_array_equal(first.view.clouds["m"], found.result().view.clouds["m"][:20])
    assert first.unseen == 20 and found.result().unseen == 30 and first.total == 100
    shown = {tuple(row) for row in found.x[:30].tolist()}
    assert shown == {tuple(row) for row in x[:30].tolist()}  # the unseen ones, in another order
    assert linked.head(first.view, 5).clouds["rho"].shape == (5, 2)


def test_the_miss_of_a_draw_is_that_of_f_at_it(model: PolarFactorization):
    x, y = samples(model, 60)
    found = Evaluation(model, x, y, unseen=60)
    found.advance()
    assert found.invertible and "inverse" not in found.result().scalars
    found.draw(40)
    assert "inverse" not in found.result().scalars and "inverse" in found.result(40).scalars
    found.draw(40)
    shown = found.result()
    assert model.function is not None and shown.judged == "function"
    m = model.scaling.to_model(torch.from_numpy(shown.view.clouds["m"][:40])).to(model.u.raw_w)
    again = model.function(model.sample_inverse(m, 0).cpu()).double()
    miss = (again - found.y[:40].double()).norm(dim=1).numpy()
    np.testing.assert_allclose(shown.scalars["inverse"][:40], miss, atol=0.05 * float(shown.scalars["norm"].max()))
    # far below what a place drawn anywhere would miss by
    spread = float((found.y - found.y.mean(0)).norm(dim=1).mean())
    assert np.median(shown.scalars["inverse"]) < 0.3 * spread


def test_elevation_is_that_of_the_pixel(model: PolarFactorization):
    elevation = np.arange(6, dtype=np.float32).reshape(2, 3)
    grid = Grid(elevation, elevation, elevation >= 0, west=10.0, south=40.0, east=13.0, north=42.0)
    places = np.array([[10.5, 41.5], [12.9, 41.1], [10.1, 40.1], [13.0, 40.0], [10.0, 42.0]])
    assert linked.elevation_at(grid, places).tolist() == [0, 2, 3, 5, 0]


def test_a_polygon_encloses_what_matplotlib_says_it_does():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1.2, 1.2, (5000, 2))
    for corners in (3, 4, 17, 96):
        polygon = rng.normal(0, 0.5, (corners, 2))  # crosses itself: the even-odd rule decides
        np.testing.assert_array_equal(inside(points, polygon), Path(polygon).contains_points(points))


def test_two_polygons_that_share_an_edge_divide_the_points_on_it():
    lattice = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    left = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 4.0], [0.0, 4.0]])
    right = left + np.array([2.0, 0.0])
    both = inside(lattice, left).astype(int) + inside(lattice, right)
    assert set(both[(lattice[:, 0] > 0) & (lattice[:, 0] < 4) & (lattice[:, 1] > 0) & (lattice[:, 1] < 4)]) == {1}
    assert both.max() == 1
    np.testing.assert_array_equal(inside(lattice, left), inside(lattice, left[::-1]))


def test_a_flat_polygon_encloses_nothing():
    assert not inside(np.zeros((3, 2)), np.zeros((4, 2))).any()


def test_numbers_of_a_selection():
    clouds = {"rho": np.array([[0.0, 0.0], [2.0, 0.0], [9.0, 9.0]]), "field": np.array([[1.0], [3.0], [50.0]])}
    found = summary(clouds, np.array([True, True, False]))
    assert found.count == 2 and found.share == pytest.approx(2 / 3)
    assert found.x is not None and found.field is not None and found.typical is not None
    assert found.x[0].tolist() == [1, 0] and found.x[1].tolist() == [1, 0]
    assert found.field[0].tolist() == [2] and found.field[1].tolist() == [1]
    assert found.typical.tolist() in ([1.0], [3.0])
    nothing = summary(clouds, np.zeros(3, dtype=bool))
    assert nothing.count == 0 and nothing.x is None and nothing.typical is None
