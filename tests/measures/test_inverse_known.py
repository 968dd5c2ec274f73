"""The inverse's table for draws that are known beforehand: the sharp reference itself, and draws that ignore y."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.divergences import batched_sinkhorn_divergence, default_eps
from npf_engine.measures import inverse
from npf_engine.measures.accuracy import Cosine
from npf_engine.measures.inverse import _matched, inverse_metric, inverse_values, nearest, nearest_pool
from npf_engine.settings.stages import ReportConfig

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
        bridge=object(), u=SimpleNamespace(like=torch.zeros(1)), _project=lambda y: y, sample_inverse=draw
    )
    found = inverse_metric(model, x, m, train, CONFIG, seed)
    assert found is not None
    return found.to_json()


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


def test_the_row_is_that_of_its_balls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values 3, 5, 4 over floors 1, 3, 2: ratio 2, residuals 1, -1, 0 of deviation 1, so se = 1 / sqrt(3) / 2."""
    told = iter(torch.tensor([[3.0, 5.0, 4.0], [1.0, 3.0, 2.0], [7.0, 8.0, 9.0], [1.0, 2.0, 3.0]]).double())
    clouds: list[tuple[Tensor, Tensor, float]] = []
    monkeypatch.setattr(inverse, "batched_sinkhorn_divergence", lambda *cloud: clouds.append(cloud) or next(told))
    (x, m), train = _clouds(64), _clouds(900)
    starts: list[Tensor] = []
    model: Any = SimpleNamespace(
        bridge=object(),
        u=SimpleNamespace(like=torch.zeros(1)),
        _project=lambda y: y,
        sample_inverse=lambda start, seed: starts.append(start) or 2 * start,
    )
    measured = inverse_metric(model, x, m, train, ReportConfig(neighbourhoods=3, neighbourhood_size=50), 0)
    assert measured is not None
    row = measured.to_json()
    assert row == {
        "value": 4.0,
        "self_distance": 2.0,
        "paper_self_distance": 2.0,
        "ratio": 2.0,
        "trivial": 8.0,
        "se": pytest.approx(1 / math.sqrt(3) / 2),
        "n": 32,
        "eps": pytest.approx(default_eps(x)),
        "draws": 3,
    }
    (drawn, balls, eps), (sharp, again, _), (plain, third, _), (first, second, _) = clouds
    assert balls is again is third and drawn.shape == sharp.shape == plain.shape == balls.shape == (3, 32, 2)
    assert torch.equal(drawn.reshape(-1, 2), 2 * starts[0]) and eps == row["eps"]
    for ball, start, near in zip(balls, starts[0].reshape(3, 32, 2), sharp, strict=True):
        index = (ball[:, None] == x[None]).all(2).nonzero()[:, 1]
        assert torch.equal(m[index], start), "the draws are asked for at M of the ball's own points"
        centre = start[0]
        assert sorted(index.tolist()) == sorted((m - centre).norm(dim=1).argsort()[:32].tolist())
        assert torch.equal(near, _matched(start, *train))
    pool = {tuple(point) for point in x.tolist()}
    assert all({tuple(point) for point in cloud.reshape(-1, 2).tolist()} <= pool for cloud in (plain, first, second))
    assert not torch.equal(plain, first) and not torch.equal(first, second)
    told = iter(torch.ones(4, 64).double())
    many = inverse_metric(model, x, m, train, ReportConfig(neighbourhoods=500, neighbourhood_size=5), 0)
    assert many is not None and many.draws == 64 and many.n == 5
    assert inverse_metric(model, x[1:], m[1:], train, CONFIG, 0) is None


def test_the_pool_of_a_ball_is_wide_enough_for_points_apart() -> None:
    """Three queries at 100 and one at 200: what is nearest to their middle, 125, is nearest to none of them."""
    far = [450.0 + step for step in range(21)]
    m = torch.tensor([99.0, 102.0, 104.0, 203.0, 207.0, 124.0, 125.0, 126.0, 127.0, *far])[:, None]
    queries = torch.tensor([[100.0], [100.0], [100.0], [200.0]])
    assert _matched(queries, 10 * m, m)[:, 0].tolist() == [990.0, 1020.0, 1040.0, 2030.0]
    assert _matched(queries, 10 * m[:7], m[:7])[:, 0].tolist() == [990.0, 1020.0, 1040.0, 2030.0]


def test_cosine_and_distance_are_those_of_the_values_at_the_draws() -> None:
    """F turns by 60 degrees what it is asked for: directions (1, 0) and (0, 1), and makes it four times as long."""
    y = torch.tensor([[2.0, 0.0], [0.0, 5.0], [3.0, 0.0], [1.0, 0.0], [-9.0, 0.0]])
    turn = torch.tensor([[0.5, -math.sqrt(0.75)], [math.sqrt(0.75), 0.5]])
    model: Any = SimpleNamespace(
        bridge=object(),
        d=2,
        u=SimpleNamespace(like=torch.zeros(1)),
        function=lambda x: x @ turn.T,
        solve=lambda y: SimpleNamespace(x=2 * y),
        _project=lambda x: x,
        sample_inverse=lambda x, seed: x * (seed + 1),
    )
    field: Any = SimpleNamespace(y_test=y, y_train=torch.tensor([[3.0, 0.0], [-1.0, 0.0]]))
    both = inverse_values(model, field, 1, n=4)
    assert both is not None
    found, distance = both
    assert (distance.mean, distance.trivial) == (
        pytest.approx(13**0.5 * 11 / 4),
        pytest.approx((1 + 26**0.5 + 2 + 0) / 4),
    )
    assert distance.std == pytest.approx(13**0.5 * torch.tensor([2.0, 5.0, 3.0, 1.0]).std().item())
    assert found == Cosine(pytest.approx(0.5), pytest.approx(math.hypot(0.75, 0.25)), pytest.approx(0.0, abs=1e-6))
    model.function = lambda x: x * torch.tensor([1.0, 0.0])  # blind to the second axis: cosines 1, 0, 1, 1
    uneven = (inverse_values(model, field, 1, n=4) or (None,))[0]
    assert uneven is not None and (uneven.mean, uneven.std) == (pytest.approx(0.75), pytest.approx(0.5))
    for change in ({"d": 1}, {"function": None}, {"bridge": None}):
        assert inverse_values(SimpleNamespace(**(vars(model) | change)), field, 1) is None  # type: ignore[arg-type]
