"""u: where it begins, what it is fitted to in which order, and what the published algorithm does in its place."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.networks.framed import FramedPotential
from npf_engine.polar.stages import potential
from npf_engine.transport.dual import DUAL, REGRESSION, DualPlan
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.schedule import Steps
from tests.polar.stages.by_hand import Clock, job


@pytest.fixture(autouse=True)
def no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(potential, "Watch", lambda *rest: SimpleNamespace(loss="loss", look=lambda: {"looked": 1.0}))


def test_a_tenth_of_the_samples_is_kept_apart_and_at_most_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    own, spec = job()
    fitted, apart = potential.split(own, spec.u)
    assert len(apart) == 9 and sorted([*fitted.tolist(), *apart.tolist()]) == list(range(90))
    monkeypatch.setattr(potential, "HELD_OUT", 4)
    assert len(potential.split(own, spec.u)[1]) == 4
    own, spec = job(**{"u.patience": 0})
    every, none = potential.split(own, spec.u)
    assert every.tolist() == list(range(90)) and len(none) == 0
    own, spec = job(n=9)
    every, none = potential.split(own, spec.u)
    assert every.tolist() == list(range(9)) and len(none) == 0


@pytest.mark.parametrize("start", ["gaussian", "identity"])
def test_u_begins_at_the_gaussian_map_or_the_identity(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Clock()
    own, spec = job(recorder, **{"u.start": start})
    fitted: list[Tensor] = []

    def fit(job: Any, config: Any, solver: Any, u: Any, look: Any) -> float:
        fitted.append(u.gradient(own.x).detach())
        return 50.0

    monkeypatch.setattr(potential, "_pairs_and_dual", fit)
    made = potential.train_potential(own, spec.u, spec.conjugate)
    u, v = made.u.module, made.v
    S, mean = gaussian_map(own.field.x_train, own.field.y_train)
    spread = float((own.y - own.y.mean(0)).square().sum(1).mean().sqrt())
    assert float(u.scale) == pytest.approx(spread) and v is None
    image = own.x @ S.float().T + mean.float()
    off = float((fitted[0] - image).norm(dim=1).mean()) / spread
    assert (off < 0.3) is (start == "gaussian")
    assert torch.equal(made.S, S) and torch.equal(made.m, mean)
    assert made.seconds == 51.0 and recorder.told[-1] == (DUAL, 1, 1, {"looked": 1.0})
    assert recorder.memo["u.done"]["seconds"] == 51.0
    again, _ = job(Clock(recorder.memo), **{"u.start": start})
    other = potential.train_potential(again, spec.u, spec.conjugate)
    assert other.seconds == 51.0 and len(fitted) == 1, "what is kept is not fitted again"
    assert all(torch.equal(a, b) for a, b in zip(u.parameters(), other.u.module.parameters(), strict=True))
    assert again.recorder.stages == [("u", "restored", None)]  # type: ignore[attr-defined]  # of Clock


def test_u_is_fitted_to_pairs_and_polished_on_all_but_what_is_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Clock()
    (own, spec), asked = job(recorder, **{"u.polish_steps": 6}), dict[str, Any]()
    u: Any = None
    pairs = own.x[:30] + 1, own.y[:30] + 2

    def collect(x: Tensor, y: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        asked["collected"] = (x, y)
        return pairs

    def nearest(source: Tensor, target: Tensor, y: Tensor) -> Tensor:
        return 100 + y

    def regression(u: Any, pairs: tuple[Tensor, Tensor], config: Any, seed: int, recorder: Any, **more: Any) -> float:
        asked["pairs"] = (*pairs, more["held_out"])
        return 1000.0

    def polish(u: Any, x: Tensor, y: Tensor, plan: DualPlan, seed: int, recorder: Any, **more: Any) -> float:
        asked["polish"] = (x, y, plan, more)
        return 20_000.0

    for name, fake in (
        ("collect_pairs", collect),
        ("source_of_nearest", nearest),
        ("fit_to_pairs", regression),
        ("fit_dual", polish),
    ):
        monkeypatch.setattr(potential, name, fake)
    monkeypatch.setattr(potential, "HeldOut", lambda *rest: rest)
    look: Any = "look"
    seconds = potential._pairs_and_dual(own, spec.u, spec.conjugate, u, look)
    fitted, apart = potential.split(own, spec.u)
    assert torch.equal(asked["collected"][0], own.x[fitted]) and torch.equal(asked["collected"][1], own.y[fitted])
    held_out = asked["pairs"][2]
    assert torch.equal(held_out[1], own.x[apart]) and torch.equal(held_out[2], own.y[apart])
    assert torch.equal(held_out[3], 100 + own.y[apart]) and held_out[4] == "auto"
    assert torch.equal(asked["pairs"][0], pairs[0]) and torch.equal(asked["pairs"][1], pairs[1])
    x, y, plan, more = asked["polish"]
    assert torch.equal(x, own.x[fitted]) and torch.equal(y, own.y[fitted]) and plan.budget == Steps(6)
    assert plan.start is not None and torch.equal(plan.start, 100 + y) and more["held_out"] is held_out
    assert plan.schedule.rate == spec.u.polish_lr and plan.key == "u.polish"
    # The clock is looked at twice around each of three things; the loops count their own time.
    assert seconds == 3 + 1000 + 20_000 and recorder.memo["u.pairs"]["seconds"] == 1.0
    plain, spec = job(Clock(), d=9, **{"u.polish_steps": 0, "u.patience": 0})
    pairs = plain.x, plain.y
    assert potential._pairs_and_dual(plain, spec.u, spec.conjugate, u, look) == 2 + 1000
    assert asked["pairs"][2] is None
    high, spec = job(Clock(), d=9, **{"u.polish_steps": 6})
    pairs = high.x, high.y
    potential._pairs_and_dual(high, spec.u, spec.conjugate, u, look)
    assert asked["polish"][2].start is None and asked["pairs"][2][3] is None, "nearest is far in high dimension"


@pytest.mark.parametrize(
    ("values", "way"),
    [({"u.method": "dual"}, DUAL), ({"u.polish_steps": 6}, DUAL), ({"u.polish_steps": 0}, REGRESSION)],
)
def test_the_way_that_ends_it_is_what_progress_calls_it(
    values: dict[str, Any], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Clock()
    own, spec = job(recorder, **values)
    monkeypatch.setattr(potential, "fit_dual", lambda u, x, y, *rest, **more: 20_000.0 if x is own.x else 0.0)
    monkeypatch.setattr(potential, "_pairs_and_dual", lambda *rest: 7.0)
    made = potential.train_potential(own, spec.u, spec.conjugate)
    assert recorder.told[-1][0] == way and made.seconds == (20_001.0 if "u.method" in values else 8.0)


def test_the_published_algorithm_trains_v_beside_u(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, asked = Clock(), list[Any]()
    own, spec = job(recorder, solver="published", **{"v.lr": 0.25})

    def fit(*rest: Any, **more: Any) -> float:
        u, v, rate = rest[0], rest[1], rest[4].v_rate
        asked.append((u, v, rate))
        torch.nn.init.ones_(next(v.parameters()))
        return 3.0

    monkeypatch.setattr(potential, "fit_published", fit)
    made = potential.train_potential(own, spec.u, spec.conjugate, published=spec.v)
    assert made.v is not None and asked == [(made.u.module, made.v.module, 0.25)] and made.seconds == 4.0
    assert made.v.seconds == 0.0, "its steps are u's"
    other, _ = job(Clock(recorder.memo), solver="published")
    again = potential.train_potential(other, spec.u, spec.conjugate, published=spec.v)
    assert again.v is not None and len(asked) == 1
    for one, two in zip(made.v.module.parameters(), again.v.module.parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_wide_potential_begins_at_the_gaussian_map(monkeypatch: pytest.MonkeyPatch) -> None:
    own, spec = job(**{"u.network": "wide", "u.method": "dual", "u.pieces": 3})
    monkeypatch.setattr(potential, "fit_dual", lambda *rest, **more: 0.0)
    made = potential.train_potential(own, spec.u, spec.conjugate)
    assert isinstance(made.u.module, FramedPotential) and made.u.arguments["pieces"] == 3
    image = own.x @ made.S.float().T + made.m.float()
    off = (made.u.module.gradient(own.x) - image).detach().norm(dim=1).mean()
    assert float(off) < 0.3 * float(made.u.module.scale)
