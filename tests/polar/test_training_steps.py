"""The stages of a training one by one: their losses by their formulas, and what each asks of the loops and solvers."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.fields.catalog import resolve
from npf_engine.fields.field import Units
from npf_engine.fields.lattice import sampled
from npf_engine.networks.mlp import MLP
from npf_engine.polar import training
from npf_engine.polar.training import _Job
from npf_engine.settings.stages import ValueInverseConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.gaussian import gaussian_map
from tests.polar.loops import Loops
from tests.tiny import tiny_spec


class Clock(Recorder):
    """A second passes at each look at the clock; what is saved and told is kept."""

    def __init__(self, kept: dict[str, Any] | None = None) -> None:
        self.now, self.kept, self.told = 0.0, kept or {}, list[tuple[Any, ...]]()

    def clock(self) -> float:
        self.now += 1.0
        return self.now

    def save(self, key: str, state: dict[str, Any]) -> None:
        self.kept[key] = state

    def load(self, key: str) -> dict[str, Any] | None:
        return self.kept.get(key)

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        self.told.append((stage, step, total, scalars))

    def note(self, text: str) -> None:
        self.told.append((text,))


def job(recorder: Recorder | None = None, n: int = 90, d: int = 2, **settings: Any) -> _Job:
    """A job on n training samples of F(x) = 40 + (3 x_1, x_2^3, ...) and 20 test samples, off the origin."""
    spec = tiny_spec(**({"u.hidden": (4,), "seed": 5} | settings))
    g = torch.Generator().manual_seed(1)
    x = 2 * torch.rand(n + 20, d, generator=g) - 1
    y = 40 + torch.cat([3 * x[:, :1], x[:, 1:] ** 3], 1)
    field: Any = SimpleNamespace(
        d=d, rho="box", x_train=x[:n], y_train=y[:n], x_test=x[n:], y_test=y[n:], lattice=None, name="f", n=n + 20,
        kind="function", warnings=[], provenance="p", scaling=None,
        units=Units(("x",) * d, ("",) * d, ""), low=(-1.0,) * d, high=(1.0,) * d,
        function=None,
    )  # fmt: skip
    device = torch.device("cpu")
    return _Job(field, spec, recorder or Clock(), device, torch.float32, x[:n], y[:n], {}, {}, {})


def picks(batch: int, n: int = 90) -> tuple[Tensor, torch.Generator]:
    g = torch.Generator().manual_seed(3)
    return torch.randint(n, (batch,), generator=g), g


def test_v_and_m_are_regressed_on_the_conjugates_by_squared_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    loops, own = Loops(monkeypatch, training, 100.0), job(**{"v.batch": 16, "m.batch": 24})
    x_hat = own.x.flip(1) - 0.3
    info = {"points": 110}
    monkeypatch.setattr(
        training, "_conjugates",
        lambda job, u: {"m_train": x_hat, "m_test": own.field.x_test, "info": info, "seconds": 7.0},
    )  # fmt: skip
    (v, m_train, m_test), seconds = training._train_v(own, None, None)  # type: ignore[arg-type]
    assert torch.equal(m_train, x_hat) and torch.equal(m_test, own.field.x_test) and seconds == 107.0
    pick, _ = picks(16)
    expected = float((v(own.y[pick]) - x_hat[pick]).detach().square().sum(1).mean())
    made = loops.made["v"]
    assert made.loss == pytest.approx(expected) and made.modules == {"v": v} and made.ema == 0.99
    assert (made.steps, made.lr) == (own.spec.v.steps, own.spec.v.lr)
    torch.testing.assert_close(v.centre, own.y.mean(0))
    torch.testing.assert_close(v.spread, own.y.std(0))
    m, _ = training._train_m(own, x_hat)
    pick, _ = picks(24)
    assert loops.made["m"].loss == pytest.approx(float((m(own.x[pick]) - x_hat[pick]).detach().square().sum(1).mean()))
    assert loops.made["m"].ema == 0.99 and own.info == {"conjugate": info}
    published = MLP(2, 2, (3,), seed=0)
    (same, *_), seconds = training._train_v(job(), None, published)  # type: ignore[arg-type]
    assert same is published and seconds == 7.0, "trained already, beside u"


def test_a_constant_component_is_not_divided_by(monkeypatch: pytest.MonkeyPatch) -> None:
    own = job()
    own.y = torch.cat([own.y[:, :1], torch.full((90, 1), 3.0)], 1)
    assert training._amortizer(own).spread.tolist() == pytest.approx([float(own.y[:, 0].std()), 1e-12])


@pytest.mark.parametrize(("peers", "d", "near"), [(1, 2, False), (2, 2, True), (5, 2, True), (5, 9, False)])
def test_the_inverse_is_matched_along_bridges_from_m_to_x(
    peers: int, d: int, near: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One t of each of 12 equal parts, drawn to 1 by a power; pre-images beside the one that was picked."""
    loops = Loops(monkeypatch, training, 100.0)
    own = job(d=d, **{"inverse.batch": 12, "inverse.peers": peers, "inverse.time_power": 1.7, "inverse.ema": 0.5})
    asked: list[Any] = []
    monkeypatch.setattr(training.Bridge, "loss", lambda self, *rows: asked.append(rows) or rows[0].sum())  # type: ignore[func-returns-value]
    m_train = 1.4 * own.x.flip(1)  # partly outside of Omega
    bridge, seconds = training._train_inverse(own, m_train, None)  # type: ignore[arg-type]
    x, start, t, noise, beside = asked[0]
    pick, g = picks(12)
    assert torch.equal(x, own.x[pick]) and torch.equal(start, m_train.clamp(-1, 1)[pick])
    uniform = (torch.arange(12) + torch.rand(12, generator=g)) / 12
    torch.testing.assert_close(t, (1 - (1 - uniform) ** 1.7)[:, None])
    assert torch.equal(noise, torch.randn(12, d, generator=g)) and (beside is not None) is near
    if near:
        inside = m_train.clamp(-1, 1)
        order = (inside[pick][:, None] - inside[None]).norm(dim=2).argsort(dim=1, stable=True)[:, :peers]
        torch.testing.assert_close(beside, own.x[order])
    assert seconds == 100.0 and loops.made["inverse"].ema == 0.5 and bridge.region == "box"


