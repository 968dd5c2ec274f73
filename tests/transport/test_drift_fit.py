"""The drifting methods: units, networks, functionals and budgets, and what is shown of many seeds on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.transport import drift_fit
from npf_engine.transport.coordinates import Units
from npf_engine.transport.drift_config import own, published
from npf_engine.transport.drift_fit import (
    begun,
    configured,
    drifting_functional,
    drifting_network,
    fit_drift,
    within_budget,
)
from npf_engine.transport.drift_settings import DriftChoice, DriftSettings
from npf_engine.transport.drifting import Drift
from npf_engine.transport.fit_report import STEPS, TIME
from npf_engine.transport.functionals import (
    EnergyDistance,
    KullbackLeibler,
    SinkhornDrift,
    standard_normal_gradient,
)
from npf_engine.transport.map import Map, PotentialMap
from npf_engine.transport.methods import registry
from npf_engine.transport.methods.method import Budget, Law, Showing
from tests.transport.by_hand import ByHand


def shifted(d: int, by: float, size: float) -> Callable[[int, torch.Generator], Tensor]:
    return lambda n, generator: by + size * torch.randn(n, d, generator=generator)


def laws(d: int = 2) -> tuple[Law, Law]:
    return Law(shifted(d, 10.0, 3.0)), Law(shifted(d, -70.0, 0.2))


def test_a_law_keeps_no_more_points_than_there_are_and_of_rows_the_first() -> None:
    draw, rows = shifted(2, 0.0, 1.0), torch.arange(12.0).reshape(6, 2)
    sizes = [len(Law(draw, points).fixed(5, torch.Generator())) for points in (None, 3, 9)]
    assert sizes == [5, 3, 5] and Law(draw).whole is draw
    known = Law(draw, 6, rows)
    assert torch.equal(known.fixed(4, torch.Generator()), rows[:4]) and known.whole is rows


def test_units_are_centre_and_size_of_each_law() -> None:
    source, target = laws()
    units = Units.of(source, Law(lambda n, generator: torch.full((n, 2), 4.0)))
    cloud = source(2000, seeds.generator(0, "lab.units"))
    torch.testing.assert_close(units.source[0], cloud.mean(0))
    assert units.source[1] == pytest.approx(float(cloud.var(0).mean()) ** 0.5)
    assert units.target[0].tolist() == [4.0, 4.0] and units.target[1] == 1.0  # a point has no size
    inside = Units.of(source, target)
    for draw, sampler, (centre, size) in (
        (source, inside.source_sampler, inside.source),
        (target, inside.target_sampler, inside.target),
    ):
        one, other = (torch.Generator().manual_seed(3) for _ in range(2))
        torch.testing.assert_close(centre + size * sampler(draw)(9, one), draw(9, other))
        assert float(sampler(draw)(500, one).square().mean()) == pytest.approx(1.0, rel=0.1)
    for centre, size in (Units.none(source, target).source, Units.none(source, target).target):
        assert centre.tolist() == [0.0, 0.0] and size == 1.0


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_the_published_network_is_seed_003s_and_ours_has_a_quadratic_term() -> None:
    assert same(drifting_network(DriftSettings("explicit", network="icnn"), 2, 3), ClassicalICNN(2, [20, 20], seed=3))
    for guarded, d, width, spread in (
        (False, 2, 20, 2.0),
        (False, 5, 64, 2.0),
        (True, 2, 32, 6.0),
        (True, 4, 32, 6.0),
        (True, 5, 64, 2.0),
    ):
        beside = ClassicalICNN(d, [width, width], terms=Terms(linear=True, rank=d), spread=spread, seed=3)
        assert same(drifting_network(DriftSettings("explicit", guarded=guarded), d, 3), beside)
    soft = drifting_network(DriftSettings("explicit", network="lse"), 3, 1)
    assert isinstance(soft, LogSumExpPotential) and soft.W.shape == (drift_fit.PIECES, 3)
    for name in ("explicit", "implicit-summed", "adam"):
        plain = DriftSettings(name, network="icnn", score="self-entropic", start="random", guarded=False)
        assert registry.get(name).published == plain
        assert registry.get(name).settings == DriftSettings(name)
    assert registry.get("gauss-newton").published == DriftSettings("gauss-newton", start="random", guarded=False)


def test_what_is_drifted_down_follows_from_what_is_known_of_the_target() -> None:
    known = Law(shifted(2, 0.0, 1.0), grad_V=standard_normal_gradient)
    units = Units.none(known, known)
    y = torch.randn(5, 2)
    for score in ("self-entropic", "calibrated"):
        found = drifting_functional(DriftSettings("explicit", score=score), known, 2, units)
        assert isinstance(found, KullbackLeibler) and found.score == score
        assert torch.equal(found.grad_V(y), y)
    source, target = laws(5)
    inside = Units.of(source, target)
    energy = drifting_functional(DriftSettings("explicit"), target, 5, inside)
    assert isinstance(energy, EnergyDistance) and energy.y.shape == (drift_fit.CHECK_POINTS, 5)
    assert abs(float(energy.y.mean())) < 0.2, "in model units"
    assert energy.fresh is not None and not torch.equal(energy.fresh(7), energy.fresh(7))
    blurred = drifting_functional(DriftSettings("explicit", functional="sinkhorn"), target, 5, inside)
    assert isinstance(blurred, SinkhornDrift) and blurred.tolerance == drift_fit.SINKHORN_TOLERANCE
    sampled = drifting_functional(DriftSettings("explicit", functional="kl"), target, 5, inside)
    assert isinstance(sampled, KullbackLeibler)
    by_samples = drifting_functional(DriftSettings("explicit", target="samples"), known, 2, units)
    assert isinstance(by_samples, EnergyDistance)
    assert isinstance(drifting_functional(DriftSettings("explicit", functional="mmd"), known, 2, units), EnergyDistance)


@pytest.mark.parametrize(
    ("settings", "known", "sentence"),
    [
        (DriftSettings("explicit", functional="mmd", target="density"), True, "knows a target by samples alone"),
        (DriftSettings("explicit", target="density"), False, "knows a target by samples alone"),
        (DriftSettings("explicit", functional="kl", target="density"), False, "only samples are known"),
    ],
)
def test_a_functional_and_a_target_that_do_not_go_together_are_refused(
    settings: DriftSettings, known: bool, sentence: str
) -> None:
    law = Law(shifted(2, 0.0, 1.0), grad_V=standard_normal_gradient if known else None)
    with pytest.raises(InputError, match=sentence):
        drifting_functional(settings, law, 2, Units.none(law, law))


def test_a_density_is_drifted_to_in_model_units() -> None:
    """N(m, s^2) in units in which it is N(0, 1)."""
    law = Law(shifted(2, 5.0, 3.0), grad_V=lambda y: (y - 5.0) / 9.0)
    slope = Units((torch.zeros(2), 1.0), (torch.full((2,), 5.0), 3.0)).target_slope(law.grad_V)
    y = torch.randn(6, 2)
    torch.testing.assert_close(slope(y), y)


@pytest.mark.parametrize("network", ["quadratic", "lse"])
def test_a_drift_begins_at_the_gaussian_map(network: str) -> None:
    source, target = laws()
    units = Units.of(source, target)
    ensemble = begun(DriftSettings("explicit", network=network), source, target, units, (1, 2))
    x = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0))
    found = ensemble.gradient(ensemble.theta, x.expand(2, 2000, 2))
    assert float((found - x).square().sum(2).mean()) < 0.1, "both laws are the normal in their units"
    with pytest.raises(InputError, match="cannot begin at the Gaussian map"):
        begun(DriftSettings("explicit", network="icnn"), source, target, units, (1,))
    random = begun(DriftSettings("explicit", network="icnn", start="random"), source, target, units, (1,))
    assert same(random.member(random.theta, 0), ClassicalICNN(2, [20, 20], seed=1))


def test_settings_of_a_run_stand_before_the_schemes_own() -> None:
    assert configured(registry.get("explicit").published) == published("explicit")
    assert configured(DriftSettings("adam")) == replace(own("adam"), from_identity=False)
    said = configured(DriftSettings("implicit", tau=0.3, outer=2, inner=3, rate=0.2, atoms=50, start="random"))
    assert (said.tau, said.outer, said.inner, said.rate, said.atoms) == (0.3, 2, 3, 0.2, 50)
    assert said.from_identity and said.guarded
    method, spec = registry.get("explicit"), LabSpecLike(DriftChoice(functional="kl", tau=0.5))
    assert method.chosen(method.settings, spec) == replace(method.settings, functional="kl", tau=0.5)
    assert method.chosen(method.settings, None) is method.settings
    gaussian = registry.get("gaussian")
    assert gaussian.chosen(gaussian.settings, spec) is gaussian.settings


@dataclass
class LabSpecLike:
    drift: DriftChoice


def test_a_budget_of_steps_is_rounded_up_to_whole_outer_ones_and_one_of_seconds_has_no_end() -> None:
    plain = published("explicit")
    assert within_budget(plain, Budget()) == plain and plain.inner == 100
    for steps, outer in ((1, 1), (100, 1), (101, 2), (250, 3)):
        found = within_budget(plain, Budget(steps=steps))
        assert (found.outer, found.steps, found.gradient_steps) == (outer, steps, 100 * outer)
    endless = within_budget(plain, Budget(3.0, 7))
    assert endless.outer == drift_fit.ENDLESS_OUTER and endless.steps == drift_fit.ENDLESS_STEPS


def drifted(
    monkeypatch: pytest.MonkeyPatch, scheme: str, ticks: Sequence[tuple[int, float]], budget: Budget, note: str = ""
) -> tuple[list[PotentialMap], dict[str, Any]]:
    """The answer for seeds 4 and 7 where the drift tells its watch of these (step, seconds) and moves nothing."""
    recorder, seen = ByHand(), dict[str, Any](shown=[])

    def drift(ensemble: Any, draw: Any, functional: Any, config: Any, to: Any, watch: Any, limit: Any) -> Drift:
        seen.update(ensemble=ensemble, atoms=draw(6), config=config, limit=limit)
        for step, seconds in ticks:
            recorder.now = 50.0 + seconds
            watch(step, ensemble.theta)
        return Drift(ensemble.theta, 9, 8.0, note)

    def see(step: int, forward: Map) -> None:
        seen["shown"].append((step, float(forward(torch.ones(3, 1)).sum())))

    monkeypatch.setattr(drift_fit, "drift", drift)
    source, target = laws(1)
    seen["units"] = Units.of(source, target)
    settings = DriftSettings(scheme, start="random", guarded=False)
    return fit_drift(source, target, settings, budget, (4, 7), Showing(recorder, see)), seen


def test_a_drift_of_many_seeds_answers_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = [(1, 6.0), (2, 6.1), (83, 7.0), (84, 8.0), (166, 9.0)]
    found, seen = drifted(monkeypatch, "explicit", ticks, Budget())
    units, x = seen["units"], 10 + torch.arange(5.0)[:, None]
    assert seen["limit"] is None and seen["config"] == published("explicit")
    for fitted, seed in zip(found, (4, 7), strict=True):
        network = drifting_network(DriftSettings("explicit", guarded=False), 1, seed)
        torch.testing.assert_close(fitted.forward(x), units.map(network.gradient)(x))
        slope = units.target[1] / units.source[1] * network.hessian((x - units.source[0]) / units.source[1])
        torch.testing.assert_close(fitted.jacobian(x), slope.detach())
        report = fitted.report
        assert report.parameters == sum(p.numel() for p in network.parameters()) and report.seconds == 4.0
        assert (report.method, report.steps, report.ended) == ("explicit", 9, STEPS)
    # Twelve points of a thousand steps and the first; the map that is shown is the first seed's.
    value = pytest.approx(float(found[0].forward(torch.ones(3, 1)).sum()), rel=1e-4)
    assert seen["shown"] == [(1, value), (83, value), (166, value)]
    first, second = seen["atoms"]
    assert first.shape == (6, 1) and not torch.equal(first, second)
    assert drifted(monkeypatch, "explicit", [], Budget(2.0), "the time ended")[0][0].report.ended == TIME


def test_a_drift_that_is_short_is_looked_at_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    _, seen = drifted(monkeypatch, "adam", [(k, float(k)) for k in range(1, 6)], Budget(steps=5))
    assert [step for step, _ in seen["shown"]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("seconds", "gap"), [(24.0, 4.0), (3.0, 1.0)])
def test_a_drift_within_seconds_is_looked_at_a_dozen_times_and_not_more_than_once_a_second(
    seconds: float, gap: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [0.0, gap, gap + 0.01, 1.5 * gap, 2 * gap, 2 * gap + 0.01, 3 * gap + 0.01]
    _, seen = drifted(monkeypatch, "explicit", list(enumerate(times)), Budget(seconds))
    assert seen["limit"] == 2 * seconds
    assert [step for step, _ in seen["shown"]] == [2, 5, 6]
