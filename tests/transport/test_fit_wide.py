"""The wide network's plan: which networks come into question, what a trial allows, what the fit is given and says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.transport import fit_wide as module
from npf_engine.transport.balanced_dual import BalancedPlan, DualFit, Samples
from npf_engine.transport.clouds import Clouds
from npf_engine.transport.fit_wide import WideConfig, _after_trial, _candidates, fit_wide
from npf_engine.transport.schedule import Budget, Seconds, Steps
from tests.transport.by_hand import ByHand

X, Y = (torch.randn(60, 3, generator=torch.Generator().manual_seed(s)) for s in (1, 2))


def clouds(x: Tensor = X) -> Clouds:
    return Clouds(x, 2 * Y + 5, 0)


class Found:
    """minimise_dual that takes ten seconds and answers with these fits in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *fits: DualFit) -> None:
        self.recorder, self.asked, self.fits = ByHand(), list[dict[str, Any]](), list(fits)
        monkeypatch.setattr(module, "minimise_dual", self.minimise_dual)

    def minimise_dual(
        self, u: Any, samples: Samples, plan: BalancedPlan, budget: Budget, seed: int, recorder: Any
    ) -> DualFit:
        asked = samples._asdict() | {"rate": plan.rate, "batch": plan.batch, "budget": budget, "seed": seed, "u": u}
        self.asked.append(asked)
        self.recorder.now += 10.0
        return self.fits.pop(0)


def test_a_network_that_is_named_is_fitted_once_until_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Found(monkeypatch, DualFit(steps=9, converged=0.97, curve=[(1.0, 2.0)], ended_early=True))
    config = WideConfig(hidden=(5,), pieces=2, rank=1, start="gaussian", rate=0.3, batch=50)
    best = fit_wide(clouds(), config, 4, 80.0, found.recorder)
    (asked,) = found.asked
    at = clouds().balanced()
    torch.testing.assert_close(asked["x"], at.source(clouds().x))
    torch.testing.assert_close(asked["y_check"], at.target(clouds().y_check))
    assert (asked["budget"], asked["rate"], asked["batch"], asked["seed"]) == (Seconds(30.0), 0.3, 50, 4)
    assert best.info == {
        "method": "wide icnn",
        "steps": 9,
        "converged": 0.97,
        "curve": [(1.0, 2.0)],
        "ended_early": True,
        "start": "gaussian",
        "rank": 1,
        "unit_rank": 0,
        "parameters": sum(p.numel() for p in best.u.parameters()),
        "note": "",
    }
    assert best.u is asked["u"] and torch.equal(best.at.P, at.P)


def test_from_the_identity_the_clouds_keep_their_own_axes_and_few_points_make_small_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Found(monkeypatch, DualFit(converged=0.95))
    best = fit_wide(clouds(), WideConfig(hidden=(5,), pieces=0, start="identity"), 0, 50.25, found.recorder)
    assert torch.equal(best.at.P, clouds().plain().P) and found.asked[0]["batch"] == 4 * 54 and not best.info["note"]
    assert best.info["start"] == "identity"
    for until in (50.15, 40.0):
        with pytest.raises(FloatingPointError, match="more seconds"):
            fit_wide(clouds(), WideConfig(), 0, until, ByHand())


@pytest.mark.parametrize(("plenty", "share"), [(64, 0.2), (2, 0.45), (1, 0.5)])
def test_a_trial_of_several_takes_a_share_that_grows_with_the_dimension(
    plenty: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLENTY", plenty)
    found = Found(monkeypatch, DualFit(steps=7, best=2.0), DualFit(steps=3, best=1.0), DualFit(steps=90))
    best = fit_wide(clouds(), WideConfig(hidden=(5,), pieces=2, start="gaussian"), 0, 150.0, found.recorder)
    first, second, last = found.asked
    assert isinstance(first["budget"], Seconds) and first["budget"].count == pytest.approx(share / 2 * 100)
    assert second["budget"].count == 7 and second["budget"].seconds == pytest.approx(1.5 * share / 2 * 100)
    assert last["budget"] == Seconds(80.0) and last["u"] is second["u"] is best.u
    assert (best.info["rank"], best.info["unit_rank"], best.info["steps"]) == (3, 0, 90)


@pytest.mark.parametrize(
    ("fit", "says"),
    [
        (DualFit(converged=0.94), "only 94 % of the held-out"),
        (DualFit(converged=0.5, diverged=8), "no longer finite at step 8"),
        (DualFit(), "no separate clusters"),
    ],
)
def test_what_went_wrong_is_said(fit: DualFit, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "mixture_of", lambda *given: None)
    found = Found(monkeypatch, fit)
    best = fit_wide(clouds(), WideConfig(hidden=(5,), pieces=2, start="mixture"), 0, 60.0, found.recorder)
    assert says in best.info["note"] and best.info["start"] == "gaussian"


def test_a_mixtures_start_goes_on_in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "mixture_of", lambda *given: SimpleNamespace(weights=[1, 2]))
    monkeypatch.setattr(module, "start_at_mixture", lambda *given: None)
    found = Found(monkeypatch, DualFit())
    best = fit_wide(clouds(), WideConfig(hidden=(5,), pieces=2, start="mixture", rate=0.3), 0, 60.0, found.recorder)
    assert best.info["start"] == "mixture" and not best.info["note"]
    assert found.asked[0]["rate"] == pytest.approx(0.03)


