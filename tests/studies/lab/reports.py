"""Reports of the lab as a test writes them: a few keys, the rest as it does not matter."""

from __future__ import annotations

from collections.abc import Mapping

from npf_engine.settings import reading
from npf_engine.studies.lab.result import LabResult, MethodResult
from npf_engine.studies.lab.view import judge, judged

BLANK: dict[str, object] = {
    "task": "gaussian",
    "title": "",
    "d": 2,
    "metric": "mmd",
    "floor": None,
    "trivial": 1.0,
    "exact_cost": 1.0,
    "n": 100,
    "results": {},
}


def row_of(row: Mapping[str, object]) -> MethodResult:
    """A row with these keys."""
    return MethodResult.of_json({"metric": "mmd", "failed_share": 0.0, **row})


def report_of(report: Mapping[str, object]) -> LabResult:
    """A report with these keys."""
    rows = reading.maybe_mapping(report, "results")
    full = {name: row_of(reading.mapping(rows, name)).to_json() for name in rows}
    return LabResult.of_json({**BLANK, **report, "results": full})


def judged_json(report: Mapping[str, object]) -> dict:
    """What ``judged`` answers, as JSON."""
    return judged(report_of(report)).to_json()


def judge_json(row: Mapping[str, object], report: Mapping[str, object]) -> dict:
    """What ``judge`` answers, as JSON."""
    return judge(row_of(row), report_of(report)).to_json()
