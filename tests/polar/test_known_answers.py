"""Trainings against what is known: matrix polar factors, monotone rearrangement, exact discrete factorization."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy.stats import qmc
from torch import Tensor

from npf_engine.divergences import l2_uvp
from npf_engine.fields import analytic
from npf_engine.fields.catalog import resolve
from npf_engine.fields.field import Field
from npf_engine.polar import PolarFactorization
from npf_engine.polar.train import train
from npf_engine.studies.factorization.spec import preset, with_values
from npf_engine.transport.pairing import optimal_assignment

SMALL: dict[str, Any] = {
    "device": "cpu",
    "threads": 1,
    "u.hidden": (16, 16),
    "u.pairings": 4,
    "u.pair_size": 900,
    "u.regression_steps": 300,
    "u.polish_steps": 30,
    "v.hidden": (32,),
    "v.steps": 200,
    "m.hidden": (64, 64),
    "m.steps": 400,
    "m.batch": 512,
    "inverse.hidden": (64, 64),
    "inverse.steps": 400,
    "inverse.batch": 512,
    "field.n_samples": 40_000,
}


def _fit(**settings: Any) -> tuple[Field, PolarFactorization]:
    spec = with_values(preset("custom"), SMALL | settings)
    field = resolve(spec.field)
    return field, train(field, spec.stages).model


def _matrix(x: Tensor, y: Tensor) -> Tensor:
    """Least-squares matrix of x -> y."""
    return torch.linalg.lstsq(x.double(), y.double()).solution.T


def _sobol_ball(n: int) -> Tensor:
    points = torch.from_numpy(qmc.Sobol(2, seed=0).random(n))
    radius, angle = points[:, :1].sqrt(), 2 * torch.pi * points[:, 1:]
    return (radius * torch.cat([angle.cos(), angle.sin()], 1)).float()


def test_a_linear_field_on_a_disc_has_the_matrix_polar_factors_to_1e_3() -> None:
    """grad u = (A A^T)^{1/2}, M = (A A^T)^{-1/2} A (facts known from linear algebra), to 1e-3 of the largest entry."""
    spec = with_values(preset("custom"), SMALL | {"field.source": "linear", "field.rho": "disc", "u.polish_steps": 200})
    field = resolve(spec.field)
    # Quasi-random samples: with 40,000 independent ones the covariance alone would be off by 1e-2.
    field.x_train = _sobol_ball(2**16)
    assert field.function is not None
    field.y_train = field.function(field.x_train)
    model = train(field, spec.stages).model
    known = analytic.closed_form(spec.field)
    assert known is not None
    x = field.x_test[:4000]
    stretch, turn = (_matrix(x, part(x)) for part in known)
    found = _matrix(x, model.grad_u(field.scaling.to_user(x)))
    assert float((found - stretch).abs().max() / stretch.abs().max()) < 1e-3
    m = field.scaling.to_model(model.M(field.scaling.to_user(x)))
    assert float((_matrix(x, m) - turn).abs().max()) < 1e-3
    assert l2_uvp(m.float(), x @ turn.T.float()) < 0.1


def test_in_one_dimension_grad_u_is_the_monotone_rearrangement() -> None:
    """F(x) = 2x mod 1 on [0, 1] pushes the uniform law to itself: grad u(x) = x and M = F."""
    _, model = _fit(**{"field.source": "doubling", "u.pairings": 8})
    x = torch.linspace(0.02, 0.98, 200)[:, None]
    assert float((model.grad_u(x) - x).abs().max()) < 0.02
    assert float((model.M(x) - (2 * x) % 1).abs().max()) < 0.03


def test_a_convex_gradient_is_its_own_grad_u_and_m_is_the_identity() -> None:
    field, model = _fit(
        **{
            "field.source": "expression",
            "field.expression": ["x^4/4 + x^2/2 + y^2 + x*y/2"],
            "field.low": [-1, -1],
            "field.high": [1, 1],
        }
    )
    x, y = field.scaling.to_user(field.x_test[:3000]), field.y_test[:3000]
    assert l2_uvp(model.grad_u(x), y) < 0.5
    assert l2_uvp(model.M(x).float(), x) < 1.0


@pytest.fixture(scope="module")
def trained() -> tuple[Field, PolarFactorization]:
    return _fit(**{"field.source": "himmelblau"})


def test_the_exact_discrete_factorization_of_a_sample(trained: tuple[Field, PolarFactorization]) -> None:
    """On a sample the factorization is a permutation: y_i = y_sigma(j) matched to x_j. grad u follows those pairs, and
    M_theta sends x_i to the x_j that is matched to F(x_i)."""
    field, model = trained
    x, y = field.x_test[:800], field.y_test[:800]
    sigma = optimal_assignment(x, y)
    image = model.grad_u(field.scaling.to_user(x))
    S, m = (torch.tensor(model.info["gaussian"][key]) for key in ("S", "m"))
    trivial = l2_uvp(x @ S.float().T + m.float(), y[sigma])
    assert l2_uvp(image, y[sigma]) < min(6.0, trivial / 3)
    matched = torch.empty_like(x)
    matched[sigma] = x  # the x_j that is paired with y_i
    found = field.scaling.to_model(model.M(field.scaling.to_user(x)))
    assert l2_uvp(found.float(), matched) < 6.0


def test_after_training_u_is_convex_and_its_conjugate_inverts_it(trained: tuple[Field, PolarFactorization]) -> None:
    field, model = trained
    x = field.x_test[:2000]
    double = model.u.double()
    try:
        eigenvalues = torch.linalg.eigvalsh(double.hessian(x.double()))
        g = torch.Generator().manual_seed(0)
        t = torch.rand(1000, 1, dtype=torch.float64, generator=g)
        a, b = x[:1000].double(), x[1000:].double()
        gap = t[:, 0] * double(a) + (1 - t[:, 0]) * double(b) - double(t * a + (1 - t) * b)
    finally:
        model.u.float()
    assert float(eigenvalues.min()) > 0
    assert float(gap.min()) > -1e-9
    user = field.scaling.to_user(x)
    torch.testing.assert_close(model.grad_u_conjugate(model.grad_u(user)).float(), user, atol=5e-3, rtol=0)


def test_saved_and_loaded_it_gives_the_same_answers(trained: tuple[Field, PolarFactorization], tmp_path: Any) -> None:
    field, model = trained
    model.save(tmp_path)
    loaded = PolarFactorization.load(tmp_path)
    x = field.scaling.to_user(field.x_test[:50])
    for name in ("grad_u", "M_network", "M", "potential"):
        assert torch.equal(getattr(loaded, name)(x), getattr(model, name)(x)), name
    assert torch.equal(loaded.preimages(x[:3], 5, 1), model.preimages(x[:3], 5, 1))
    assert loaded.invert(field.y_test[0], 7, 2).shape == (7, 2)
    assert loaded.function is not None


def test_the_published_algorithm_runs_unchanged() -> None:
    """A few steps of it: V from its warm-up, Adam conjugates, points that did not converge masked."""
    _, model = _fit(
        **{
            "solver": "published",
            "field.source": "cosines",
            "u.hidden": (16, 16),
            "u.dual_steps": 15,
            "v.hidden": (32, 32),
            "m.hidden": (16, 16),
            "m.steps": 10,
            "inverse.steps": 10,
            "inverse.sampler_steps": 20,
            "field.n_samples": 3000,
            "u.batch": 64,
            "conjugate.max_iterations": 50,
        }
    )
    assert model.u.output_activation and model.sampler == "heun"
    x = torch.zeros(4, 2)
    assert torch.isfinite(model.grad_u(x)).all() and torch.isfinite(model.preimages(x, 3)).all()


def test_float64_on_request() -> None:
    """Everything is then trained in double precision, and conjugates reach what float32 cannot."""
    _, model = _fit(
        **{
            "dtype": "float64",
            "field.source": "cosines",
            "u.pairings": 1,
            "u.pair_size": 200,
            "u.regression_steps": 30,
            "u.polish_steps": 10,
            "v.steps": 5,
            "m.steps": 5,
            "inverse.steps": 5,
            "inverse.sampler_steps": 5,
            "field.n_samples": 3000,
        }
    )
    assert all(p.dtype == torch.float64 for part in (model.u, model.m, model.bridge) for p in part.parameters())
    y = model.samples["y_test"][:100].double()
    assert float(model.solve(y, tolerance=1e-12).residual.max()) <= 1e-12 * float(model.u.scale)
    assert model.invert(y[0], 4).shape == (4, 2)


def test_m_needs_the_values_of_a_sampled_field(trained: tuple[Field, PolarFactorization]) -> None:
    field, model = trained
    known, model.function = model.function, None
    try:
        with pytest.raises(ValueError, match="field_values"):
            model.M(torch.zeros(1, 2))
        given = model.M(field.scaling.to_user(field.x_test[:5]), field.y_test[:5])
    finally:
        model.function = known
    torch.testing.assert_close(given, model.M(field.scaling.to_user(field.x_test[:5])), atol=1e-3, rtol=0)
