"""What is done before a chain starts, part by part: where more samples are drawn, what the refinement is fitted to."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.networks.mlp import MLP
from npf_engine.sampling import pretrain
from npf_engine.sampling.chain import Oracle
from npf_engine.sampling.landscapes import find
from npf_engine.sampling.pretrain import CELLS, PretrainSettings
from npf_engine.settings.stages import InverseConfig
from npf_engine.tasks.recorder import Recorder
from tests.polar.loops import Loops


def model(bottom: list[float], curvatures: list[float]) -> Any:
    """u of which the least point and the Hessian there are told."""
    d = len(bottom)
    asked: list[Tensor] = []

    def solve(y: Tensor) -> Any:
        asked.append(y)
        return SimpleNamespace(x=torch.tensor([bottom]))

    u = SimpleNamespace(like=torch.zeros(1), hessian=lambda x: torch.diag(torch.tensor(curvatures))[None])
    return SimpleNamespace(d=d, u=u, solve=solve, asked=asked)


@pytest.mark.parametrize(
    ("curvatures", "c", "radius"),
    [([900.0, 400.0], 4.0, 4.5 / 40), ([9.0, 4.0], 4.0, 0.8), ([1e6, 1e6], 1.0, 0.1), ([-3.0, 5.0], 1.0, 0.8)],
)
def test_the_bottom_reaches_as_far_as_the_law_does(curvatures: list[float], c: float, radius: float) -> None:
    """REACH standard deviations along the flattest direction, 1 / sqrt(c h), within bounds."""
    told = model([0.3, -1.4], curvatures)
    bottom, reach = pretrain.bottom_of(told, c)
    assert bottom.tolist() == pytest.approx([0.3, -1.0]) and reach == pytest.approx(radius)
    assert told.asked[0].tolist() == [[0.0, 0.0]]


def test_cells_of_places() -> None:
    side = 2 / CELLS
    places = torch.tensor([[-1.0, 1.0], [-1 + 1.5 * side, 0.0], [-1 + 1.1 * side, side / 2], [-7.0, 7.0]])
    assert pretrain._cells(places).tolist() == [[0, CELLS - 1], [1, CELLS // 2]]


def settings(**changes: Any) -> PretrainSettings:
    return PretrainSettings(**({"refined": 6000, "seed": 3} | changes))


def test_more_samples_are_uniform_over_the_cells_around_those_near_the_bottom() -> None:
    """M(x) is near argmin u = (0.3, -1) at three places: two beside each other at the corner, one in the middle."""
    side = 2 / CELLS
    x = torch.tensor(
        [
            [-1 + 0.5 * side, -1 + 0.5 * side],
            [-1 + 0.2 * side, -1 + 0.4 * side],
            [0.5 * side, 2.5 * side],
            [0.9, 0.9],
            [-0.9, 0.9],
        ]
    )
    m = torch.tensor([[0.3, -0.9], [0.31, -1.05], [0.35, -0.95], [-0.3, 1.0], [0.45, -1.0]])
    told = model([0.3, -1.0], [900.0, 400.0])  # within 4.5 / 40 = 0.1125
    partly = torch.tensor([torch.nan, 1.0]).double()
    oracle = Oracle(lambda x: torch.where(x[:, :1] < -1 + side, partly, torch.cat([3 * x[:, :1], x[:, 1:]], 1)))
    near_x, near_f = pretrain._neighbourhood(told, x, m, 4.0, oracle, settings())
    torch.testing.assert_close(near_f, near_x * torch.tensor([3.0, 1.0]))
    cell = ((near_x + 1) / side).floor().long()
    found, count = torch.unique(cell, dim=0, return_counts=True)
    # Around the corner's cell 2 x 2, of which half have no gradient; around the middle's 3 x 3.
    half = CELLS // 2
    wanted = [[1, 0], [1, 1]] + [[half + i, half + 2 + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert sorted(found.tolist()) == sorted(wanted) and oracle.evaluations == 6000
    each = 6000 / 13
    assert float((count - each).abs().max()) < 4.5 * math.sqrt(each)
    inside = ((near_x + 1) / side).frac()
    assert float((inside.mean(0) - 0.5).abs().max()) < 4.5 / math.sqrt(12 * len(near_x))
    other, _ = pretrain._neighbourhood(told, x, m, 4.0, oracle, settings(seed=4))
    again, _ = pretrain._neighbourhood(told, x, m, 4.0, oracle, settings())
    assert (torch.equal(again, near_x) and other.shape != near_x.shape) or not torch.equal(other, near_x)


def test_nothing_is_refined_in_many_dimensions_where_it_is_not_asked_for_or_where_no_place_is_near() -> None:
    oracle = Oracle(lambda x: x)
    for d, refined, m, some in (
        (3, 50, 0.0, True),
        (4, 50, 0.0, False),
        (2, 0, 0.0, False),
        (2, 50, 0.9, False),
        (2, 1, 0.0, True),
        (1, 5, 0.0, True),
    ):
        x = torch.zeros(3, d)
        found, f = pretrain._neighbourhood(
            model([0.0] * d, [1e6] * d), x, x + m, 1.0, oracle, settings(refined=refined)
        )
        assert found.shape == f.shape == ((refined, d) if some else (0, d))


def test_the_field_is_uniform_with_the_gradient_in_model_positions() -> None:
    """Where g has no gradient, as half of Omega here, no sample is."""
    landscape = find("expression", ("x^2 + 3*y",), (0.0, -8.0), (4.0, 2.0))
    _, slope = landscape.in_model()
    partly = torch.tensor([torch.nan, 1.0]).double()  # one component is enough
    oracle = Oracle(lambda x: torch.where(x[:, :1] < 0, partly, slope(x)))
    field = pretrain._field(landscape, oracle, settings(samples=2000))
    x, f = torch.cat([field.x_train, field.x_test]), torch.cat([field.y_train, field.y_test])
    assert oracle.evaluations == 2000 and 900 < len(x) < 1100 and float(x[:, 0].min()) >= 0
    expected = torch.stack([2 * (2 + 2 * x[:, 0]) * 2, torch.full((len(x),), 15.0)], 1)
    torch.testing.assert_close(f, expected, rtol=1e-5, atol=1e-4)
    assert float(x[:, 1].mean()) == pytest.approx(0.0, abs=0.08) and float(x.max()) <= 1.0
    assert field.function is not None and field.rho == "box" and field.units is landscape.units
    assert (field.low, field.high, field.kind) == ((0.0, -8.0), (4.0, 2.0), "function")
    assert 0.1 < len(field.x_test) / len(x) < 0.2


def sets() -> Any:
    """Two sets of samples with their M: of 30, and of 8 elsewhere."""
    g = torch.Generator().manual_seed(0)
    return tuple(
        (torch.rand(n, 2, generator=g) + k, 3 * torch.rand(n, 2, generator=g) - k) for k, n in enumerate((30, 8))
    )


def test_the_map_is_refined_on_an_equal_share_of_each_set(monkeypatch: pytest.MonkeyPatch) -> None:
    loops, m = Loops(monkeypatch, pretrain, 1.0), MLP(2, 2, (4,), seed=0)
    pretrain._fit_map(m, sets(), settings(batch=21), Recorder())
    g = torch.Generator().manual_seed(3)
    picks = [torch.randint(n, (10,), generator=g) for n in (30, 8)]
    x, y = (torch.cat([part[k][pick] for part, pick in zip(sets(), picks, strict=True)]) for k in (0, 1))
    made = loops.made["m"]
    assert made.loss == pytest.approx(float((m(x) - y).detach().square().sum(1).mean())) and made.ema == 0.99
    assert made.seed == 3


def test_the_bridge_is_refined_with_peers_of_its_own_set(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = Loops(monkeypatch, pretrain, 1.0)
    asked: list[Any] = []
    bridge: Any = SimpleNamespace(
        project=lambda m: m.clamp(-1, 1), loss=lambda *rows: asked.append(rows) or torch.zeros(())
    )
    config = InverseConfig(peers=12, time_power=1.7, ema=0.999, lr=0.5)
    pretrain._fit_bridge(bridge, sets(), settings(batch=12, inverse=config), Recorder())
    x, y, t, noise, near = asked[0]
    g = torch.Generator().manual_seed(3)
    picks = [torch.randint(n, (6,), generator=g) for n in (30, 8)]
    assert torch.equal(x, torch.cat([part[pick] for (part, _), pick in zip(sets(), picks, strict=True)]))
    assert torch.equal(y, torch.cat([m.clamp(-1, 1)[pick] for (_, m), pick in zip(sets(), picks, strict=True)]))
    torch.testing.assert_close(t, 1 - (1 - torch.rand(12, 1, generator=g)) ** 1.7)
    assert torch.equal(noise, torch.randn(12, 2, generator=g))
    assert near.shape == (12, 8, 2), "of the second set there are but 8"
    assert float(near[:6].max()) < 1.0 <= float(near[6:].min()), "each from its own set"
    assert loops.made["inverse"].ema == 0.995 and loops.made["inverse"].lr == 0.5
    assert loops.made["inverse"].seed == 3
    pretrain._fit_bridge(bridge, sets(), settings(inverse=InverseConfig(ema=0.9)), Recorder())
    assert loops.made["inverse"].ema == 0.9


def test_peers_are_the_samples_with_the_nearest_m(monkeypatch: pytest.MonkeyPatch) -> None:
    Loops(monkeypatch, pretrain, 1.0)
    asked: list[Any] = []
    bridge: Any = SimpleNamespace(project=lambda m: m, loss=lambda *rows: asked.append(rows) or torch.zeros(()))
    (x, m), _ = sets()
    pretrain._fit_bridge(bridge, ((x, m),), settings(batch=5, inverse=InverseConfig(peers=3)), Recorder())
    pick = torch.randint(30, (5,), generator=torch.Generator().manual_seed(3))
    order = (m[pick][:, None] - m[None]).norm(dim=2).argsort(dim=1)[:, :3]
    assert torch.equal(asked[0][4], x[order])


class Keeping(Recorder):
    """What is saved is kept."""

    def __init__(self) -> None:
        self.memo: dict[str, Any] = {}

    def save(self, key: str, state: dict[str, Any]) -> None:
        self.memo[key] = copy.deepcopy(state)

    def load(self, key: str) -> dict[str, Any] | None:
        return self.memo.get(key)


@pytest.mark.parametrize("refined", [0, 20])
def test_the_refinement_is_of_all_samples_and_is_done_once(refined: int, monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = find("double-well")
    _, slope = landscape.in_model()
    parts = {name: MLP(2, 2, (3,), seed=k) for k, name in enumerate(("v", "m", "bridge"))}
    told: Any = SimpleNamespace(**parts, solve=lambda f: SimpleNamespace(x=0.5 * f))
    fitted: list[Any] = []

    def fit(module: Any, sets: Any, *rest: Any) -> float:
        fitted.append((module, sets, next(module.parameters()).requires_grad, module.training))
        with torch.no_grad():
            module.layers[0].weight.add_(1.0)
        return 1.5

    monkeypatch.setattr(pretrain, "train", lambda field, stages, recorder: SimpleNamespace(model=told))
    monkeypatch.setattr(
        pretrain, "_neighbourhood", lambda model, x, m, c, oracle, settings: (x[:refined] + 1, 7 * x[:refined])
    )
    monkeypatch.setattr(pretrain, "_fit_bridge", fit)
    monkeypatch.setattr(pretrain, "_fit_map", fit)
    recorder = Keeping()
    oracle = Oracle(slope)
    found = pretrain.pretrain(landscape, 2.0, oracle, settings(samples=100), recorder)
    assert [row[0] for row in fitted] == [told.bridge, told.m] and all(row[2] and row[3] for row in fitted)
    used = fitted[0][1]
    assert torch.equal(used[0][0], found.x) and torch.equal(used[0][1], 0.5 * found.f) and len(found.x) == 100
    assert len(used) == (2 if refined else 1) and len(found.near_x) == refined
    if refined:
        assert torch.equal(used[1][0], found.near_x) and torch.equal(used[1][1], 3.5 * found.x[:refined])
    assert not any(p.requires_grad for part in (told.m, told.bridge) for p in part.parameters())
    assert not told.m.training and not told.bridge.training
    weight = told.m.layers[0].weight.clone()
    with torch.no_grad():
        told.m.layers[0].weight.zero_()
    pretrain.pretrain(landscape, 2.0, oracle, settings(samples=100), recorder)
    assert len(fitted) == 2 and torch.equal(told.m.layers[0].weight, weight), "what is kept is put back"
