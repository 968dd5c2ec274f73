"""The benchmarks' known-answer problems (exact gradients, convexity, how far the linear map is from them), and how the
peers' times become a speed-up."""

from __future__ import annotations

import argparse
import math

import pytest
import torch

from benchmarks.bench_gaussian import gaussian_target, mixture_means, mixture_target
from benchmarks.bench_sinkhorn import quickest
from benchmarks.bench_terrain_peers import seconds_to, speedup, strongest_speedup
from benchmarks.common import names_of
from benchmarks.problems import FAMILIES, NEVER_TUNED_ON, TUNED_ON, make_problem, top_sum
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


def test_a_sharp_top_sum_is_the_sum_of_the_largest() -> None:
    v = torch.randn(200, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(top_sum(v, 3, 1e4), v.topk(3, -1).values.sum(-1), atol=1e-3, rtol=0)


def test_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match="family must be one of"):
        make_problem("cubic", 2, 0)


def test_seven_gaussians_stand_where_the_paper_puts_them() -> None:
    means = mixture_means(4)
    assert means.shape == (7, 4) and torch.equal(means[6], torch.zeros(4))
    # Even and odd coordinates apart: 30 along one of them, or 30 / sqrt(2) along both.
    assert torch.allclose(means[:6].norm(dim=1), torch.full((6,), 30 * math.sqrt(2)))
    y = mixture_target(70_000, 4, torch.Generator().manual_seed(0))
    expected = float((means.square().sum(1) + 4 * torch.arange(1, 8)).mean())  # E|Y|^2, covariance k I for the k-th
    assert float(y.square().sum(1).mean()) == pytest.approx(expected, rel=0.01)


def test_gaussian_target_has_variances_1_to_d() -> None:
    y = gaussian_target(50_000, 5, torch.Generator().manual_seed(0))
    assert torch.allclose(y.var(0), torch.arange(1.0, 6.0), rtol=0.05)


def test_time_to_a_dual_is_interpolated_and_none_where_it_is_not_reached() -> None:
    curve = [{"seconds": 1.0, "dual": 10.0}, {"seconds": 3.0, "dual": 6.0}, {"seconds": 9.0, "dual": 5.0}]
    assert seconds_to(curve, 8.0) == pytest.approx(2.0)
    assert seconds_to(curve, 11.0) == 1.0
    assert seconds_to(curve, 4.0) is None


def test_speedup_rests_on_the_strongest_peer_and_says_where_it_is_a_lower_bound() -> None:
    def row(seed: int, solver: str, times: float, bound: bool) -> dict:
        return {"seed": seed, "solver": solver, "times ours": times, "lower_bound": bound}

    rows = [
        row(0, "ours", 1.0, False), row(0, "adam", 40.0, False), row(0, "lbfgs", 12.0, False),
        row(1, "ours", 1.0, False), row(1, "adam", 60.0, True), row(1, "lbfgs", 60.0, True),
    ]  # fmt: skip
    best = strongest_speedup(rows)
    assert best is not None
    assert best["per_seed"] == [12.0, 60.0] and best["median"] == 36.0
    assert best["lower_bound"] == [False, True] and best["strongest"][0] == "lbfgs"
    assert speedup(rows, "adam") == {"median": 50.0, "per_seed": [40.0, 60.0], "lower_bound": [False, True]}
    assert strongest_speedup(rows[:1]) is None


def test_quickest_peer_must_be_accurate() -> None:
    rows = [
        {"solver": "ours", "seconds": 0.1, "relative error": 1e-6},
        {"solver": "rough", "seconds": 0.05, "relative error": 0.05},
        {"solver": "good", "seconds": 0.4, "relative error": 9e-5},
        {"solver": "POT (time only)", "seconds": 0.01, "relative error": None},
    ]
    assert quickest(rows) == {"ours": 0.1, "peer": "good", "peer's": 0.4, "times ours": pytest.approx(4.0)}


def test_names_on_the_command_line() -> None:
    parse = names_of(["lbfgs", "adam"])
    assert parse("adam,lbfgs") == ["adam", "lbfgs"] and parse("none") == [] and parse("") == []
    with pytest.raises(argparse.ArgumentTypeError, match="nobody: take of lbfgs, adam"):
        parse("adam,nobody")
