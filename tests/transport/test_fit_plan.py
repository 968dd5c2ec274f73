"""fit_brenier_map's plan: which network gets which time, which answer is returned, and what is said of it."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.wide import WidePotential
from npf_engine.settings.stages import PotentialConfig
from npf_engine.transport import WideConfig, fit, fit_brenier_map
from npf_engine.transport.clouds import Clouds
from npf_engine.transport.dual_value import DualValue
from npf_engine.transport.fit import _draw, _dual, _fitted, _Spent
from npf_engine.transport.map import PotentialMap
from tests.transport.by_hand import ByHand


def told(value: float, source: Tensor | None = None, n: int = 6) -> DualValue:
    """A dual that is the same at every sample, or by these of the source's: what it differs by is beyond chance."""
    parts = torch.full((n,), value).double() if source is None else source
    return DualValue(value, 0.0, parts, torch.zeros(len(parts)).double())


def some(dual: float, name: str, parameter: Tensor | None = None) -> Any:
    values = [torch.zeros(2), torch.zeros(2) if parameter is None else parameter]
    return SimpleNamespace(u=SimpleNamespace(parameters=lambda: values), value=told(dual), name=name)


class Asked:
    """Fits that take 10 and 20 seconds, and what they were asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, narrow: float | None, wide: float | None) -> None:
        self.told = ByHand()
        self.until: dict[str, float] = {}
        self.configs: list[Any] = []

        def fitter(name: str, seconds: float, dual: float | None) -> Any:
            def found(clouds: Any, config: Any, seed: int, until: float, told: Any) -> Any:
                self.until[name] = until
                self.configs.append(config)
                self.told.now += seconds
                if dual is None:
                    raise FloatingPointError("it was lost")
                return some(dual, name)

            return found

        monkeypatch.setattr(fit, "fit_narrow", fitter("narrow", 10.0, narrow))
        monkeypatch.setattr(fit, "fit_wide", fitter("wide", 20.0, wide))
        monkeypatch.setattr(fit, "choose", lambda seconds, n, d: ("chosen", seconds, n, d))

    def answer(self, until: float, d: int = 2, config: Any = None) -> Any:
        clouds = SimpleNamespace(x=range(100), y=range(80), d=d, dual=lambda found: found.value)
        return _fitted(clouds, config, 0, until, self.told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("left", "d", "narrow_ends"),
    [(100.0, 2, 50.0), (30.0, 2, 8.0), (26.5, 2, None), (100.0, 3, None), (100.0, 1, 50.0)],
)
def test_up_to_two_dimensions_pairs_get_half_of_the_time_that_leaves_enough_for_the_dual(
    left: float, d: int, narrow_ends: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch, 3.0, 2.0)
    found, dual = asked.answer(50 + left, d)
    assert (found.name, dual.value) == ("wide", 2.0) and asked.until["wide"] == 50 + left
    assert asked.until.get("narrow") == (None if narrow_ends is None else pytest.approx(50 + narrow_ends))
    spent = 0.0 if narrow_ends is None else 10.0
    assert asked.configs[-1] == ("chosen", left - spent, 80, d)


@pytest.mark.parametrize(
    ("narrow", "wide", "name"),
    [
        (3.0, 2.0, "wide"),
        (2.0, 3.0, "narrow"),
        (2.0, 2.0, "wide"),
        (2.0, math.nan, "narrow"),
        (math.nan, 2.0, "wide"),
        (math.inf, 2.0, "wide"),
        (None, 2.0, "wide"),
        (2.0, None, "narrow"),
    ],
)
def test_the_lower_finite_dual_of_both_is_returned(
    narrow: float | None, wide: float | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, dual = Asked(monkeypatch, narrow, wide).answer(150.0)
    assert (found.name, dual.value) == (name, 2.0)


def test_settings_that_are_given_are_taken_and_a_lone_failure_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, own = Asked(monkeypatch, 3.0, 2.0), WideConfig(pieces=3)
    assert asked.answer(150.0, 2, own)[0].name == "wide" and asked.configs == [own]
    paired = PotentialConfig()
    assert asked.answer(150.0, 9, paired)[0].name == "narrow" and asked.configs[1:] == [paired]
    for narrow in (None, math.nan):
        with pytest.raises(FloatingPointError):
            Asked(monkeypatch, narrow, None).answer(150.0)


def test_weights_that_are_not_all_finite_have_no_dual() -> None:
    clouds: Any = SimpleNamespace(dual=lambda found: found.value)
    assert _dual(clouds, some(2.0, "")).value == 2.0
    assert math.isnan(_dual(clouds, some(2.0, "", torch.tensor([0.0, math.nan]))).value)


def test_the_time_spent_is_told_of_a_thousand() -> None:
    outside = ByHand()
    spent = _Spent(outside, 20.0)
    for outside.now in (50.0, 55.0, 69.0, 100.0):
        spent.check()
    assert outside.told == [("fit", 0, 1000), ("fit", 250, 1000), ("fit", 950, 1000), ("fit", 1000, 1000)]


def test_a_cloud_has_four_points_and_all_finite() -> None:
    single, double = torch.zeros(4, 2), torch.zeros(4, 2).double()
    assert _draw(single, 0, "source") is not None and _draw(single, 0, "x").dtype == torch.float32
    assert _draw(double, 0, "source").dtype == torch.float64 and _draw(double.half(), 0, "x").dtype == torch.float32
    lost = single.clone()
    lost[2, 1] = math.nan
    for wrong, says in ((single[:3], "n >= 4"), (torch.zeros(9), "n >= 4"), (lost, "not finite")):
        with pytest.raises(ValueError, match=says):
            _draw(wrong, 0, "source")


X, Y = (torch.randn(60, 2, generator=torch.Generator().manual_seed(s)).double() + 7 for s in (1, 2))


def answered(
    monkeypatch: pytest.MonkeyPatch, dual: float | None, note: str = "", budget: float | None = 0.5, **more: Any
) -> tuple[PotentialMap, dict[str, Any], PotentialMap]:
    """The answer where the fit takes 4 s, its dual is this and the Gaussian map's 5; what the fit was given; and
    what it found."""
    recorder, given = ByHand(), dict[str, Any]()
    clouds = Clouds(X, Y, 0)
    found = PotentialMap(WidePotential(2, (3,), pieces=2), clouds.balanced(), {"method": "mine", "note": note})
    linear = PotentialMap(WidePotential(2, (), pieces=0), clouds.balanced(), {"method": "gaussian"})

    def fallback(of: Clouds) -> tuple[PotentialMap, DualValue]:
        recorder.now += 2.0
        return linear, told(5.0)

    def fitted(of: Clouds, config: Any, seed: int, until: float, told_to: Any) -> tuple[PotentialMap, DualValue]:
        recorder.now += 4.0
        given.update(config=config, seed=seed, until=until, told=told_to)
        if dual is None:
            raise FloatingPointError("it was lost")
        return found, told(dual)

    monkeypatch.setattr(fit, "gaussian_fallback", fallback)
    monkeypatch.setattr(fit, "_fitted", fitted)
    return fit_brenier_map(X, Y, budget_seconds=budget, recorder=recorder, **more), given, found


def test_a_fit_that_is_better_is_the_answer_with_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    best, given, found = answered(monkeypatch, 4.0, "a word", 30.0, seed=3, config=WideConfig(pieces=7))
    shift = Clouds(X, Y, 3).shift()
    assert best.u is found.u and best.trained is None and abs(shift) > 50
    assert best.info == {
        "method": "mine",
        "note": "a word",
        "d": 2,
        "n": 54,
        "held_out_dual": shift + 4.0,
        "gaussian_dual": shift + 5.0,
        "seconds": 6.0,
    }
    assert given["until"] == pytest.approx(50 + 30 - 1.5 * 2) and given["seed"] == 3
    assert given["config"] == WideConfig(pieces=7) and given["told"].seconds == 30.0
    assert answered(monkeypatch, 4.0, budget=None)[1]["until"] == pytest.approx(50 + 60 - 3)


@pytest.mark.parametrize(
    ("dual", "note", "says", "kept"),
    [
        (5.0, "", "no better than the Gaussian map on held-out samples, so", True),
        (6.0, "a word", "on held-out samples (a word), so that the Gaussian map is returned", True),
        (math.nan, "", "values that are not finite", False),
        (math.inf, "", "values that are not finite", False),
        (None, "", "the fit was stopped (it was lost)", False),
    ],
)
def test_a_fit_that_is_not_gives_way_to_the_gaussian_map(
    dual: float | None, note: str, says: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    best, _, found = answered(monkeypatch, dual, note)
    shift = Clouds(X, Y, 0).shift()
    assert best.info["method"] == "gaussian" and says in best.info["note"]
    assert best.info["held_out_dual"] == best.info["gaussian_dual"] == pytest.approx(shift + 5.0)
    assert (best.trained is not None and best.trained.u is found.u) if kept else best.trained is None


@pytest.mark.parametrize(("spread", "wins"), [(0.5, True), (3.9, True), (4.1, False), (20.0, False)])
def test_a_gain_must_be_beyond_the_error_of_what_it_is_gained_by(spread: float, wins: bool) -> None:
    """A gain of 1 over 16 samples whose gains have this standard deviation, four times its error."""
    source = torch.tensor([1.0, -1.0] * 8).double() * (15 / 16) ** 0.5 * spread
    assert fit._wins(told(4.0, 4 + source), told(5.0, torch.full((16,), 5.0).double())) is wins


def test_what_both_have_in_common_is_no_error_and_a_single_sample_says_nothing() -> None:
    wild = torch.tensor([1e3, -1e3, 5.0, 70.0]).double()
    far = told(float((wild + 1).mean()), wild + 1)
    assert told(float(wild.mean()), wild).lead(far) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))
    one = told(4.0, torch.tensor([4.0]).double())
    assert one.lead(told(5.0, torch.tensor([5.0]).double())) == (1.0, math.inf)
    assert not fit._wins(one, told(5.0, torch.tensor([5.0]).double()))


def test_clouds_of_unlike_sizes_have_a_dual() -> None:
    clouds = Clouds(torch.cat([X, X + 0.1]), Y, 0)
    dual = clouds.dual(PotentialMap(WidePotential(2, (3,), pieces=2), clouds.balanced()))
    assert (len(dual.source), len(dual.target)) == (12, 6)
    assert dual.value == pytest.approx(float(dual.source.mean() + dual.target.mean()))


def test_both_samplers_are_drawn_from_with_seeds_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def draw(n: int, generator: torch.Generator) -> Tensor:
        drawn.append(generator.initial_seed())
        return torch.randn(50, 2, generator=generator)

    def fitted(clouds: Clouds, *rest: Any) -> tuple[PotentialMap, DualValue]:
        return PotentialMap(WidePotential(2, (), pieces=0), clouds.balanced()), told(-1e9, n=5)

    monkeypatch.setattr(fit, "_fitted", fitted)
    fit_brenier_map(draw, draw, seed=8)
    assert drawn == [seeds.child(8, name) for name in ("source", "target")]
    with pytest.raises(ValueError, match="must be positive"):
        fit_brenier_map(X, Y, budget_seconds=0.0)
    with pytest.raises(ValueError, match="dimension 2 and target 3"):
        fit_brenier_map(X, torch.zeros(9, 3))
