"""The accuracy table against models whose accuracy is known."""

from __future__ import annotations

import math

import pytest
import torch

from npf_engine.fields.field import Field
from npf_engine.measures.accuracy import Accuracy
from npf_engine.measures.accuracy_verdict import judge
from npf_engine.measures.inverse import inverse_metric
from npf_engine.measures.measured import Measured
from npf_engine.measures.report import accuracy_report
from npf_engine.polar import PolarFactorization
from npf_engine.settings.stages import ReportConfig
from tests.measures.conftest import small_model

CONFIG = ReportConfig(draws=3, n=400, neighbourhoods=12, neighbourhood_size=48)
KEYS = {"value", "self_distance", "ratio", "se", "trivial", "n", "eps", "draws"}


@pytest.fixture(scope="module")
def gradient() -> tuple[PolarFactorization, Field]:
    """F = grad of a convex function: M is the identity and everything can be learned in seconds."""
    return small_model(
        source="expression", expression=["x^2 + y^2/2 + x^4/4"], low=[-1, -1], high=[1, 1], n_samples=20_000
    )


def test_the_table_has_the_contracts_keys_and_a_floor_below_the_trivial(
    gradient: tuple[PolarFactorization, Field],
) -> None:
    model, field = gradient
    report = accuracy_report(model, field, CONFIG, seed=1)
    metrics = report.metrics.to_json()
    assert set(metrics) == {
        "pushforward",
        "measure_preservation",
        "measure_preservation_implicit",
        "reconstruction",
        "inverse",
        "inverse_cosine",
        "inverse_l2",
        "inverse_miss",
        "test_dual",
        "pushforward_sliced",
        "measure_preservation_sliced",
        "measure_preservation_local",
        "measure_preservation_hole",
        "map_error",
    }
    for name in ("pushforward", "measure_preservation", "measure_preservation_implicit"):
        assert set(metrics[name]) == KEYS
        assert metrics[name]["draws"] == 3 and metrics[name]["n"] == 400
    assert set(metrics["inverse"]) == KEYS | {"paper_self_distance"}
    assert metrics["inverse"]["self_distance"] < metrics["inverse"]["trivial"]
    assert metrics["pushforward"]["ratio"] < 2
    assert metrics["test_dual"]["max_residual"] <= 1e-6
    assert 0 < metrics["inverse_l2"]["mean"] < metrics["inverse_l2"]["trivial"]
    assert 0 <= metrics["inverse_cosine"]["trivial"] < metrics["inverse_cosine"]["mean"] <= 1
    assert report.level == report.to_json()["verdict"] in ("good", "usable", "not trustworthy")


def test_the_same_seed_gives_the_same_table_and_another_differs(gradient: tuple[PolarFactorization, Field]) -> None:
    model, field = gradient
    first, again, other = (accuracy_report(model, field, CONFIG, seed=s).metrics for s in (1, 1, 2))
    assert first == again
    assert first.pushforward != other.pushforward


def test_the_test_dual_of_the_truth_is_the_lowest(gradient: tuple[PolarFactorization, Field]) -> None:
    """For y = grad f(x) the least dual is mean <x, y>: no potential can go below, a trained one comes near."""
    model, field = gradient
    report = accuracy_report(model, field, ReportConfig(draws=1, n=100, neighbourhoods=2, neighbourhood_size=16), 0)
    best = float((field.x_test.double() * field.y_test.double()).sum(1).mean())
    dual = report.metrics.test_dual.value
    assert dual is not None
    assert best - 1e-6 <= dual < best * 1.02


def test_the_inverse_of_a_bridge_that_knows_nothing_is_near_its_trivial_answer(
    gradient: tuple[PolarFactorization, Field],
) -> None:
    model, field = gradient
    trained = model.bridge
    assert trained is not None
    x, m = field.x_test, model.solve(field.y_test).x
    train = (field.x_train, model.solve(field.y_train).x)
    good = inverse_metric(model, x, m, train, CONFIG, 0)
    try:
        model.bridge = type(trained)(**model.info["networks"]["bridge"])  # untrained
        bad = inverse_metric(model, x, m, train, CONFIG, 0)
    finally:
        model.bridge = trained
    assert good is not None and bad is not None
    assert bad.value > 3 * good.value


def test_the_standard_error_of_a_ratio_covers_the_truth() -> None:
    """Ratios of noisy draws with true ratio 1.5: within two standard errors about 95 times in 100."""
    g = torch.Generator().manual_seed(0)
    hits = 0
    for _ in range(200):
        noise = 1 + 0.2 * torch.randn(64, 2, generator=g)
        rows = [(1.5 * a, b, 9.0) for a, b in noise.tolist()]
        row = Measured.of_draws(rows, 10, 0.1)
        assert row.ratio is not None and row.se is not None
        hits += abs(row.ratio - 1.5) <= 2 * row.se
    assert 180 <= hits <= 199


def _metrics(**changes: float) -> Accuracy:
    row = {"value": 1.0, "self_distance": 1.0, "ratio": 1.0, "se": 0.1, "trivial": 20.0}
    names = ("pushforward", "measure_preservation", "inverse")
    rows = {name: row | {"value": changes.get(name, 1.0), "ratio": changes.get(name, 1.0)} for name in names}
    return Accuracy.of_json(rows)


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "good"),
        ({"pushforward": 1.6}, "usable"),
        ({"inverse": 5.0}, "not trustworthy"),
        ({"measure_preservation": 25.0}, "not trustworthy"),
    ],
)
def test_the_verdict_follows_the_worst_figure(changes: dict[str, float], level: str) -> None:
    found = judge(_metrics(**changes), held_out=5000)
    assert found.level == level and found.reason


def test_no_better_than_trivial_is_a_failure_and_says_so() -> None:
    found = judge(_metrics(inverse=21.0), held_out=5000)
    assert found.level == "not trustworthy" and "trivial" in found.reason


def test_a_value_that_is_not_finite_is_a_failure() -> None:
    found = judge(_metrics(pushforward=math.nan), held_out=5000)
    assert found.level == "not trustworthy" and "not finite" in found.reason


@pytest.mark.parametrize(("converged", "level"), [(0.99, "good"), (0.8, "usable"), (0.3, "not trustworthy")])
def test_conjugates_that_were_not_solved_lower_the_verdict(converged: float, level: str) -> None:
    found = judge(_metrics(), held_out=5000, converged=converged)
    assert found.level == level and ("conjugates" in found.reason) == (level != "good")


def test_too_few_test_samples_cannot_be_trusted() -> None:
    found = judge(_metrics(), held_out=50)
    assert found.level == "not trustworthy" and "50 test samples" in found.reason


def test_a_zero_floor_gives_no_ratio() -> None:
    row = Measured.of_draws([(1.0, 0.0, 2.0), (1.0, 0.0, 2.0)], 10, 0.1)
    assert row.ratio is None and row.se is None and not math.isnan(float(row.value or 0))
