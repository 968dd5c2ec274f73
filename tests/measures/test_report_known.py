"""The accuracy table of models whose every figure can be said beforehand: exact maps, uncentred and badly scaled."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.measures import report
from npf_engine.measures.accuracy import Cosine, DualGap, InverseMeasured, MapError, Miss, ValueDistance
from npf_engine.measures.measured import Measured
from npf_engine.measures.report import _three, _Work, accuracy_report
from npf_engine.measures.verdict import GOOD, Verdict
from npf_engine.settings.stages import ReportConfig
from npf_engine.transport.dual_value import DualValue
from npf_engine.transport.gaussian import gaussian_map

A = torch.tensor([[30.0, 6.0], [6.0, 2.0]])
B = torch.tensor([400.0, -9.0])


class _Affine(torch.nn.Module):
    """grad u(x) = A x + b, with its conjugate."""

    d, scale, strong_convexity = 2, torch.ones(()), 0.5

    def __init__(self) -> None:
        super().__init__()
        self.like = torch.zeros(1)

    def gradient(self, x: Tensor) -> Tensor:
        return x @ A.to(x) + B.to(x)


class _Off(torch.nn.Module):
    """M_xi(x) = x + (0.1, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.tensor([0.1, 0.0])


def _field(n: int = 600) -> SimpleNamespace:
    g = torch.Generator().manual_seed(0)
    x = torch.tensor([0.3, -0.2]) + torch.rand(2 * n, 2, generator=g) * torch.tensor([1.0, 0.5])
    y = x @ A + B
    return SimpleNamespace(x_train=x[:n], y_train=y[:n], x_test=x[n:], y_test=y[n:])


def _work(field: Any, m: torch.nn.Module | None, **config: Any) -> tuple[_Work, list[tuple[float, float, str]]]:
    told: list[tuple[float, float, str]] = []
    model: Any = SimpleNamespace(u=_Affine(), m=m, bridge=None, device=torch.device("cpu"))
    settings = ReportConfig(**({"draws": 2, "n": 150} | config))
    known = field.x_train, field.x_test
    return _Work(model, field, settings, 3, lambda *row: told.append(row), known), told


def test_the_reconstruction_error_of_a_map_that_is_off_by_a_known_step() -> None:
    """grad u(M_xi(x)) - F(x) = A (0.1, 0): its length, its share of mean |F|, and the spread of F as trivial."""
    field = _field()
    row = _work(field, _Off())[0].reconstruction()
    assert row is not None
    assert row.l2 == pytest.approx(0.1 * math.hypot(30, 6), rel=1e-3)
    assert row.relative == pytest.approx(row.l2 / float(field.y_test.norm(dim=1).mean()), rel=1e-6)
    centred = field.y_test - field.y_test.mean(0)
    assert row.trivial == pytest.approx(float(centred.norm(dim=1).mean()), rel=1e-6)
    assert _work(field, None)[0].reconstruction() is None


def test_an_exact_affine_map_is_its_own_trivial_answer() -> None:
    """F is a linear gradient: the Gaussian map is the truth, M the identity, each value is a self-distance."""
    field = _field(2000)
    work, told = _work(field, torch.nn.Identity(), n=400, draws=8)
    metrics = {name: row.to_json() for name, row in work.clouds().items()}
    for name in ("pushforward", "measure_preservation", "measure_preservation_implicit"):
        row = metrics[name]
        assert row["value"] == pytest.approx(row["trivial"], rel=1e-2, abs=1e-6), name
        assert row["n"] == 400 and row["draws"] == 8
        assert 0.1 < row["ratio"] < 8 and 0 < row["se"] < 3
    assert metrics["pushforward"]["eps"] == pytest.approx(default_eps(field.y_test), rel=0.2)
    assert metrics["measure_preservation"]["eps"] == pytest.approx(default_eps(field.x_test), rel=0.2)
    assert metrics["measure_preservation"]["value"] == metrics["measure_preservation_implicit"]["value"]
    assert [row[2] for row in told[2:]] == [f"divergences, draw {k} of 8" for k in range(1, 9)]
    assert [row[:2] for row in told] == [(k, 15) for k in range(10)]


def test_a_map_that_is_off_shows_in_its_own_row_only() -> None:
    field = _field(2000)
    right, wrong = (
        {name: row.to_json() for name, row in _work(field, m, n=400)[0].clouds().items()}
        for m in (torch.nn.Identity(), _Off())
    )
    # Moving a cloud by a step adds its square, up to twice its product with what the means are apart already.
    assert 0.003 < wrong["measure_preservation"]["value"] - right["measure_preservation"]["value"] < 0.02
    assert wrong["measure_preservation_implicit"] == right["measure_preservation_implicit"]
    assert wrong["pushforward"] == right["pushforward"]
    for key in ("self_distance", "trivial"):
        assert wrong["measure_preservation"][key] == right["measure_preservation"][key]
        assert wrong["measure_preservation"][key] == wrong["measure_preservation_implicit"][key]


@pytest.mark.parametrize(("count", "disjoint"), [(450, True), (300, False)])
def test_the_three_clouds_share_no_point_where_there_are_enough(count: int, disjoint: bool) -> None:
    field = _field(count)
    seen: list[tuple[Tensor, Tensor, Tensor]] = []
    work, _ = _work(field, None, n=150, draws=3)
    work._u_row = lambda rows, a, b, c: seen.append((a, b, c))  # type: ignore[method-assign]
    work._m_rows = lambda rows, a, b, c: None  # type: ignore[method-assign]
    work.eps_x = work.eps_y = 1.0
    work.clouds()
    assert work.n == 150 and len(seen) == 3
    for a, b, c in seen:
        assert len(a) == len(b) == len(c) == 150 and not set(a.tolist()) & set(b.tolist())
        assert not set(a.tolist()) & set(c.tolist())
        assert (set(b.tolist()) & set(c.tolist()) == set()) is disjoint
    assert not torch.equal(seen[0][0], seen[1][0])


def test_the_trivial_answer_for_m_undoes_the_gaussian_map() -> None:
    """F is not affine, off the origin and badly scaled: the trivial cloud is S^-1 (F - m)."""
    field = _field()
    for part in ("train", "test"):
        x = getattr(field, f"x_{part}")
        setattr(field, f"y_{part}", torch.stack([1000 * x[:, 0] ** 3 + 5e3, 0.1 * x[:, 1] - 3], 1))
    work, _ = _work(field, None, draws=1)
    row = work.clouds()["measure_preservation_implicit"].to_json()
    order = torch.randperm(600, generator=seeds.generator(3, "report.draw.0"))
    a, b, c = order[:150], order[150:300], order[300:450]
    S, m = gaussian_map(field.x_train, field.y_train)
    cloud = torch.linalg.solve(S, (field.y_test[c].double() - m).T).T.float()
    eps = default_eps(field.x_test[a])
    assert row["eps"] == pytest.approx(eps)
    assert row["trivial"] == pytest.approx(sinkhorn_divergence(cloud, field.x_test[a], eps), rel=1e-3)
    assert row["self_distance"] == pytest.approx(sinkhorn_divergence(field.x_test[b], field.x_test[a], eps), rel=1e-6)
    assert row["value"] == pytest.approx(sinkhorn_divergence(field.x_test[c], field.x_test[a], eps), rel=1e-6)


def test_value_floor_and_trivial_stand_in_this_order() -> None:
    g = torch.Generator().manual_seed(1)
    reference = torch.randn(60, 2, generator=g)
    clouds = [reference + step for step in (1.0, 0.1, 3.0)]
    value, floor, trivial = _three(*clouds, reference, 0.5)
    assert (value, floor, trivial) == pytest.approx((2.0, 0.02, 18.0), rel=0.02)


def test_the_summary_of_draws_by_hand() -> None:
    """Ratio of means 3 / 2; residuals value - 1.5 floor = -1, 1, 0 have the deviation 1, so se = 1 / sqrt(3) / 2."""
    row = Measured.of_draws([(2.0, 2.0, 7.0), (4.0, 2.0, 9.0), (3.0, 2.0, 8.0)], 11, 0.3).to_json()
    assert row == {
        "value": 3.0,
        "self_distance": 2.0,
        "ratio": 1.5,
        "se": pytest.approx(1 / math.sqrt(3) / 2),
        "trivial": 8.0,
        "n": 11,
        "eps": 0.3,
        "draws": 3,
    }
    paired = Measured.of_draws([(3.0, 2.0, 7.0), (6.0, 4.0, 7.0)], 11, 0.3).to_json()
    assert paired["ratio"] == 1.5 and paired["se"] == pytest.approx(0.0, abs=1e-12)
    assert Measured.of_draws([(3.0, 2.0, 7.0)], 11, 0.3).to_json()["se"] is None


def test_the_map_error_of_a_map_that_is_off_by_a_known_step() -> None:
    """0.1 over the root of the trace of M's covariance."""
    field = _field()
    m = field.x_test.double()
    spread = float((m - m.mean(0)).square().sum() / len(m))
    assert _work(field, _Off())[0].map_error() == MapError(pytest.approx(0.1 / math.sqrt(spread)))
    assert _work(field, None)[0].map_error() is None
    point = _field()
    point.x_test = torch.full_like(point.x_test, 0.5)
    still = _work(point, _Off())[0].map_error()
    assert still is not None and math.isnan(still.value)


def test_of_small_values_and_of_none_the_relative_error() -> None:
    field = _field()
    field.y_test = 1e-3 * field.y_test
    row = _work(field, torch.nn.Identity())[0].reconstruction()
    assert row is not None and row.relative == pytest.approx(row.l2 / float(field.y_test.norm(dim=1).mean()))
    field.y_test = torch.zeros_like(field.y_test)
    none = _work(field, torch.nn.Identity())[0].reconstruction()
    assert none is not None and math.isnan(none.relative) and none.trivial == 0.0


def test_the_gap_of_the_test_dual_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Gaussian map's terms less u's are 1, 3, 2, 6: mean 3, deviation sqrt(14 / 3). Var x = 5, Var F = 20 / 3, so
    that a share of 1 is sqrt(5 * 20 / 3) / 2."""
    field = _field()
    work, _ = _work(field, None)
    work.x_test = torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 5.0], [2.0, 5.0]]) + 7
    work.y_test = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [0.0, -3.0]]) + 9
    x_variance, y_variance = 8 / 3 + 16 / 3, 2 / 3 + 18 / 3
    terms = torch.tensor([10.0, 11.0, 12.0, 13.0], dtype=torch.float64)
    asked: list[Any] = []
    monkeypatch.setattr(
        report,
        "held_out_dual",
        lambda u, x, y, start: asked.append(start) or DualValue(11.5, 1e-7, terms - 3, terms * 0 + 3),
    )
    gauss: list[Tensor | None] = [terms + torch.tensor([1.0, 3.0, 2.0, 6.0])]
    monkeypatch.setattr(report, "gaussian_dual", lambda S, m, x, y: gauss[0])
    found = work.test_dual()
    assert asked[0] is work.m_test_device, "the conjugates that are known are where it begins"
    share = pytest.approx(100 * 3.0 / (math.sqrt(x_variance * y_variance) / 2))
    assert found == DualGap(11.5, 1e-7, 3.0, pytest.approx(math.sqrt(14 / 3) / 2), share)
    nothing = DualGap(11.5, 1e-7)
    for scale in (1e-2, 0.0):  # small values have a gap, constant ones have none
        work.y_test = scale * work.y_test
        assert (work.test_dual() == nothing) is (scale == 0.0)
    work.y_test, gauss[0] = field.y_test[:4], None
    assert work.test_dual() == nothing


def test_of_few_samples_the_clouds_are_half_and_of_many_the_training_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    field = _field(200)
    work, _ = _work(field, None)
    assert work.n == 100 and len(work.train[0]) == len(work.train[1]) == 200
    monkeypatch.setattr(report, "MOST_TRAINING", 30)
    solved: list[Tensor] = []

    def solve(y: Tensor) -> Any:
        solved.append(y)
        return SimpleNamespace(x=2 * y)

    model: Any = SimpleNamespace(u=_Affine(), m=None, bridge=None, device=torch.device("cpu"), solve=solve)
    cut = _Work(model, field, ReportConfig(draws=2, n=150), 3, lambda *row: None, None)
    assert [len(y) for y in solved] == [200, 30]
    assert torch.equal(cut.m_test, 2 * field.y_test) and torch.equal(cut.train[1], 2 * field.y_train[:30])
    assert torch.equal(cut.train[0], field.x_train[:30])
    known = _work(field, None)[0]
    assert torch.equal(known.m_test, field.x_test) and torch.equal(known.train[1], field.x_train[:30])


def test_the_slices_are_of_the_map_its_trivial_answer_and_the_values() -> None:
    """u is right but for its last hundredth; the Gaussian map of a linear gradient is right."""
    field = _field(2000)
    field.y_test = field.y_test + torch.tensor([1.0, 0.0])
    found = _work(field, None)[0].sliced()
    variance = float((field.y_test - field.y_test.mean(0)).square().sum(1).mean())
    u, m = found
    assert u is not None and m is not None
    assert u.excess == pytest.approx(100 / variance, abs=u.noise) and u.ratio is not None and u.ratio > 1
    assert m.excess == pytest.approx(0.0, abs=m.noise) and m.trivial is not None and m.trivial > 0
    assert u.n == m.n == 125
    few = _work(_field(100), None)[0].sliced()
    assert few == (None, None)


def test_a_report_says_what_it_is_about_to_do_and_judges_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    field = _field(300)
    told: list[tuple[float, float, str]] = []
    asked: list[tuple[int, float]] = []
    monkeypatch.setattr(
        report, "held_out_dual", lambda u, x, y, start: DualValue(0.0, 0.0, x.double()[:, 0], x.double()[:, 0])
    )
    monkeypatch.setattr(
        report, "judge", lambda metrics, held_out, converged: asked.append((held_out, converged)) or Verdict(GOOD, "so")
    )
    monkeypatch.setattr(report, "inverse_metric", lambda *arguments: InverseMeasured(1.0, 0.5))
    monkeypatch.setattr(
        report, "inverse_values", lambda *arguments: (Cosine(0.5, 0.1, 0.2), ValueDistance(3.0, 4.0, 5.0))
    )
    monkeypatch.setattr(report, "inverse_miss", lambda *arguments: Miss(0.1))
    model: Any = SimpleNamespace(u=_Affine(), m=None, bridge=None, device=torch.device("cpu"), info={})
    known = field.x_train, field.x_test
    settings = ReportConfig(draws=2, n=50)
    found = accuracy_report(model, field, settings, 3, lambda *row: told.append(row), known)
    assert [row[:2] for row in told] == [(k, 9) for k in range(9)] and told[-1][2] == "test dual"
    assert asked == [(300, 1.0)] and 0 <= found.seconds < 60 and found.verdict == Verdict(GOOD, "so")
    assert found.metrics.inverse_l2 == ValueDistance(3.0, 4.0, 5.0)
    assert found.metrics.inverse_cosine == Cosine(0.5, 0.1, 0.2) and found.metrics.pushforward is not None
    assert found.metrics.pushforward.draws == 2 and found.metrics.inverse == InverseMeasured(1.0, 0.5)
    assert found.metrics.pushforward_sliced is not None and found.metrics.inverse_miss == Miss(0.1)
    model.info = {"conjugate": {"converged": 0.7}}
    silent = accuracy_report(model, field, settings, 3, None, known, cosine=False)
    assert silent.metrics.inverse_cosine is None and silent.metrics.inverse_l2 is None and asked[-1] == (300, 0.7)
    assert silent.to_json() == {
        "metrics": silent.metrics.to_json(),
        "verdict": GOOD,
        "verdict_reason": "so",
        "seconds": silent.seconds,
    }
