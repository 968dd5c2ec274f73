"""What a run's page says of its copy at NPF_ARTIFACTS."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from npf_engine.runs.store import RunStore
from npf_engine.tasks import layout
from tests.runs import fabricated
from tests.runs.conftest import counting


def told() -> None:
    from npf_engine.runs.store import RunStore
    from ui import copies

    copies.told(RunStore(gallery=None).get("r0"))


def test_a_copy_and_what_is_in_its_way(own_home):
    run = fabricated.run(RunStore(own_home, gallery=None), counting(), "hills", fabricated.metrics(1.1))
    app = AppTest.from_function(told).run()
    assert not app.caption and not app.warning
    layout.write_json(run.folder / layout.ARTIFACTS, {"at": "s3://lab/runs"})
    assert app.run().caption[0].value.endswith(f"A copy of this run is at s3\\://lab/runs/{run.id}.")
    failed = {"at": "s3://lab/runs", "error": "no *route*", "tries": 3, "again": 1.0}
    layout.write_json(run.folder / layout.ARTIFACTS, failed)
    warning = app.run().warning[0].value
    assert "no \\*route\\*" in warning and "Tried 3 times, again in under 1 s" in warning
    layout.write_json(run.folder / layout.ARTIFACTS, {"at": 3, "error": []})
    assert not app.run().warning and not app.exception
