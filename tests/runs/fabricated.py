"""Runs as workers leave them, without the work: a folder with settings and report, and a row."""

from __future__ import annotations

import json
from collections.abc import Mapping

from npf_engine.runs import marks, safekeeping
from npf_engine.runs.schema import Run
from npf_engine.runs.store import RunStore
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.tasks import layout


def run(store: RunStore, spec: Spec, name: str, report: Mapping[str, object] | None, **columns: object) -> Run:
    """A run that is done, with this report; one that failed, without."""
    made = f"r{len(store.table.rows())}"
    folder = store.folder / made
    folder.mkdir(parents=True)
    data = kinds.spec_to_json(spec)
    layout.write_json(folder / layout.SPEC, data)
    told = {} if report is None else safekeeping.report_columns(dict(report))
    if report is not None:
        layout.write_json(folder / layout.REPORT, report)
    row = {"id": made, "name": name, "source": "trained", "spec": json.dumps(data), "created": 1e9 + len(made)}
    row |= {"state": "failed" if report is None else "done"} | told | columns
    marks.write(folder, name=store.table.insert(**row), source="trained", created=row["created"])
    return store.get(made)


def metrics(ratio: float) -> dict[str, object]:
    """The report of a training whose ratio of the pushforward this is."""
    item = {"value": 0.1 * ratio, "self_distance": 0.1, "ratio": ratio, "se": 0.02, "trivial": 5.0, "n": 2048}
    return {"metrics": {"pushforward": item}, "verdict": "good", "verdict_reason": "well", "seconds": {"total": 60.0}}


def sampled(store: RunStore, name: str = "bowl", energy: float = 0.02) -> Run:
    """A landscape run that is done."""
    report = {"method": "lmc", "energy_distance": energy, "verdict": "usable", "seconds": 5.0, "truth": None}
    return run(store, LandscapeSpec(name="himmelblau", method="lmc", seed=3), name, report)
