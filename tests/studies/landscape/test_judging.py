"""The verdict on a landscape run: exact draws are good, a basin's share alone proves nothing, one basin is trivial."""

from __future__ import annotations

from typing import Any

import pytest

from npf_engine.cli import landscape as cli
from npf_engine.studies import kinds
from npf_engine.studies.landscape import judging, words
from npf_engine.studies.landscape import result as results
from npf_engine.studies.landscape.spec import LandscapeSpec

TARGET, OWN = (0.7, 0.3), (0.45, 0.55)


BLANK = {"coefficient": 1.0, "tau": 0.1, "gradient_evaluations": 9, "seconds": 1.0}


def judge(report: dict[str, Any]) -> dict[str, str]:
    """The verdict as JSON; empty where there is none."""
    modes = [{"location": [0.0, 0.0], "kind": "minimum", **mode} for mode in report["modes"]]
    found = judging.judge(results.LandscapeResult.of_json(BLANK | report | {"modes": modes}))
    return {} if found is None else found.to_json()


def result(occupancy: tuple[float, ...] = TARGET, near: float = 0.99, energy: float = 0.01, **more: Any) -> dict:
    """What a landscape run answers, as far as the verdict reads it."""
    modes = [{"occupancy": o, "target": t, "own_law": w} for o, t, w in zip(occupancy, TARGET, OWN, strict=True)]
    own = {"near_modes": 0.3, "near_saddles": 0.4, "near_maxima": 0.2, "energy_distance": 0.02}
    truth = {
        "energy_distance_of_exact_samples": 0.01,
        "energy_distance_of_one_basin": 1.0,
        "near_modes": 0.99,
        "near_saddles": 0.0,
        "near_maxima": 0.0,
        "own": own,
    }
    return {
        "method": "lmc",
        "law": "target",
        "modes": modes,
        "near_modes": near,
        "near_saddles": (1 - near) / 2,
        "near_maxima": 0.0,
        "energy_distance": energy,
        "truth": truth,
    } | more


@pytest.mark.parametrize(
    ("occupancy", "verdict"),
    [
        ((0.7, 0.3), "good"),
        ((0.66, 0.34), "good"),
        ((0.5, 0.5), "usable"),
        ((1.0, 0.0), "not trustworthy"),
        ((0.0, 1.0), "not trustworthy"),
    ],
)
def test_shares_lie_between_the_law_and_one_basin(occupancy: tuple[float, float], verdict: str):
    found = judge(result(occupancy))
    assert found["verdict"] == verdict
    assert "miss by 30.0 %" in found["verdict_reason"] and "exact samples have 0.01" in found["verdict_reason"]


@pytest.mark.parametrize(
    ("near", "verdict"), [(0.96, "good"), (0.94, "usable"), (0.9, "usable"), (0.36, "not trustworthy")]
)
def test_right_basins_are_not_enough_where_draws_are_not_near_their_modes(near: float, verdict: str):
    found = judge(result(near=near))
    assert found["verdict"] == verdict and f"{100 * near:.0f} % of the draws are near a mode" in found["verdict_reason"]
    assert ("99 % should be near a mode" in found["verdict_reason"]) == (verdict != "good")


@pytest.mark.parametrize(("energy", "verdict"), [(0.04, "good"), (0.2, "usable"), (1.2, "not trustworthy")])
def test_the_energy_distance_counts(energy: float, verdict: str):
    assert judge(result(energy=energy))["verdict"] == verdict


def test_lmc_npf_is_judged_by_its_own_law_only_when_asked():
    """Exact draws of its own law are wrong draws of exp(-c g); why is said in both cases."""
    own = {"near_saddles": 0.4, "near_maxima": 0.2, "method": "lmc-npf"}
    asked, plain = judge(result(OWN, 0.3, 0.9, law="own", **own)), judge(result(OWN, 0.3, 0.9, **own))
    assert asked["verdict"] == "good" and asked["verdict_reason"].startswith("against its own law, as asked for")
    assert plain["verdict"] == "not trustworthy"
    assert all("visits all critical points" in found["verdict_reason"] for found in (asked, plain))
    assert judge(result(TARGET, 0.99, law="own", method="lmc-npf"))["verdict"] == "not trustworthy"


