"""The table of runs: what is kept in memory is what stands in the file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from npf_engine.runs.schema import Table


def table(folder: Path) -> Table:
    return Table(folder / "runs.db", folder / "runs")


def add(into: Table, run_id: str, **columns: object) -> None:
    into.insert(
        id=run_id, name=run_id, state="done", source="trained", spec=json.dumps({"seed": 3}), created=1.0, **columns
    )


def age(of: Table) -> None:
    """As if the last write were long ago, so that it may be trusted to be the last."""
    for suffix in ("", "-wal"):
        path = f"{of.path}{suffix}"
        if os.path.exists(path):
            os.utime(path, (1.0, 1.0))


def test_rows_that_did_not_change_are_the_same_objects(tmp_path):
    one = table(tmp_path)
    add(one, "a", metrics={"pushforward": {"ratio": 1.5}})
    first = one.rows()[0].run
    assert first.metrics == {"pushforward": {"ratio": 1.5}} and first.spec_json == {"seed": 3}
    assert one.rows()[0].run is first
    one.update("a", verdict="good")
    assert one.rows()[0].run.verdict == "good"


def test_what_another_process_writes_is_seen(tmp_path):
    one, other = table(tmp_path), table(tmp_path)
    add(one, "a")
    age(one)
    assert [row.run.id for row in one.rows()] == ["a"]
    assert [row.run.id for row in one.rows()] == ["a"]  # from memory
    add(other, "b")
    assert {row.run.id for row in one.rows()} == {"a", "b"}
    age(one)
    one.rows()
    other.remove("a")
    assert [row.run.id for row in one.rows("done")] == ["b"]
    assert one.rows("failed") == []


def test_a_list_that_is_changed_changes_no_other(tmp_path):
    one = table(tmp_path)
    add(one, "a")
    age(one)
    one.rows()
    one.rows().clear()
    assert len(one.rows()) == 1


def test_the_gallery_is_told_by_its_origin(tmp_path):
    one = table(tmp_path)
    add(one, "a")
    one.insert(id="g", name="g", state="done", source="gallery", spec="{}", created=2.0, origin="npf-g.zip 12")
    assert one.origins() == {"g": "npf-g.zip 12"}
