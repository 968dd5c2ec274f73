"""The benchmarks' known-answer problems (exact gradients, convexity, how far the linear map is from them), and how the
peers' times become a speed-up."""

from __future__ import annotations

import argparse
import math

import pytest
import torch

from benchmarks import bench_known
from benchmarks.bench_gaussian import gaussian_target, mixture_target
from benchmarks.bench_known import config_of, medians, never_worse
from benchmarks.bench_sinkhorn import quickest
from benchmarks.bench_sinkhorn import speedup as speedup_to_goal
from benchmarks.bench_terrain import COLUMNS, ROWS, SMALL, train_and_evaluate
from benchmarks.bench_terrain_peers import best_of_rates, seconds_to, speedup, strongest_speedup
from benchmarks.common import NO_SPEEDUP, cpu_times, least_speedup, names_of, rates, show, speedup_over
from benchmarks.peers.launch import PeerRun
from benchmarks.problems import FAMILIES, NEVER_TUNED_ON, TUNED_ON, make_problem, top_sum
from npf_engine.divergences import l2_uvp
from npf_engine.studies.lab.laws import seven_means
from npf_engine.transport.fit_wide import choose
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
    means = seven_means(4)
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
        row(0, "ours", 1.0, False),
        row(0, "adam", 40.0, False),
        row(0, "lbfgs", 12.0, False),
        row(1, "ours", 1.0, False),
        row(1, "adam", 60.0, True),
        row(1, "lbfgs", 60.0, True),
    ]
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


def test_speedup_to_the_goal_is_run_by_run_and_none_where_no_peer_gets_there() -> None:
    ours = {"solver": "ours", "seconds": 0.1, "relative error": 1e-6, "each": [0.1, 0.2, 0.1]}
    good = {"solver": "good", "seconds": 0.4, "relative error": 9e-5, "each": [0.4, 0.4, 0.5]}
    rough = {"solver": "rough", "seconds": 0.05, "relative error": 0.05, "each": [0.05] * 3}
    found = speedup_to_goal([ours, rough, good])
    assert found == {"median": pytest.approx(4.0), "per_seed": pytest.approx([4.0, 2.0, 5.0]), "peer": "good"}
    assert speedup_to_goal([ours, rough]) is None
    missed = speedup_to_goal([ours | {"relative error": 1e-3}, good])
    assert missed == NO_SPEEDUP | {"peer": "good"}
    assert least_speedup({"a": found, "b": missed})["of"] == "b"  # a goal missed is no lead


def test_least_speedup_says_which_it_is() -> None:
    cold, warm = speedup_over([6.0, 8.0, 9.0], [1.0, 1.0, 1.0]), speedup_over([2.0, 9.0, 8.0], [1.0, 2.0, 2.0])
    assert cold == {"median": 8.0, "per_seed": [6.0, 8.0, 9.0]}
    assert least_speedup({"cold": cold, "warm": warm}) == {"median": 4.0, "per_seed": [2.0, 4.5, 4.0], "of": "warm"}
    assert least_speedup({}) == {"median": None, "per_seed": []}


def test_every_run_but_the_first_is_timed() -> None:
    calls: list[int] = []
    each, last = cpu_times(lambda: calls.append(0) or len(calls), 3)
    assert len(each) == 3 and last == 4 and min(each) >= 0


def known_row(seed: int, **more: object) -> dict:
    return {"family": "ridge", "d": 2, "seed": seed, "linear": 40.0, "ours": 1.0 + seed, "gain": 40.0} | more


def test_never_worse_is_unknown_without_peers() -> None:
    assert never_worse(medians([known_row(0)])) is None
    assert never_worse(medians([known_row(0, **{"OTT-JAX": 1.0})])) is True
    assert never_worse(medians([known_row(1, **{"OTT-JAX": 1.9})])) is False


def test_a_fits_note_stays_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    quiet, spoken = medians([known_row(0)]), medians([known_row(0), known_row(1, note="it fell back"), known_row(2)])
    assert "note" not in quiet[0] and spoken[0]["note"] == ["", "it fell back", ""] and spoken[0]["ours"] == 2.0
    show("known", quiet + spoken, {}, as_json=False)
    assert "it fell back" in capsys.readouterr().out


def test_of_a_peers_rates_the_best_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def peer(kind: str, x: torch.Tensor, y: torch.Tensor, x_eval: torch.Tensor, settings: dict, _: int) -> PeerRun:
        return PeerRun([], (settings["lr"] * x_eval.numpy())[None], {})

    monkeypatch.setattr(bench_known, "run_peer", peer)
    options = argparse.Namespace(
        n=400, seconds=1.0, hidden=None, peers=["lbfgs"], rates=[0.0, 0.5, 10.0], quick=False, threads=1, entropic=0
    )
    row = bench_known.one_problem("ridge", 2, 0, options)
    missed = row["rates"]["lbfgs"]
    assert list(missed) == ["0", "0.5", "10"] and missed["0.5"] < min(missed["0"], missed["10"])
    assert row["lbfgs"] == row["OTT-JAX"] == missed["0.5"]
    assert "rates" not in medians([row])[0]


def test_on_terrain_the_best_rate_is_the_first_at_our_dual_or_else_the_lowest() -> None:
    def row(seed: int, rate: float, seconds: float, dual: float, reached: bool) -> dict:
        return {
            "seed": seed,
            "solver": "adam",
            "rate": rate,
            "to our dual, s": seconds,
            "test dual": dual,
            "lower_bound": not reached,
        }

    reached = [row(0, 5e-3, 300.0, 8.5, True), row(0, 1e-3, 200.0, 8.6, True), row(0, 1e-4, 100.0, 8.4, False)]
    nowhere = [row(1, 5e-3, 400.0, 8.9, False), row(1, 1e-3, 500.0, 8.8, False)]
    assert best_of_rates(reached + nowhere) == [reached[1], nowhere[1]]


def test_rates_are_above_zero() -> None:
    assert rates("5e-3,1e-3") == [5e-3, 1e-3]
    with pytest.raises(argparse.ArgumentTypeError, match="above 0"):
        rates("1e-3,0")


def test_other_widths_leave_the_fits_other_settings() -> None:
    config = config_of([256, 64], 300.0, 1_000_000, 64)
    assert config is not None and config.hidden == (256, 64) and config.rate == choose(300.0, 1_000_000, 64).rate
    assert config_of(None, 300.0, 1_000_000, 64) is None


def test_terrain_is_measured_by_the_commands_that_anybody_types() -> None:
    trained, measured, wall = train_and_evaluate("jacksboro", "quick", 3, 1, SMALL)
    assert {"u", "v", "m", "inverse", "report", "bundle", "total"} <= set(trained["seconds"])
    assert trained["threads"] == 1 and trained["seconds"]["total"] < wall["train"]
    assert all(set(COLUMNS) <= set(measured["metrics"][name]) for name in ROWS)
    assert measured["metrics"]["pushforward"]["draws"] == 3 and measured["metrics"]["test_dual"]["value"] > 0