def test_where_one_basin_has_nearly_all_mass_staying_there_is_right():
    """One basin is then the truth: an error as small as the trivial answer's is no fault."""
    lone = result()
    for mode, occupancy, target in zip(lone["modes"], (0.9999, 0.0001), (0.9998, 0.0002), strict=True):
        mode.update(occupancy=occupancy, target=target)
    assert judge(lone)["verdict"] == "good"
    single = result()
    single["modes"] = [{"occupancy": 1.0, "target": 1.0, "own_law": None}]
    single["truth"]["energy_distance_of_one_basin"] = None
    assert judge(single)["verdict"] == "good" and "basin's share" not in judge(single)["verdict_reason"]
    assert judge(single | {"energy_distance": 0.2})["verdict"] == "usable"


def test_an_unknown_law_has_no_verdict():
    assert judge({"method": "lmc", "law": "target", "modes": [], "truth": None}) == {}


def of_shares(occupancy: tuple[float, ...], target: tuple[float, ...], **more: Any) -> dict:
    """A run whose energy and whose draws near modes are right."""
    modes = [{"occupancy": o, "target": t, "own_law": None} for o, t in zip(occupancy, target, strict=True)]
    return result() | {"modes": modes} | more


FIVE, SIX = (0.6, 0.1, 0.1, 0.1, 0.1), (0.2, 0.2, 0.2, 0.2, 0.1, 0.1)


@pytest.mark.parametrize(
    ("occupancy", "target", "verdict"),
    [
        # each share within 0.05; in the wrong basin are 0.06, then 0.12
        ((0.22, 0.18, 0.22, 0.18, 0.12, 0.08), SIX, "good"),
        ((0.24, 0.16, 0.24, 0.16, 0.14, 0.06), SIX, "usable"),
        ((0.26, 0.14, 0.2, 0.2, 0.1, 0.1), SIX, "usable"),
        # those that stay in the heaviest basin have 0.4 in the wrong one
        ((0.4, 0.2, 0.3, 0.05, 0.05), FIVE, "usable"),
        ((0.38, 0.26, 0.36, 0.0, 0.0), FIVE, "not trustworthy"),
        ((1.0, 0.0, 0.0, 0.0, 0.0), FIVE, "not trustworthy"),
        ((0.0, 0.0), (0.7, 0.3), "not trustworthy"),
        # an error of 0.009 is chance, one of 0.011 is not
        ((0.999, 0.001), (0.99, 0.01), "good"),
        ((1.0, 0.0), (0.989, 0.011), "not trustworthy"),
    ],
)
def test_shares_of_many_basins(occupancy: tuple[float, ...], target: tuple[float, ...], verdict: str):
    found = judge(of_shares(occupancy, target))
    error = max(abs(a - b) for a, b in zip(occupancy, target, strict=True))
    assert found["verdict"] == verdict
    assert found["verdict_reason"].startswith(
        f"a basin's share misses that of exp(-c g) by {100 * error:.1f} % at most; particles that never leave the best "
        "basin "
        f"miss by {100 * (1 - max(target)):.1f} %; "
    )


@pytest.mark.parametrize(
    ("value", "floor", "trivial", "verdict"),
    [
        (0.09, 0.02, 1.0, "good"),
        (0.11, 0.02, 1.0, "usable"),
        (0.04, 0.001, 1.0, "good"),
        (0.06, 0.001, 1.0, "usable"),
        (1.1, 0.001, 1.0, "not trustworthy"),
        (1.2, 0.3, 1.0, "good"),
        (1.6, 0.3, 1.0, "not trustworthy"),
        (0.004, 0.001, None, "good"),
        (0.03, 0.001, None, "usable"),
        (90.0, 0.001, None, "usable"),
    ],
)
def test_an_energy_distance_between_floors_and_one_basin(
    value: float, floor: float, trivial: float | None, verdict: str
):
    run = result(energy=value)
    run["truth"] |= {"energy_distance_of_exact_samples": floor, "energy_distance_of_one_basin": trivial}
    found = judge(run)
    assert found["verdict"] == verdict and f"energy distance {value:g} where exact" in found["verdict_reason"]
    assert ("and one basin has 1" in found["verdict_reason"]) is (trivial is not None)


def test_more_draws_near_modes_than_expected_are_a_fault_of_the_own_law_only():
    run = result(near=0.99)
    run["truth"] |= {"near_modes": 0.8}
    assert judge(run)["verdict"] == "good"
    own = result(OWN, near=0.5, energy=0.02, law="own", method="lmc-npf")
    assert judge(own)["verdict"] == "not trustworthy"
    assert (
        "where 30 % should be near a mode, 40 % near a saddle and 20 % near a maximum" in judge(own)["verdict_reason"]
    )
    assert "misses that of the law by 0.0 %" in judge(own)["verdict_reason"]
    assert judge(own | {"near_modes": 0.3})["verdict"] == "good"


