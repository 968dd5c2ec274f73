"""The benchmarks' known-answer problems: exact gradients, convexity, and how far the linear map is from them."""

from __future__ import annotations

import pytest
import torch

from benchmarks.problems import FAMILIES, NEVER_TUNED_ON, TUNED_ON, make_problem
from npf_engine.divergences import l2_uvp
from npf_engine.transport.gaussian import gaussian_map


def points(family: str, d: int, n: int) -> tuple:
    problem = make_problem(family, d, seed=0)
    return problem, problem.source(n, torch.Generator().manual_seed(7)).double()


def test_families_to_tune_on_and_to_judge_on_are_apart() -> None:
    assert set(TUNED_ON).isdisjoint(NEVER_TUNED_ON) and len(FAMILIES) >= 4


@pytest.mark.parametrize("d", [2, 8])
@pytest.mark.parametrize("family", FAMILIES)
def test_map_is_the_gradient_of_the_potential(family: str, d: int) -> None:
    problem, x = points(family, d, 64)
    step = 1e-5
    numeric = torch.stack(
        [
            (problem.potential(x + step * e) - problem.potential(x - step * e)) / (2 * step)
            for e in torch.eye(d).double()
        ],
        1,
    )
    assert torch.allclose(problem.map(x), numeric, rtol=1e-6, atol=1e-6)
    assert problem.map(x.float()).dtype == torch.float32


@pytest.mark.parametrize("d", [2, 8])
@pytest.mark.parametrize("family", FAMILIES)
def test_potential_is_convex(family: str, d: int) -> None:
    problem, x = points(family, d, 200)
    step = 1e-5
    hessian = torch.stack(
        [(problem.map(x + step * e) - problem.map(x - step * e)) / (2 * step) for e in torch.eye(d).double()], 2
    )
    assert torch.allclose(hessian, hessian.mT, atol=1e-4 * float(hessian.abs().max()))
    # Q's eigenvalues are at least one half, and the rest only adds to them.
    assert float(torch.linalg.eigvalsh(hessian).min()) >= 0.5 * problem.scale * (1 - 1e-3)


@pytest.mark.parametrize("d", [2, 8])
@pytest.mark.parametrize("family", FAMILIES)
def test_linear_map_leaves_between_30_and_60_percent(family: str, d: int) -> None:
    problem, x = points(family, d, 20_000)
    other = problem.target(20_000, torch.Generator().manual_seed(8)).double()  # another draw than the points' images
    S, m = gaussian_map(x, other)
    measured = l2_uvp(x @ S + m, problem.map(x))
    assert 30 < measured < 60
    assert abs(measured - problem.linear_uvp) < 4


def test_source_has_mean_zero_and_unit_variances_and_draws_differ() -> None:
    problem, x = points("ridge", 4, 50_000)
    assert x.mean(0).abs().max() < 0.03 and (x.std(0) - 1).abs().max() < 0.03
    g = torch.Generator().manual_seed(0)
    assert not torch.equal(problem.source(5, g), problem.source(5, g))
    assert torch.equal(make_problem("ridge", 4, 0).map(x), problem.map(x))


def test_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match="family must be one of"):
        make_problem("cubic", 2, 0)
