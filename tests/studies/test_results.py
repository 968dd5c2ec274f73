"""What the kinds answer: typed, and by its JSON as the contract has it."""

from __future__ import annotations

import json

import pytest

from npf_engine.measures.verdict import GOOD, Verdict
from npf_engine.studies import kinds
from npf_engine.tasks.files import finite

METRIC = {"value": 1.0, "self_distance": 1.0, "ratio": 1.0}
VERDICT = {"verdict": GOOD, "verdict_reason": "all is well"}
REPORTS: dict[str, dict[str, object]] = {
    "train": {
        "metrics": {"pushforward": METRIC},
        "seconds": {"u": 2.0, "total": 2.0},
        "device": "cpu",
        "threads": 1,
        "seed": 3,
        "fingerprint": "ab",
        "bundle": "/somewhere/npf-x.zip",
    }
    | VERDICT,
    "landscape": {
        "method": "lmc",
        "law": "target",
        "coefficient": 2.0,
        "tau": 0.1,
        "gradient_evaluations": 9,
        "modes": [
            {"location": [1.0, 2.0], "kind": "minimum", "occupancy": 0.5, "near": 0.4, "target": 0.6, "own_law": None}
        ],
        "near_modes": 0.5,
        "near_saddles": 0.1,
        "near_maxima": 0.0,
        "energy_distance": 0.2,
        "truth": {
            "weights": [0.6, 0.4],
            "energy_distance_of_exact_samples": 0.01,
            "energy_distance_of_one_basin": 1.0,
            "critical_points": [
                {
                    "location": [1.0, 2.0],
                    "kind": "saddle",
                    "eigenvalues": [-1.0, 2.0],
                    "value": 3.0,
                    "residual": 0.0,
                }
            ],
            "largest_error": 0.1,
            "near_modes": 0.9,
            "near_saddles": 0.0,
            "near_maxima": 0.0,
            "own": {
                "near_modes": 0.3,
                "near_saddles": 0.4,
                "near_maxima": 0.2,
                "largest_error": 0.2,
                "energy_distance": 0.02,
            },
        },
        "accuracy": None,
        "acceptance": None,
        "mixing": None,
        "seconds": 3.5,
        "fingerprint": "cd",
        "out": "/somewhere",
        "bundle": None,
    }
    | VERDICT,
    "experiment": {
        "experiment": "5.5",
        "preset": "quick",
        "seed": 0,
        "data": "digits",
        "warnings": ["w"],
        "metrics": {"lmc": {"share_above_half": 0.5}},
        "trivial": {},
        "seconds": {"total": 1.0},
        "fingerprint": "ef",
        "gradient_evaluations": {"lmc": 9, "lmc-npf": 9},
        "lmc": {"share_above_half": 0.5},
        "lmc-npf": {"share_above_half": 0.6},
    }
    | VERDICT,
    "lab": {
        "seconds": {"total": 2.0},
        "task": "gaussian",
        "title": "Gaussian to Gaussian",
        "d": 2,
        "notes": ["a note"],
        "metric": "mmd",
        "floor": 0.1,
        "floor_std": None,
        "trivial": 1.0,
        "look": {"points": 512, "floor": 0.1, "trivial": 1.0},
        "exact_cost": 0.5,
        "n": 4096,
        "seeds": [0, 2],
        "spec": {"task": "gaussian"},
        "fingerprint": None,
        "moments": None,
        "results": {
            "icnn": {
                "metric": "mmd",
                "mean": 0.2,
                "std": 0.01,
                "failed_share": 0.5,
                "seconds": 1.5,
                "parameters": 40,
                "values": [0.2, None],
                "look": 0.3,
                "cost": None,
                "min_eigenvalue": -0.1,
                "note": "",
                "curve": {"seconds": [0.5], "step": [1], "value": [0.4]},
                "gap": 0.1,
                "gap_se": 0.0,
                "fingerprint": None,
                "moments": None,
                "verdict": GOOD,
            }
        },
        "digits": {"icnn": {"recognised": 0.5, "entropy": 2.0}},
    }
    | VERDICT,
    "recolor": {
        "width": 3,
        "height": 2,
        "method": "gaussian",
        "pushforward": METRIC,
        "structure": None,
        "parameters": 12,
        "note": "",
        "seconds": 0.5,
    }
    | VERDICT,
    "reproduce": {
        "paper": "npf",
        "item": "table-1",
        "title": "Table 1",
        "preset": "quick",
        "seed": 0,
        "rows": [
            {"what": "S", "paper": 0.36, "ours": 0.37, "floor": 0.3, "trivial": 4.0, "note": "n = 2048"},
            {"what": "T", "paper": None, "ours": None, "floor": None, "trivial": None},
        ],
        "seconds": 0.5,
        "fingerprint": None,
        "picture": "picture.json",
        "notes": ["Of the embedded digits."],
    },
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_a_result_and_back(name: str) -> None:
    result = kinds.get(name).result_of(REPORTS[name])
    assert result.verdict == (Verdict(GOOD, "all is well") if "verdict" in REPORTS[name] else None)
    assert json.loads(json.dumps(finite(result.to_json()))) == REPORTS[name]


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("junk", [{}, {"metrics": None, "verdict": "good"}, {"modes": [{}], "method": "lmc"}])
def test_what_is_no_report_of_the_kind_is_no_result(name: str, junk: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        kinds.get(name).result_of(junk)


def test_a_verdict_is_there_or_is_not() -> None:
    without = {key: value for key, value in REPORTS["landscape"].items() if key not in VERDICT}
    result = kinds.get("landscape").result_of(without)
    assert result.verdict is None and "verdict" not in result.to_json()


def test_a_key_that_no_version_knows_is_no_sampler() -> None:
    result = kinds.get("experiment").result_of(REPORTS["experiment"] | {"odd": 1})
    assert result.to_json() == REPORTS["experiment"]


@pytest.mark.parametrize("name", ["landscape", "experiment"])
def test_a_report_of_an_earlier_version_has_no_fingerprint(name: str) -> None:
    earlier = {key: value for key, value in REPORTS[name].items() if key != "fingerprint"}
    assert kinds.get(name).result_of(earlier).to_json() == earlier | {"fingerprint": None}
