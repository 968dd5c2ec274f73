"""Machines: executors, what is at work, what waits, what it has cost; and where a form's run goes."""

from __future__ import annotations

import json
import sys

import pytest
from streamlit.testing.v1 import AppTest

from npf_engine.errors import InputError
from npf_engine.runs.executors import jobs, registry
from npf_engine.runs.executors.local import LocalExecutor
from npf_engine.runs.machines import Cost, cost_of, machines
from npf_engine.tasks import layout
from tests.pages.conftest import open_page
from tests.runs import fabricated
from tests.runs.conftest import counting, make_store, wait_for
from tests.test_cli import answer, call

__all__ = ["make_store"]
REST = [sys.executable, "-c", "import time; time.sleep(100)"]


class Elsewhere(LocalExecutor):
    """A second place, with two slots of its own."""

    name, title = "elsewhere", "The other machine"

    def slots(self, device: str) -> list[str]:
        return ["far0", "far1"]


@pytest.fixture
def two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._known, "elsewhere", Elsewhere)
    monkeypatch.setenv("NPF_EXECUTOR", "local,elsewhere")


def shown(app: AppTest) -> str:
    assert not app.exception, app.exception[0].message
    return "\n".join(str(item.value) for kind in ("markdown", "caption", "metric") for item in getattr(app, kind))


def test_the_page_has_places_work_queue_and_cost(make_store, two_places, capsys):
    store = make_store(command=REST, watch=False)
    here, waits = store.submit(counting(name="here")), store.submit(counting(name="waits"))
    far = store.given_to("elsewhere").submit(counting(name="far"))
    over = fabricated.run(store, counting(), "over", fabricated.metrics(1.1), started=1.0)
    layout.write_json(over.folder / layout.STATUS, {"worked": 7200.0})
    layout.write_json(over.folder / layout.SPEC, {"device": "cuda", "threads": 3, "devices": 2})
    found = machines(store)
    assert [(item.run.name, item.executor, item.slot) for item in found.working] == [
        ("here", "local", "cpu0"),
        ("far", "elsewhere", "far0"),
    ]
    assert [(item.run.name, item.executor, item.ahead) for item in found.queue] == [("waits", "local", 0)]
    assert [(place.name, place.free, len(place.slots)) for place in found.places] == [
        ("local", 0, 1),
        ("elsewhere", 1, 2),
    ]
    assert found.places[0].nodes[0].cores >= 1
    assert cost_of(over.folder) == ("cuda", 7200.0, Cost(6.0, 4.0)) and found.cost.gpu_hours == 4.0
    told = answer(capsys, "machines")
    assert told == json.loads(json.dumps(found.to_json())) | {"executors": told["executors"]}
    assert "4.00" in (text := call(capsys, "machines")[1]) and "waiting:\n  waits" in text
    app = open_page("machines")
    words = shown(app)
    for part in ("This machine", "The other machine", "**far**", "**1.**", "6 core-hours", "4 GPU-hours", "far0"):
        assert part in words, part
    app.button(key=f"machines_stop_{waits.id}").click().run()
    assert store.get(waits.id).state == "cancelled" and "## Waiting" not in shown(app)
    for run in (here, far, waits):
        store.delete(run.id)


def test_a_form_asks_where_only_if_there_is_a_choice(make_store, two_places, monkeypatch):
    store = make_store(command=REST, watch=False)
    monkeypatch.setenv("NPF_WORKER_COMMAND", json.dumps(REST))
    app = open_page("train")
    choice = app.selectbox(key="where_choice")
    assert choice.options == ["This machine: 1 of 1 slots free", "The other machine: 2 of 2 slots free"]
    choice.select("elsewhere").run()
    assert "It starts at once." in shown(app)
    app.button(key="train").click().run()
    wait_for(lambda: store.list("train"))
    run = store.list("train")[0]
    assert jobs.read(run.folder).executor == "elsewhere"
    store.delete(run.id)
    monkeypatch.setenv("NPF_EXECUTOR", "local")
    assert not [box for box in open_page("train").selectbox if box.key == "where_choice"]


def test_a_cluster_that_does_not_answer_is_not_waited_for_each_time(make_store, two_places, monkeypatch):
    store, asked = make_store(watch=False), []

    def nodes(self):
        asked.append(self.name)
        raise InputError("nobody answers")

    monkeypatch.setattr(Elsewhere, "nodes", nodes)
    for _ in range(3):
        place = machines(store).places[1]
        assert place.problem == "nobody answers" and len(place.slots) == 2 and place.free == 2
    assert asked == ["elsewhere"]