def test_what_there_is_to_judge_by():
    run = result()
    run["truth"]["own"] = None
    assert judge(run)["verdict"] == "good" and judge(run | {"law": "own"}) == {}
    assert judge(run | {"modes": []}) == {} and judge(run | {"truth": None}) == {}
    empty = judge(run | {"energy_distance": None})
    assert empty["verdict"] == "good" and "energy" not in empty["verdict_reason"]
    assert "visits all critical points" not in judge(run)["verdict_reason"]
    assert (
        "99 % of the draws are near a mode, 1 % near a saddle and 0 % near a maximum, as they should be; "
        "energy distance 0.01 where exact samples have 0.01 and one basin has 1"
    ) in judge(run)["verdict_reason"]


def of(report: dict[str, Any]) -> results.LandscapeResult:
    """The result of a report without the places of its modes."""
    modes = [{"location": [0.0, 0.0], "kind": "minimum", **mode} for mode in report["modes"]]
    return results.LandscapeResult.of_json(BLANK | report | {"modes": modes})


def test_all_figures_of_a_run_are_against_the_law_that_was_asked_for():
    run = result(OWN, 0.3, 0.9, law="own", method="lmc-preconditioned")
    run["truth"] |= {"largest_error": 0.25}
    run["truth"]["own"] |= {"largest_error": 0.01}
    own, plain = of(run).held, of(run | {"law": "target"}).held
    assert own is not None and plain is not None
    assert (own.weights, own.largest_error, own.energy_distance, own.energy_trivial) == (OWN, 0.01, 0.02, None)
    assert (plain.weights, plain.largest_error, plain.energy_distance, plain.energy_trivial) == (TARGET, 0.25, 0.9, 1.0)
    assert (own.near.modes, plain.near.modes) == (0.3, 0.99)
    assert words.KIND.measured(run) == pytest.approx({"energy": 0.02, "largest_error": 0.01, "near_saddles": 0.35})
    asked = words.KIND.measured(run | {"law": "target"})
    assert (asked["energy"], asked["largest_error"]) == (0.9, 0.25)
    said = cli.text(of(run))
    assert "energy distance to draws of its own law 0.02" in said and "energy distance 0.9" in cli.text(
        of(run | {"law": "target"})
    )
    assert judge(run)["verdict_reason"].endswith("1/|det Hessian|")
    assert "Preconditioned LMC on u visits all critical points" in judge(run)["verdict_reason"]
    assert "LMC-NPF" not in judge(run)["verdict_reason"]


@pytest.mark.parametrize(
    ("method", "factorization", "name"),
    [
        ("lmc-npf", "learned", "himmelblau lmc-npf"),
        ("lmc-npf", "known", "himmelblau lmc-npf, known"),
        ("lmc", "known", "himmelblau lmc"),  # does not jump
    ],
)
def test_runs_by_a_learned_and_by_a_known_factorization_have_names_of_their_own(
    method: str, factorization: str, name: str
):
    spec = LandscapeSpec(name="himmelblau", method=method, factorization=factorization)
    assert kinds.of(spec).run_name(spec) == kinds.of(spec).default_name(spec) == name


def test_a_sampler_with_a_law_of_its_own_says_so_where_that_is_not_known():
    run = result(method="lmc-npf")
    run["truth"]["own"] = None  # as of a mixture in ten dimensions
    assert "LMC-NPF visits all critical points" in judge(run)["verdict_reason"]
    asked = of(run | {"law": "own"})
    assert judging.judge(asked) is None and asked.held is not None and asked.held.weights == TARGET
    unknown, warning = judging.unjudged(asked)
    assert "own law is not known here, so there is no verdict" in unknown and "LMC-NPF visits all" in warning
    assert unknown in cli.text(asked)
    space = of(run | {"modes": [], "truth": None})
    assert judging.unjudged(space) == (warning,) and warning in cli.text(space)
    assert judging.unjudged(of(run | {"modes": [], "truth": None, "method": "lmc"})) == ()
    assert "weights of exp(-c g)" in judging.unjudged(of(run | {"modes": [], "truth": None, "law": "own"}))[0]
