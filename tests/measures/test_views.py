"""Views: what pages show is what the model and F say, in the user's units."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields.field import Units
from npf_engine.figures import export
from npf_engine.measures import views
from npf_engine.measures.inverse_view import preimage_view, relocation_view, trust_view


def test_clouds_are_what_the_model_says_row_by_row(swirl) -> None:
    model, field = swirl
    view = views.factorization_view(model, n=200, seed=3)
    assert set(view.clouds) == {"rho", "field", "grad_u", "m", "m_network", "reconstruction"}
    x = torch.from_numpy(view.clouds["rho"])
    assert np.abs(x.numpy()).max() <= 2.0 and np.abs(x.numpy()).max() > 1.5  # the user's units, not the model's
    assert field.function is not None
    truth = field.function(field.scaling.to_model(x).float())
    assert np.allclose(view.clouds["field"], truth, atol=1e-4)
    assert np.allclose(view.clouds["grad_u"], model.grad_u(x), atol=1e-6)
    assert np.allclose(view.clouds["reconstruction"], model.grad_u(model.M_network(x)), atol=1e-6)
    # grad u o M_theta = F wherever F lies in the range of grad u: the definition of M_theta
    assert np.allclose(model.grad_u(view.clouds["m"]), view.clouds["field"], atol=1e-3)


def test_what_lies_outside_of_the_region_is_counted_by_points() -> None:
    cloud = np.array([[0.0, 0.0], [1.0, 2.0], [1.1, 0.0], [0.0, -0.1]])
    units = Units(("x", "y"), ("", ""), "")
    view = views.FactorizationView({"rho": cloud[:2], "m": cloud}, units, (0.0, 0.0), (1.0, 2.0), (1.0, 1.0), None)
    assert view.beyond("rho") == 0 and view.beyond("m") == 0.5


def test_two_dimensions_keep_their_axes_and_one_seed_gives_one_view(swirl) -> None:
    model, _ = swirl
    first, again = (views.factorization_view(model, n=150, seed=5) for _ in range(2))
    other = views.factorization_view(model, n=150, seed=6)
    assert first.projection is None
    assert np.array_equal(first.plane("m"), first.clouds["m"])
    assert np.array_equal(first.clouds["rho"], again.clouds["rho"])
    assert not np.array_equal(first.clouds["rho"], other.clouds["rho"])
    assert set(first.planes()) == set(first.clouds)


def test_more_than_three_dimensions_are_seen_along_the_principal_axes_of_the_target(five) -> None:
    model, _ = five
    view = views.factorization_view(model, n=400)
    assert view.projection is not None
    directions = view.projection.directions
    assert np.allclose(directions.T @ directions, np.eye(2), atol=1e-10)
    target = view.clouds["field"]
    shown = view.plane("field")
    total = np.linalg.eigvalsh(np.cov(target.T))[::-1]
    assert np.allclose(np.var(shown, axis=0, ddof=1), total[:2], rtol=1e-8)
    assert np.allclose(view.projection.share, total[:2] / total.sum())
    assert np.allclose(shown.mean(axis=0), 0, atol=1e-9)
    assert view.plane("m").shape == (400, 2)


def test_one_dimension_becomes_the_graph_of_a_function(line) -> None:
    model, _ = line
    view = views.factorization_view(model, n=100)
    plane = view.plane("field")
    assert plane.shape == (100, 2)
    assert np.array_equal(plane[:, 0], view.clouds["rho"][:, 0])
    assert np.array_equal(plane[:, 1], view.clouds["field"][:, 0])


def test_a_model_without_inverse_says_so(terrain) -> None:
    import dataclasses

    partial = dataclasses.replace(terrain[0], bridge=None, m=None)
    assert set(views.factorization_view(partial, n=50).clouds) == {"rho", "field", "grad_u", "m"}
    for ask in (relocation_view, trust_view, lambda model: preimage_view(model, np.zeros(2))):
        with pytest.raises(InputError, match="no I_psi"):
            ask(partial)


def test_the_potential_on_a_lattice_has_grad_u_as_its_slope(swirl) -> None:
    model, _ = swirl
    x, y, u = views.potential_view(model, side=81)
    assert u.shape == (81, 81) and x[0] == -2.0 and y[-1] == 2.0
    slope = (u[40, 41] - u[40, 39]) / (x[41] - x[39])  # along x, at the middle
    at = model.grad_u(np.array([[x[40], y[40]]]))[0, 0] / model.scaling.scale[0]
    assert slope == pytest.approx(float(at), abs=5e-3)
    assert (np.diff(u, 2, axis=1) > -1e-4).all()  # convex along every row


def test_the_potential_in_one_and_five_dimensions(line, five) -> None:
    x, y, u = views.potential_view(line[0], side=50)
    assert x.shape == u.shape == (50,) and y.size == 0 and (np.diff(u, 2) > -1e-4).all()
    x, y, u = views.potential_view(five[0], axes=(0, 4), side=20)
    assert (x[0], x[-1], y[0], y[-1]) == (-2.0, 2.0, -1.0, 1.0) and u.shape == (20, 20)


def test_csv_and_npz_give_back_what_was_plotted() -> None:
    data = {
        "x": np.array([[1.5, 2.0], [3.0, 1 / 3]]),
        "norm": np.array([0.1, 2, 7], dtype=np.float32),
        "n": np.arange(2),
    }
    rows = list(csv.reader(io.StringIO(export.to_csv(data).decode())))
    assert rows[0] == ["x1", "x2", "norm", "n"] and len(rows) == 4
    assert float(rows[2][1]) == 1 / 3 and rows[3] == ["", "", "7", ""] and np.float32(rows[1][2]) == np.float32(0.1)
    with np.load(io.BytesIO(export.to_npz(data)), allow_pickle=False) as back:
        assert all(np.array_equal(back[key], data[key]) for key in data)
    with pytest.raises(ValueError, match="3 dimensions"):
        export.to_csv({"z": np.zeros((2, 2, 2))})
