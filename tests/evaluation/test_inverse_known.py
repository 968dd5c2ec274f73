"""The inverse's table for draws that are known beforehand: the sharp reference itself, and draws that ignore y."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.divergences import batched_sinkhorn_divergence, default_eps
from npf_engine.evaluation.inverse import _matched, inverse_metric, nearest, nearest_pool
from npf_engine.settings import ReportConfig

CONFIG = ReportConfig(neighbourhoods=6, neighbourhood_size=20)


def _clouds(n: int = 800) -> tuple[Tensor, Tensor]:
    """x off the origin and badly scaled, and its image under M(x) = (40 x_2, x_1 - 5)."""
    x = torch.tensor([5.0, -0.3]) + torch.randn(n, 2, generator=torch.Generator().manual_seed(n)) * torch.tensor(
        [2.0, 0.1]
    )
    return x, torch.stack([40 * x[:, 1], x[:, 0] - 5], 1)


def _table(draw: Any, seed: int = 0) -> dict[str, Any]:
    (x, m), train = _clouds(400), _clouds(900)
    model: Any = SimpleNamespace(
        bridge=object(), u=SimpleNamespace(raw_w=torch.zeros(1)), _project=lambda y: y, sample_inverse=draw
    )
    found = inverse_metric(model, x, m, train, CONFIG, seed)
    assert found is not None
    return found


def _reference(start: Tensor, _: int) -> Tensor:
    """What the sharp floor is made of: matched training points, ball by ball."""
    return torch.cat([_matched(ball, *_clouds(900)) for ball in start.split(20)])


def test_draws_that_are_the_sharp_reference_have_the_ratio_one() -> None:
    row = _table(_reference)
    assert row["ratio"] == pytest.approx(1.0, abs=1e-6) and row["value"] == pytest.approx(row["self_distance"])
    assert row["se"] == pytest.approx(0.0, abs=1e-6)
    assert 0 < row["self_distance"] < 0.1 * row["trivial"]
    assert (row["n"], row["draws"]) == (20, 6)
    assert row["eps"] == pytest.approx(default_eps(_clouds(400)[0]))


def test_draws_from_rho_score_the_trivial_answer() -> None:
    g = torch.Generator().manual_seed(5)
    x = _clouds(400)[0]
    row = _table(lambda start, seed: x[torch.randint(400, (len(start),), generator=g)])
    assert row["value"] == pytest.approx(row["trivial"], rel=0.3)
    assert row["ratio"] == pytest.approx(row["value"] / row["self_distance"]) and row["ratio"] > 10
    assert row["se"] > 0


def test_a_constant_shift_adds_its_square_to_every_ball() -> None:
    row, plain = _table(lambda start, seed: _reference(start, seed) + torch.tensor([3.0, 0.0])), _table(_reference)
    assert row["value"] == pytest.approx(plain["value"] + 9.0, rel=0.2)
    for key in ("self_distance", "trivial", "paper_self_distance", "eps"):
        assert row[key] == plain[key]
    # The paper's floor is that of two draws from all of rho.
    x = _clouds(400)[0]
    g = torch.Generator().manual_seed(9)
    a, b = (x[torch.randint(400, (40, 20), generator=g)] for _ in range(2))
    own = float(batched_sinkhorn_divergence(a, b, row["eps"]).mean())
    assert row["paper_self_distance"] == pytest.approx(own, rel=0.6)


def test_too_few_points_or_no_bridge_have_no_table() -> None:
    x, m = _clouds(63)
    model: Any = SimpleNamespace(bridge=object())
    assert inverse_metric(model, x, m, (x, m), CONFIG, 0) is None
    assert inverse_metric(SimpleNamespace(bridge=None), *_clouds(400), (x, m), CONFIG, 0) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("d", [2, 12])
def test_the_nearest_are_the_nearest(d: int) -> None:
    g = torch.Generator().manual_seed(1)
    points, queries = torch.randn(300, d, generator=g) + 4, torch.randn(7, d, generator=g) + 4
    found = nearest(points, queries, 5)
    distance = (queries[:, None] - points[None]).norm(dim=2)
    torch.testing.assert_close(distance.gather(1, found), distance.sort(1).values[:, :5], atol=1e-5, rtol=1e-5)
    assert nearest(points, queries, 1).shape == (7, 1)
    pool = nearest_pool(points, queries[0], 9)
    assert sorted(pool.tolist()) == sorted(distance[0].argsort()[:9].tolist())


def test_matched_points_are_near_and_each_is_taken_once() -> None:
    m = torch.arange(12.0)[:, None] * 10 + 100
    queries = torch.tensor([[131.0], [129.0], [130.5], [141.0]])
    assert _matched(queries, -m, m)[:, 0].tolist() == [-130.0, -120.0, -140.0, -150.0]
    x, image = _clouds(900)
    ball = _clouds(400)[1][:20] * 0.02 + _clouds(400)[1][0]
    chosen = _matched(ball, x, image)
    assert len({tuple(row) for row in chosen.tolist()}) == 20
    assert math.isfinite(float(chosen.sum()))
