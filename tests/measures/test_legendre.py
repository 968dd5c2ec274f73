"""u and u*: the Legendre identity, on a quadratic whose conjugate is known and on small models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from npf_engine.fields.field import Field
from npf_engine.measures.legendre import legendre_view
from npf_engine.polar import PolarFactorization


class Quadratic(torch.nn.Module):
    """u(x) = <x, A x> / 2 + <b, x> + c: u*(y) = <y - b, A^-1 (y - b)> / 2 - c."""

    d = 2
    A = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    b, c = torch.tensor([0.3, -0.2], dtype=torch.float64), 0.7
    like = torch.zeros(1, dtype=torch.float64)
    scale = torch.ones((), dtype=torch.float64)

    def forward(self, x):
        return ((x @ self.A) * x).sum(1) / 2 + x @ self.b + self.c

    def gradient(self, x):
        return x @ self.A + self.b

    def value_and_gradient(self, x):
        return self(x), self.gradient(x)

    def derivatives(self, x):
        return self(x), self.gradient(x), self.A.expand(len(x), 2, 2)


def test_the_conjugate_of_a_quadratic_is_the_known_one(swirl: tuple[PolarFactorization, Field]) -> None:
    u = Quadratic()
    view = legendre_view(replace(swirl[0], u=u, v=None, bridge=None), side=9)  # type: ignore[arg-type]
    off = torch.from_numpy(view.y).reshape(-1, 2) - u.b
    expected = ((off @ torch.linalg.inv(u.A)) * off).sum(1) / 2 - u.c
    np.testing.assert_allclose(view.star.ravel(), expected, atol=1e-6)
    assert np.abs(view.gap).max() < 1e-6
    np.testing.assert_allclose(view.y[0, -1], [2.0 - 0.5 + 0.3, 0.5 - 1.0 - 0.2])  # at (1, -1)


@pytest.mark.parametrize("which", ["swirl", "terrain"])
def test_the_identity_holds_for_a_model_and_the_planes_lie_below(which: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which)[0]
    view = legendre_view(model, side=11)
    spread = np.ptp(view.u)
    assert np.abs(view.gap).max() < 1e-3 * spread
    x, y, u, star = view.x.reshape(-1, 2), view.y.reshape(-1, 2), view.u.ravel(), view.star.ravel()
    planes = y @ x.T - star[:, None]  # the tangent plane of each node, at each node
    assert (planes <= u[None, :] + 1e-3 * spread).all()
    assert (np.abs(x) <= 1).all() and (view.inside.all() or model.rho == "disc")


def test_the_first_point_lies_on_the_surface_and_thin_supports_have_none(
    swirl: tuple[PolarFactorization, Field],
) -> None:
    view = legendre_view(swirl[0], side=9)
    assert view.drawn and view.inside.ravel()[view.start]
    inside = np.zeros((9, 9), dtype=bool)
    inside[7, :2] = True
    thin = replace(view, inside=inside)
    assert not thin.drawn and thin.start == 7 * 9 + 1