@pytest.mark.parametrize(("rho", "region"), [("land", "box"), ("disc", "disc"), ("gaussian", "free")])
def test_the_region_of_the_bridge_is_that_of_rho(rho: str, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Loops(monkeypatch, training, 100.0)
    own = job()
    own.field.rho = rho
    bridge, _ = training._train_inverse(own, own.x, None)  # type: ignore[arg-type]
    assert bridge.region == region and own.networks["bridge"]["region"] == region


def test_every_network_and_every_loop_has_random_numbers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one seed and of the seeds beside it: no two are alike within a training."""
    loops, own = Loops(monkeypatch, training, 100.0), job()
    monkeypatch.setattr(
        training,
        "_conjugates",
        lambda job, u: {"m_train": own.x, "m_test": own.field.x_test, "info": {}, "seconds": 0.0},
    )
    asked: dict[str, int] = {}
    monkeypatch.setattr(training, "collect_pairs", lambda x, y, size, count, seed, recorder: (x, y))
    monkeypatch.setattr(training, "fit_to_pairs", lambda u, s, t, c, seed, *rest: asked.update(pairs=seed) or 0.0)
    monkeypatch.setattr(
        training, "fit_dual", lambda u, x, y, steps, lr, c, k, seed, *r, **m: asked.update(dual=seed) or 0.0
    )
    watch: Any = SimpleNamespace(loss=None)
    u, _ = training._train_u(own)[0]
    training._fit_u(own, u, None, watch)
    training._train_v(own, u, None)
    training._train_m(own, own.x)
    training._train_inverse(own, own.x, u)
    seeds = {name: made["seed"] - 5 for name, made in own.networks.items()}
    assert seeds == {"u": 0, "v": 1, "m": 3, "bridge": 5}, "the same in every version"
    assert {name: made.seed - 5 for name, made in loops.made.items()} == {"v": 2, "m": 4, "inverse": 6}
    assert asked == {"pairs": 5, "dual": 6}


class Solved(SimpleNamespace):
    """What a conjugate answers."""


def test_each_conjugate_begins_at_the_nearest_of_the_first_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 40, 40 and 30 samples; of the k-th chunk all but k are solved, with k + 2 evaluations a point."""
    recorder = Clock()
    own, asked = job(recorder, **{"conjugate.method": "adam"}), list[tuple[Any, ...]]()

    def conjugate(u: Any, y: Tensor, start: Tensor | None, method: str, tolerance: float) -> Solved:
        k = len(asked)
        asked.append((y, start, method, tolerance))
        converged = torch.arange(len(y)) >= k
        return Solved(
            x=y / 10 - 4, residual=0.5 + torch.arange(len(y)) / 100 - k, converged=converged, evaluations=k + 2
        )

    monkeypatch.setattr(training, "conjugate", conjugate)
    monkeypatch.setattr(training, "CONJUGATE_CHUNK", 40)
    found = training._conjugates(own, None)  # type: ignore[arg-type]
    y = torch.cat([own.y, own.field.y_test])
    assert torch.equal(found["m_train"], own.y / 10 - 4) and torch.equal(found["m_test"], own.field.y_test / 10 - 4)
    assert [len(row[0]) for row in asked] == [40, 40, 30] and {row[2:] for row in asked} == {("auto", 1e-5)}
    assert asked[0][1] is None
    for part, start, *_ in asked[1:]:
        order = (part[:, None] - y[None, :40]).norm(dim=2).argmin(dim=1)
        torch.testing.assert_close(start, y[:40][order] / 10 - 4)
    assert found["info"] == {
        "points": 110, "converged": pytest.approx((40 + 39 + 28) / 110), "max_residual": pytest.approx(0.5 + 0.39),
        "evaluations": pytest.approx((40 * 2 + 40 * 3 + 30 * 4) / 110),
    }  # fmt: skip
    assert [row[:3] for row in recorder.told] == [("v: conjugates", count, 110) for count in (40, 80, 110)]
    assert [row[3]["converged"] for row in recorder.told] == pytest.approx([1.0, 79 / 80, 107 / 110])
    assert found["seconds"] == 1.0
    asked.clear()
    many = job(d=9)
    training._conjugates(many, None)  # type: ignore[arg-type]
    assert len(asked) == 3 and all(row[1] is None for row in asked), "in high dimension nearest is far"
    assert training._exact("lbfgs") == "lbfgs"


def test_a_tenth_of_the_samples_is_kept_apart_and_at_most_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    own = job()
    fitted, apart = training._split(own)
    assert len(apart) == 9 and sorted([*fitted.tolist(), *apart.tolist()]) == list(range(90))
    monkeypatch.setattr(training, "HELD_OUT", 4)
    assert len(training._split(own)[1]) == 4
    every, none = training._split(job(**{"u.patience": 0}))
    assert every.tolist() == list(range(90)) and len(none) == 0
    every, none = training._split(job(n=9))
    assert every.tolist() == list(range(9)) and len(none) == 0


@pytest.mark.parametrize("start", ["gaussian", "identity"])
def test_u_begins_at_the_gaussian_map_or_the_identity(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Clock()
    own = job(recorder, **{"u.start": start})
    fitted: list[Any] = []

    def fit(job: Any, u: Any, v: Any, watch: Any) -> tuple[float, str]:
        fitted.append((u.gradient(own.x).detach(), v))
        return 50.0, "dual"

    monkeypatch.setattr(training, "_fit_u", fit)
    monkeypatch.setattr(training, "Watch", lambda *rest: SimpleNamespace(look=lambda: {"looked": 1.0}))
    (u, v), seconds = training._train_u(own)
    S, mean = gaussian_map(own.field.x_train, own.field.y_train)
    spread = float((own.y - own.y.mean(0)).square().sum(1).mean().sqrt())
    assert float(u.scale) == pytest.approx(spread) and v is None is fitted[0][1]
    image = own.x @ S.float().T + mean.float()
    off = float((fitted[0][0] - image).norm(dim=1).mean()) / spread
    assert (off < 0.3) is (start == "gaussian")
    assert own.info["gaussian"] == {"S": S.tolist(), "m": mean.tolist()} and own.info["u_parameters"] > 10
    assert seconds == 51.0 and recorder.told[-1] == ("dual", 1, 1, {"looked": 1.0})
    assert recorder.kept["u.done"]["seconds"] == 51.0
    again = job(Clock(recorder.kept), **{"u.start": start})
    (other, _), seconds = training._train_u(again)
    assert seconds == 51.0 and len(fitted) == 1, "what is kept is not fitted again"
    assert all(torch.equal(a, b) for a, b in zip(u.parameters(), other.parameters(), strict=True))


def test_u_is_fitted_to_pairs_and_polished_on_all_but_what_is_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Clock()
    own, asked = job(recorder, **{"u.polish_steps": 6}), dict[str, Any]()
    u: Any = None
    pairs = own.x[:30] + 1, own.y[:30] + 2

    def collect(x: Tensor, y: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        asked["collected"] = (x, y)
        return pairs

    def nearest(source: Tensor, target: Tensor, y: Tensor) -> Tensor:
        return 100 + y

    def regression(u: Any, source: Tensor, target: Tensor, config: Any, seed: int, *rest: Any) -> float:
        asked["pairs"] = (source, target, rest[-1])
        return 1000.0

    def polish(u: Any, x: Tensor, y: Tensor, steps: int, lr: float, *rest: Any, **more: Any) -> float:
        asked["polish"] = (x, y, steps, lr, more)
        return 20_000.0

    for name, fake in (("collect_pairs", collect), ("source_of_nearest", nearest), ("fit_to_pairs", regression),
                       ("fit_dual", polish)):  # fmt: skip
        monkeypatch.setattr(training, name, fake)
    monkeypatch.setattr(training, "HeldOut", lambda *rest: rest)
    watch: Any = SimpleNamespace(loss="loss")
    seconds, way = training._fit_u(own, u, None, watch)
    fitted, apart = training._split(own)
    assert torch.equal(asked["collected"][0], own.x[fitted]) and torch.equal(asked["collected"][1], own.y[fitted])
    held_out = asked["pairs"][2]
    assert torch.equal(held_out[1], own.x[apart]) and torch.equal(held_out[2], own.y[apart])
    assert torch.equal(held_out[3], 100 + own.y[apart]) and held_out[4] == "auto"
    assert torch.equal(asked["pairs"][0], pairs[0]) and torch.equal(asked["pairs"][1], pairs[1])
    x, y, steps, lr, more = asked["polish"]
    assert torch.equal(x, own.x[fitted]) and torch.equal(y, own.y[fitted]) and steps == 6
    assert torch.equal(more["start"], 100 + y) and more["held_out"] is held_out and lr == own.spec.u.polish_lr
    # The clock is looked at twice around each of three things; the loops count their own time.
    assert seconds == 3 + 1000 + 20_000 and way == training.DUAL
    assert recorder.kept["u.pairs"]["seconds"] == 1.0
    plain = job(Clock(), d=9, **{"u.polish_steps": 0, "u.patience": 0})
    pairs = plain.x, plain.y
    seconds, way = training._fit_u(plain, u, None, watch)
    assert seconds == 2 + 1000 and way == training.REGRESSION and asked["pairs"][2] is None
    high = job(Clock(), d=9, **{"u.polish_steps": 6})
    pairs = high.x, high.y
    training._fit_u(high, u, None, watch)
    assert asked["polish"][4]["start"] is None and asked["pairs"][2][3] is None, "nearest is far in high dimension"
    dual = job(Clock(), **{"u.method": "dual"})
    assert training._fit_u(dual, u, None, watch) == (20_000.0, training.DUAL)
    assert torch.equal(asked["polish"][0], dual.x)


@pytest.mark.parametrize(("d", "kept"), [(1, 300), (2, 300), (20, 256)])
def test_what_a_model_keeps_of_its_field(d: int, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "KEPT_SAMPLES", 300)
    monkeypatch.setattr(training, "KEPT_NUMBERS", 620)
    own = job(n=400, d=d)
    parts = [MLP(d, d, (3,), seed=k) for k in range(4)]
    model = training._assemble(own, *parts, own.x + 1, own.field.x_test + 1)  # type: ignore[arg-type]
    count = kept if d != 2 else 300
    assert len(model.samples["x_train"]) == len(model.samples["m_train"]) == min(count, max(256, 620 // d))
    assert torch.equal(model.samples["m_test"], own.field.x_test + 1) and model.lattice is None
    assert not any(p.requires_grad for part in parts for p in part.parameters())
    assert not any(part.training for part in parts)


def test_a_grid_that_is_thinned_for_the_bundle_is_told_of() -> None:
    for side, told in ((5, False), (800, True)):
        recorder = Clock()
        own = job(recorder)
        own.field.lattice = sampled(lambda x: x, 1.0, side)
        parts = [MLP(2, 2, (3,), seed=k) for k in range(4)]
        model = training._assemble(own, *parts, own.x, own.field.x_test)  # type: ignore[arg-type]
        assert model.lattice is not None and (model.lattice.shape != (side, side)) is told
        rows, cols = model.lattice.shape
        assert recorder.told == (
            [(f"the bundle keeps F on {rows} x {cols} nodes of its grid of 800 x 800",)] if told else []
        )
        assert model.thinned_from == ((800, 800) if told else None)
        model.info["grid"] = "of an import"
        assert model.thinned_from is None


def test_the_device_and_the_precision_are_those_that_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[_Job] = []

    def stage(job: _Job, name: str, work: Any, *inputs: Any) -> Any:
        asked.append(job)
        return {"u": (None, None), "v": (None, job.x, job.x), "m": None, "inverse": None}[name]

    monkeypatch.setattr(training, "_stage", stage)
    monkeypatch.setattr(training, "_assemble", lambda job, *rest: "model")
    field = resolve(tiny_spec(**{"field.n_samples": 400}).field)
    for device, found in (("auto", "cpu"), ("cpu", "cpu"), ("meta", "meta")):
        training.trained(field, dataclasses.replace(tiny_spec(), device=device))
        assert asked[-1].device == torch.device(found) and asked[-1].x.dtype == torch.float32
    answer = training.trained(field, tiny_spec(dtype="float64"))
    assert asked[-1].x.dtype == asked[-1].y.dtype == torch.float64 and answer.model == "model"  # type: ignore[comparison-overlap]
    assert answer.solved == (answer.m_train, answer.m_test)


def test_a_finished_stage_is_restored_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    Loops(monkeypatch, training, 100.0)
    first, second = Clock(), Clock()
    own = job(first)
    m, seconds = training._train_m(own, own.x)
    assert seconds == 100.0 and first.kept["m.done"]["seconds"] == 100.0
    second.kept = {"m.done": first.kept["m.done"] | {"seconds": 8}}
    stages: list[tuple[Any, ...]] = []
    monkeypatch.setattr(Clock, "stage", lambda self, *rest: stages.append(rest))
    other = job(second, seed=6)
    again, seconds = training._train_m(other, other.x)
    assert seconds == 8.0 and stages == [("m", "restored")]
    assert all(torch.equal(a, b) for a, b in zip(m.parameters(), again.parameters(), strict=True))
    training._stage(other, "m", lambda job: (None, 12.5))
    assert stages[1:] == [("m", "started"), ("m", "done", 12.5)] and other.seconds == {"m": 12.5}


def test_the_blocks_of_a_bridge_by_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none are named all components are one block."""
    Loops(monkeypatch, training, 100.0)
    asked: list[Any] = []
    monkeypatch.setattr(training.ValueBridge, "attach", lambda self, u: asked.append(u) or self)  # type: ignore[func-returns-value]
    own = job()
    for blocks, found in (((), [2]), ((1, 1), [1, 1])):
        config = ValueInverseConfig(hidden=(4,), blocks=blocks, peers=1)
        own.spec = dataclasses.replace(own.spec, inverse=config)
        monkeypatch.setattr(training.ValueBridge, "loss", lambda self, *rows: rows[0].sum())
        training._train_inverse(own, own.x, "u")  # type: ignore[arg-type]
        assert own.networks["bridge"]["blocks"] == found and asked[-1] == "u"
