"""Train: the set-up, a refused setting, and a run in each of its states."""

from __future__ import annotations

import os
import signal

import pytest

from npf_engine.runs.store import Run, RunStore
from npf_engine.studies.factorization.spec import dotted_values
from npf_engine.tasks import layout
from npf_engine.tasks.processes import Identity
from tests.pages.conftest import TINY, button, endless, links, open_page, stand_in, texts, tiny, wait_for
from ui.link import TRAINING


def test_set_up_shows_field_preset_and_cost(store: RunStore):
    app = open_page("train")
    assert "Jacksboro" in texts(app)
    cost = [item for item in app.metric if "machine" in item.label]
    assert cost and cost[0].value not in ("", "–")
    assert "measurement of this machine" in texts(app)


def test_field_and_settings_come_from_the_link(store: RunStore):
    app = open_page("train", {"source": "fractal", "noise_seed": "7", "u.pair_size": "321", "preset": "paper"})
    assert "noise seed 7" in texts(app)
    assert "Changed from the preset: `u.pair_size`" in texts(app)


def test_bad_link_is_told_in_a_sentence(store: RunStore):
    app = open_page("train", {"u.pair_size": "-3"})
    assert "pair\\_size must be positive" in app.error[0].value
    assert not [item for item in app.button if item.label == "Train"]


def test_link_cannot_open_a_file_of_the_server(store: RunStore):
    app = open_page("train", {"source": "/etc/hostname"})
    assert "cannot open the file" in app.error[0].value


def test_preset_changes_the_cost_and_the_link(store: RunStore):
    app = open_page("train")
    before = app.metric[0].value
    app.segmented_control(key="preset_choice").set_value("paper").run()
    assert not app.exception
    assert app.metric[0].value != before
    assert app.query_params["preset"] == "paper"


def open_settings(query: dict[str, str]):
    """The set-up with its advanced settings unfolded."""
    app = open_page("train", query)
    app.session_state["advanced"] = True
    return app.run()


def test_advanced_setting_is_taken_into_the_link(store: RunStore):
    app = open_settings({})
    app.number_input(key="set_seed").set_value(5).run()
    assert app.query_params["seed"] == "5"


def test_refused_setting_is_told_and_leaves_the_link_alone(store: RunStore):
    app = open_settings({"seed": "5"})
    app.number_input(key="set_threads").set_value(-1).run()
    assert any("must be 0 or more, not -1" in item.value for item in app.error)
    assert "threads" not in app.query_params
    assert app.query_params["seed"] == "5"


def test_train_starts_a_run_and_shows_it(store: RunStore):
    query = TRAINING.write(endless())
    app = open_page("train", query)
    button(app, "Train").click()
    app.run()
    assert not app.exception, app.exception[0].message
    run = store.list()[0]
    assert run.state in ("queued", "running")
    assert run.name == "Jacksboro fault quick changed"
    assert {key: dotted_values(run.spec)[key] for key in TINY if key != "u.regression_steps"} == {
        key: value for key, value in TINY.items() if key != "u.regression_steps"
    }
    assert app.query_params["run"] == run.id
    assert app.title[0].value == "Jacksboro fault quick changed"


def test_running_run_is_live_and_can_be_paused_resumed_cancelled(store: RunStore):
    run = store.submit(endless(name="busy"))
    wait_for(lambda: store.history(run.id).get("u") is not None and store.snapshot(run.id) is not None)
    app = open_page("train", {"run": run.id})
    assert app.title[0].value == "busy"
    assert any("steps/s" in item.label or "step" in (item.text or "") for item in progress_bars(app))
    assert [item for item in app.metric if item.label == "Loss"]
    assert "Held-out points" in texts(app)
    button(app, "Pause").click()
    app.run()
    wait_for(lambda: store.get(run.id).state == "paused")
    app.run()
    button(app, "Resume").click()
    app.run()
    wait_for(lambda: store.get(run.id).state == "running")
    app.run()
    button(app, "Yes, stop it").click()
    app.run()
    wait_for(lambda: store.get(run.id).state == "cancelled")
    app.run()
    assert "cancelled" in texts(app)
    button(app, "Resume")


def progress_bars(app):
    """The progress bars of the page, as they were sent."""
    return [Bar(item.proto.value, item.proto.text) for item in app.get("progress")]


class Bar:
    """A progress bar: its value (0 to 100) and its text."""

    def __init__(self, value: int, text: str) -> None:
        self.value, self.text, self.label = value, text, text