def test_after_a_trial_the_lowest_dual_goes_on_and_all_get_the_first_ones_steps() -> None:
    asked: list[tuple[str, Budget]] = []
    answers = {"a": FloatingPointError("a is lost"), "b": DualFit(steps=5, best=3.0), "c": DualFit(steps=9, best=1.0)}

    def improve(u: Any, start: str, budget: Budget) -> DualFit:
        asked.append((start, budget))
        answer = answers[start]
        if isinstance(answer, FloatingPointError):
            raise answer
        return answer

    assert _after_trial([("a", "ua"), ("b", "ub"), ("c", "uc")], improve, 2.0) == ("c", "uc")  # type: ignore[list-item]
    assert asked == [("a", Seconds(2.0)), ("b", Seconds(2.0)), ("c", Steps(5, 3.0))]
    assert _after_trial([("c", "uc"), ("b", "ub")], improve, 2.0) == ("c", "uc")  # type: ignore[list-item]
    with pytest.raises(FloatingPointError, match="a is lost"):
        _after_trial([("a", "ua")], improve, 2.0)  # type: ignore[list-item]


def candidates(left: float, d: int = 3, n: int = 40, **settings: Any) -> list[tuple[str, Any]]:
    recorder = ByHand()
    x, y = (3 + torch.randn(n, d, generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    config = WideConfig(**({"hidden": (4,), "pieces": 3} | settings))
    return _candidates(config, Samples(x, y, x[:5], y[:7]), 2, 50 + left, recorder)


def ranks(found: list[tuple[str, Any]]) -> list[tuple[str, int, int]]:
    return [(start, u.rank, u.unit_rank) for start, u in found]


@pytest.mark.parametrize(
    ("left", "d", "settings", "of"),
    [
        (20.5, 3, {}, [(0, 3), (3, 0)]),
        (19.5, 3, {}, [(0, 0)]),
        (40.5, 32, {}, [(0, 8), (16, 0)]),
        (39.5, 32, {}, [(0, 0)]),
        (90.0, 3, {"pieces": 0}, [(0, 3)]),
        (90.0, 3, {"hidden": ()}, [(3, 0)]),
        (90.0, 3, {"hidden": (), "pieces": 0}, [(0, 0)]),
        (90.0, 3, {"rank": 2}, [(2, 0)]),
        (90.0, 3, {"unit_rank": 2}, [(0, 2)]),
        (90.0, 3, {"rank": 1, "unit_rank": 2}, [(1, 2)]),
    ],
)
def test_bent_units_and_bent_pieces_come_into_question_where_there_is_time(
    left: float, d: int, settings: dict[str, Any], of: list[tuple[int, int]]
) -> None:
    for start in ("gaussian", "identity"):
        assert ranks(candidates(left, d, start=start, **settings)) == [(start, *each) for each in of]


def test_the_layers_mean_slope_is_no_part_of_the_start() -> None:
    ((_, u),) = candidates(5.0, start="gaussian")
    x = 3 + torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert float((u.gradient(x) - x).mean(0).abs().max()) < 1e-5 < float((u.gradient(x) - x).abs().max())


@pytest.fixture
def mixture(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Three components; how far the start's dual is from that of |x|^2 / 2; until when components may be sought."""
    state = SimpleNamespace(off=-0.01, until=None, started=0)
    found = SimpleNamespace(weights=[0.2, 0.3, 0.5])

    def mixture_of(y: Tensor, until: float, recorder: Any) -> Any:
        state.until = until
        return found

    def start_at_mixture(u: Any, x: Tensor, y: Tensor, of: Any) -> None:
        assert of is found and len(x) == len(y) == 40
        state.started += 1

    def held_out_dual(u: Any, x: Tensor, y: Tensor, tolerance: float) -> Any:
        plain = sum(float(p @ p) for p in x) / (2 * len(x)) + sum(float(p @ p) for p in y) / (2 * len(y))
        return SimpleNamespace(value=plain + state.off)

    monkeypatch.setattr(module, "mixture_of", mixture_of)
    monkeypatch.setattr(module, "start_at_mixture", start_at_mixture)
    monkeypatch.setattr(module, "held_out_dual", held_out_dual)
    return state


def test_a_mixture_that_is_asked_for_is_the_only_start(mixture: SimpleNamespace) -> None:
    mixture.off = 1.0  # however good it is
    assert ranks(candidates(10.0, start="mixture")) == [("mixture", 0, 0)] and mixture.until == pytest.approx(51.0)
    assert ranks(candidates(30.0, start="mixture")) == [("mixture", 3, 3)] and mixture.until == pytest.approx(53.0)
    assert ranks(candidates(30.0, start="mixture", rank=1)) == [("mixture", 1, 0)]
    assert ranks(candidates(10.0, start="mixture", pieces=2)) == [("gaussian", 0, 0)]  # too many for two pieces


def test_left_to_itself_it_tries_the_mixture_where_its_dual_is_lower_and_there_is_time(
    mixture: SimpleNamespace,
) -> None:
    gaussian = [("gaussian", 0, 3), ("gaussian", 3, 0)]
    assert ranks(candidates(30.0)) == [("mixture", 3, 3), *gaussian]
    mixture.off = 0.01
    assert ranks(candidates(30.0)) == gaussian and mixture.started == 2
    assert ranks(candidates(10.0)) == [("gaussian", 0, 0)] and mixture.started == 2
    assert ranks(candidates(30.0, start="gaussian")) == gaussian and mixture.started == 2
