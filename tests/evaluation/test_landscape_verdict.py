"""The verdict on a landscape run: exact draws are good, a basin's share alone proves nothing, one basin is trivial."""

from __future__ import annotations

from typing import Any

import pytest

from npf_engine.evaluation.landscape_verdict import judge

TARGET, OWN = (0.7, 0.3), (0.45, 0.55)


def result(occupancy: tuple[float, ...] = TARGET, near: float = 0.99, energy: float = 0.01, **more: Any) -> dict:
    """What a landscape run answers, as far as the verdict reads it."""
    modes = [{"occupancy": o, "target": t, "own_law": w} for o, t, w in zip(occupancy, TARGET, OWN, strict=True)]
    own = {"near_modes": 0.3, "near_saddles": 0.4, "near_maxima": 0.2, "energy_distance": 0.02}
    truth = {
        "energy_distance_of_exact_samples": 0.01, "energy_distance_of_one_basin": 1.0, "near_modes": 0.99,
        "near_saddles": 0.0, "near_maxima": 0.0, "own": own,
    }  # fmt: skip
    return {
        "method": "lmc", "law": "target", "modes": modes, "near_modes": near, "near_saddles": (1 - near) / 2,
        "near_maxima": 0.0, "energy_distance": energy, "truth": truth,
    } | more  # fmt: skip


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
    assert "miss by 0.300" in found["verdict_reason"] and "exact samples have 0.01" in found["verdict_reason"]


@pytest.mark.parametrize(("near", "verdict"), [(0.96, "good"), (0.9, "usable"), (0.36, "not trustworthy")])
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