def test_queued_run_says_what_it_waits_for(store: RunStore, monkeypatch: pytest.MonkeyPatch):
    stand_in(store)
    store.submit(endless(name="first"))
    second = store.submit(endless(name="second"))
    third = store.submit(endless(name="third"))
    app = open_page("train", {"run": third.id})
    assert any("1 before it" in bar.text for bar in progress_bars(app))
    assert store.get(second.id).state == "queued"


def test_failed_run_shows_its_sentence_and_can_be_retried(store: RunStore):
    run = store.submit(tiny(field__source="no such place anywhere"))
    wait_for(lambda: store.get(run.id).state == "failed")
    app = open_page("train", {"run": run.id})
    assert "no such place anywhere" in app.error[0].value
    button(app, "Retry with edits").click()
    app.run()
    assert not app.exception
    assert app.title[0].value == "Train"
    assert "no such place anywhere" in texts(app)


def test_killed_worker_is_offered_for_resume(store: RunStore):
    stand_in(store)
    run = store.submit(endless(name="victim"))
    wait_for(lambda: store.status(run.id)["step"] > 0)
    worker = Identity.from_json(layout.read_json(run.folder / layout.WORKER))
    assert worker is not None
    os.killpg(worker.pid, signal.SIGKILL)
    wait_for(lambda: store.get(run.id).state == "interrupted", 10)
    app = open_page("train", {"run": run.id})
    assert "worker stopped" in app.error[0].value
    button(app, "Resume")


def test_done_run_leads_on(store: RunStore, done: Run):
    app = open_page("train", {"run": done.id})
    assert "done" in texts(app)
    labels = links(app)
    assert "Look at the factorization" in labels and "Pre-images" in labels


def test_a_done_run_has_its_card_and_one_at_work_has_none(store: RunStore, done: Run):
    app = open_page("train", {"run": done.id})
    assert "Model card" in [fold.label for fold in app.expander] and "How good it is" not in texts(app)
    app.session_state["card_fold"] = True  # unfolded
    app.run()
    assert not app.exception and "### How good it is" in texts(app)
    assert "| measure | value |" in texts(app)
    narrow = "".join(item.proto.body for item in app.get("html"))
    assert "<dt>M_xi#rho against rho, S_eps</dt>" in narrow
    assert "npf_engine train" in "".join(item.value for item in app.code)
    waiting = store.submit(tiny())
    assert "Model card" not in [fold.label for fold in open_page("train", {"run": waiting.id}).expander]


def test_unknown_run_is_an_empty_state(store: RunStore):
    app = open_page("train", {"run": "gone-123"})
    assert "not here" in texts(app)


def test_seeds_are_one_click_and_a_confirmation(store: RunStore) -> None:
    stand_in(store)
    app = open_page("train", {"u.regression_steps": "3"})
    app.number_input(key="sweep_count").set_value(3).run()
    app.button(key="sweep_seeds").click().run()
    assert app.query_params["sweep"] == "seed=0..2" and not store.active()
    assert "3 trainings" in app.metric[0].label and "seed 2" in texts(app) and "seed 3" not in texts(app)
    app.button(key="sweep_start").click().run()
    assert not app.exception, app.exception[0].message
    runs = [run for run in store.summaries() if run.sweep]
    assert {run.sweep for run in runs} == {"Jacksboro fault quick changed, 3 seeds"} and len(runs) == 3
    assert "Jacksboro fault quick changed, 3 seeds" in list(app.dataframe[0].value["Name"])  # on Models, unfolded


def test_a_sweep_of_the_link_that_cannot_be_is_a_sentence(store: RunStore) -> None:
    app = open_page("train", {"sweep": "u.pair_size=-1,5"})
    assert not app.exception and "pair" in app.error[0].value
    app.button(key="sweep_drop").click().run()
    assert "sweep" not in app.query_params and not app.error


def test_a_formula_has_no_settings_of_rasters_and_says_when_samples_are_few(store: RunStore) -> None:
    formula = {"source": "expression", "expression": "sin(3x) + y^2", "n_samples": "4000", "report.n": "512"}
    app = open_page("train", formula)
    said = " ".join(item.value for item in app.warning)
    assert "300 points, not 512" in said and "6,827 samples" in said
    offered = app.selectbox(key="sweep_key").options
    assert any("field.n_samples" in item for item in offered) and not any("field.sigma" in item for item in offered)
    enough = open_page("train", formula | {"n_samples": "6827"})
    assert not enough.warning
    terrain = open_page("train", {})
    assert any("field.sigma" in item for item in terrain.selectbox(key="sweep_key").options) and not terrain.warning
