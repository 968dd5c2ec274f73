"""Landscape: the forms, finished and broken runs on a potential, a made experiment, critical points."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.classifier import DIMENSION
from npf_engine.figures import message
from npf_engine.measures.verdict import Verdict
from npf_engine.numbers import number, percent
from npf_engine.runs.executors.command import COMMAND_VARIABLE
from npf_engine.runs.store import GALLERY, Run, RunStore
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.classifier.result import ExperimentResult
from npf_engine.studies.landscape.result import LandscapeResult
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.tasks import layout
from pages.landscape import chains, ground, player
from tests.pages.conftest import WAIT, button, links, made_here, open_page, texts, wait_for
from ui import frame, runs

TINY = LandscapeSpec(method="lmc", particles=24, steps=60)


def plots(app) -> int:
    return len(app.get("plotly_chart"))


def test_first_visit_offers_a_potential_and_shows_it(store: RunStore):
    app = open_page("landscape")
    assert not app.error and plots(app) == 1
    assert "Himmelblau" in str(app.selectbox(key="built_in").format_func("himmelblau"))
    assert "256 particles, 4,000 steps: 1,024,000 gradients" in texts(app)
    assert [item.label for item in app.tabs] == ["Sample it", "Critical points"]


def test_a_step_size_that_makes_the_chain_diverge_is_told(store: RunStore):
    app = open_page("landscape", {"tau": "0.1"})
    assert any("the chain diverges" in item.value for item in app.warning)
    assert not open_page("landscape", {"tau": "0.0005"}).warning


def test_another_potential_forgets_what_belonged_to_the_old_one(store: RunStore):
    app = open_page("landscape", {"start": "[1, 1]", "tau": "0.001", "method": "lmc", "seed": "4"})
    app.selectbox(key="built_in").set_value("mixture").run()
    assert not app.exception
    assert {key: app.query_params[key] for key in app.query_params} == {"name": "mixture", "method": "lmc", "seed": "4"}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"tau": "-1"}, "tau must be a positive number"),
        ({"method": "magic"}, "must be one of"),
        ({"name": "expression", "expression": "x +"}, "expression"),
        ({"name": "expression", "expression": "x + y + z^2"}, "two variables"),
        ({"name": "swirl"}, "no gradient of a potential"),
        ({"name": "/etc/hostname"}, "a link cannot open the file"),
        ({"name": "expression", "expression": "x^2 + y^2", "low": "[-5, -5]", "high": "[5]"}, "2 lower and 1 upper"),
        ({"name": "expression", "expression": "x^2 + y^2", "low": "[5, 5]", "high": "[-5, -5]"}, "lower first"),
    ],
)
def test_bad_links_are_told_in_a_sentence(store: RunStore, query: dict[str, str], sentence: str):
    app = open_page("landscape", query)
    assert sentence.lower() in app.error[0].value.replace("\\", "").lower()
    assert "Start from the defaults" in links(app)


def test_a_refused_setting_leaves_the_link_alone(store: RunStore):
    app = open_page("landscape", {"seed": "5"})
    app.text_input(key="set_tau").set_value("quick").run()
    assert any("tau must be of type" in item.value.lower() for item in app.error)
    assert "tau" not in app.query_params and app.query_params["seed"] == "5"
    app.text_input(key="set_start").set_value("1, 2").run()
    assert app.query_params["start"] == "[1.0, 2.0]"


def test_a_place_that_must_be_fetched_is_left_to_the_run(store: RunStore):
    app = open_page("landscape", {"name": "Chamonix"})
    assert plots(app) == 0 and any("fetched" in item.value for item in app.info)
    assert plots(open_page("landscape", {"name": "jacksboro"})) == 1


def test_a_place_is_not_fetched_to_tell_that_it_is_in_the_plane(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(LandscapeSpec, "landscape", lambda spec: pytest.fail(f"{spec.name} was fetched"))
    assert ground.flat(("Chamonix", "", (), ()))
    monkeypatch.undo()
    assert ground.flat(("folds", "", (), ())) and not ground.flat(("mixture-10", "", (), ()))


def test_a_mixture_in_many_dimensions_is_built_in_and_no_place(store: RunStore):
    app = open_page("landscape", {"name": "mixture-10"})
    assert app.selectbox(key="built_in").value == "mixture-10" and not app.exception
    assert not any("fetched" in item.value for item in app.info)


def test_critical_points_of_himmelblau(store: RunStore):
    app = open_page("landscape", {"view": "Critical points"})
    assert "4 minima, 4 saddles, 1 maximum" in texts(app)
    table = app.dataframe[0].value
    place = table.iloc[0]
    assert (place["x"], place["y"]) == pytest.approx((3.0, 2.0), abs=1e-6) and place["type"] == "minimum"


def test_any_value_of_the_gradient_can_be_asked_for(store: RunStore):
    app = open_page(
        "landscape", {"view": "Critical points", "name": "expression", "expression": "x^2 + 3*y^2", "v": "1, 6"}
    )
    assert "∇g = (1, 6), by the type of g's Hessian: 1 minimum" in texts(app)
    assert "bends up in every direction" in texts(app) and "a mode of" not in texts(app)
    row = app.dataframe[0].value.iloc[0]
    assert (row["x"], row["y"]) == pytest.approx((0.5, 1.0))
    assert row["eigenvalues"] == "2, 6"
    bad = open_page("landscape", {"view": "Critical points", "v": "1"})
    assert "needs 2 finite numbers" in bad.error[0].value
    far = open_page("landscape", {"view": "Critical points", "name": "double-well", "v": "1e6, 0"})
    assert any("nowhere in the box" in item.value for item in far.info)


def test_run_starts_plain_lmc_beside_it(store: RunStore):
    app = open_page("landscape", {"particles": "8", "steps": "10"})
    button(app, "Run").click()
    app.run()
    assert not app.exception, app.exception[0].message
    found = store.list("landscape")
    assert [run.spec.method for run in found] == ["lmc-npf-corrected", "lmc"]
    assert app.query_params["run"] == found[0].id and app.title[0].value == "himmelblau lmc-npf-corrected"
    store.cancel(found[1].id)
    wait_for(lambda: not store.get(found[1].id).active)
    assert chains.beside(found[0].spec) is None, "a cancelled one is run again"


def test_a_run_on_a_potential_is_shown_over_time_and_can_be_taken_away(store: RunStore):
    run = made_here(store, TINY)
    assert run.state == "done", run.error or store.log(run.id)
    app = open_page("landscape", {"run": run.id})
    assert run.verdict == "not trustworthy" and any("never leave" in item.value for item in app.error)
    table = app.dataframe[0].value
    assert table["method"].sum() == pytest.approx(100) and table["target"].sum() == pytest.approx(100)
    assert any("himmelblau-lmc.zip" in item.label for item in app.download_button)
    over_time = open_page("landscape", {"run": run.id, "view": "Over time"})
    assert plots(over_time) == 1 and not over_time.exception and "Low places are dark" in texts(over_time)
    head, arrays = message.read(player.packed(ground.ground(ground.place(TINY)), [chains.load(run)], "x"))
    assert [told["particles"] for told in head["chains"]] == [24] and arrays["steps0"][-1] == 60
    assert len(arrays["codes0"]) == 2 * 24 * len(arrays["steps0"]) and arrays["g"].min() >= 0
    assert "Open" in links(open_page("landscape"))


def test_a_chain_that_diverges_is_told_and_keeps_what_it_had(store: RunStore):
    run = store.submit(LandscapeSpec(method="lmc", particles=8, steps=50, tau=0.5))
    wait_for(lambda: not store.get(run.id).active)
    run = store.get(run.id)
    assert run.state == "failed"
    app = open_page("landscape", {"run": run.id})
    assert "diverges" in app.error[0].value and "tau" in app.error[0].value
    assert "Until it broke off" in texts(app)
    assert any(item.label.startswith("Download himmelblau-lmc") for item in app.download_button)


def test_a_known_factorization_offers_its_samplers_and_another_potential_forgets_them(store: RunStore):
    app = open_page("landscape", {"name": "folds"})
    assert not app.exception and not app.error
    assert "Preconditioned LMC on u" in app.selectbox(key="method_choice").options
    keys = {item.key for item in (*app.selectbox, *app.get("button_group"))}
    assert {"set_factorization", "set_density"} <= keys
    app.selectbox(key="method_choice").set_value("lmc-preconditioned").run()
    assert app.query_params["method"] == "lmc-preconditioned" and not app.exception
    app.selectbox(key="built_in").set_value("himmelblau").run()
    assert "method" not in app.query_params and not app.exception
    assert "Preconditioned LMC on u" not in app.selectbox(key="method_choice").options
    corrected = LandscapeSpec("folds", factorization="known", density="flow")
    assert chains.plain(corrected) == LandscapeSpec("folds", "lmc")


def test_a_run_by_its_own_law_is_shown_by_that_law(store: RunStore):
    spec = LandscapeSpec("folds", "lmc-preconditioned", 64, 400, law="own")
    run = made_here(store, spec)
    found = runs.store().answer(run.id, LandscapeResult)
    assert found.held is not None and found.truth is not None and found.truth.own is not None
    app = open_page("landscape", {"run": run.id})
    shown = {item.label: item.value for item in app.metric}
    assert shown["Energy distance"] == number(found.truth.own.energy_distance or 0)
    assert shown["Largest error of a share"] == percent(found.truth.own.largest_error or 0)
    table = app.dataframe[0].value
    assert table["own"].tolist() == pytest.approx([100 * share for share in found.held.weights])
    assert "beside what its own law gives its basin" in texts(app) and "Its own law, what the sampler" in texts(app)
    assert "LMC, of plain" not in texts(app)
    over_time = open_page("landscape", {"run": run.id, "view": "Over time"})
    assert "dashed is what the own law of Preconditioned LMC on u gives it" in texts(over_time)


def test_a_run_in_ten_dimensions_is_shown_by_its_numbers(store: RunStore):
    run = made_here(store, LandscapeSpec("mixture-10", "lmc", 24, 60))
    assert run.state == "done", run.error or store.log(run.id)
    app = open_page("landscape", {"run": run.id})
    assert not app.exception and [item.label for item in app.tabs] == ["Result", "Over time"]
    assert app.dataframe[0].value["target"].tolist() == pytest.approx([40, 30, 20, 10])
    assert {"R̂", "Effective draws"} <= {item.label for item in app.metric}
    over_time = open_page("landscape", {"run": run.id, "view": "Over time"})
    assert plots(over_time) == 1 and not over_time.exception


# the classifier


def test_experiments_have_presets_and_say_which_digits_they_use(store: RunStore):
    app = open_page("landscape", {"of": "Classifier", "experiment": "5.5"})
    assert not app.error and "scikit-learn" in texts(app)
    assert app.number_input(key="set_particles.count").value == experiment_preset("5.5").particles.count
    app.text_input(key="set_particles.tau").set_value("0.01").run()
    assert any("run away" in item.value for item in app.warning)
    app.selectbox(key="experiment_choice").set_value("5.3").run()
    assert "particles.tau" not in app.query_params and app.query_params["experiment"] == "5.3"


def test_an_empty_folder_of_digits_is_told(store: RunStore, tmp_path, monkeypatch: pytest.MonkeyPatch):
    import streamlit as st

    st.cache_data.clear()
    monkeypatch.setenv("NPF_MNIST_DIR", str(tmp_path))
    app = open_page("landscape", {"of": "Classifier"})
    assert any("lacks train" in item.value for item in app.error)
    st.cache_data.clear()


def test_a_plain_lmc_whose_files_are_broken_takes_nothing_from_the_run_beside_it(store: RunStore):
    other, run = (made_here(store, replace(TINY, method=method)) for method in ("lmc", "tempering"))
    assert store.get(run.id).state == "done" and chains.beside(run.spec_of(LandscapeSpec)) is not None
    layout.write_json(other.folder / layout.REPORT, {"method": "lmc"})
    (other.folder / "particles.npz").write_bytes(b"broken")
    for view in ("Result", "Over time"):
        app = open_page("landscape", {"run": run.id, "view": view})
        told = [item.value for item in app.error if "Not trustworthy" not in item.value]  # of so few steps
        assert not app.exception and not told and plots(app) >= 1, (view, told)


@pytest.fixture
def experiment(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished experiment 5.5, made up: its files and its report are there when its worker ends."""
    waiting = [sys.executable, "-c", WAIT, "{folder}"]
    store.scheduler.executor.command = waiting
    # A page of the test before that is still at work may open this home too, and its queue would do the real thing.
    monkeypatch.setenv(COMMAND_VARIABLE, json.dumps(waiting))
    run = store.submit(experiment_preset("5.5", "quick"))
    numbers = np.random.default_rng(0)
    particles, metrics = {}, {}
    for cloud, good in (("warmup", 0.3), ("lmc-npf", 0.8), ("lmc", 0.4), ("restart", 0.5), ("uniform", 0.1)):
        particles[cloud] = numbers.uniform(-1, 1, (20, DIMENSION)).astype(np.float32)
        values = {
            "accuracy": numbers.uniform(good - 0.1, good + 0.1, 20),
            "loss": numbers.uniform(1, 2, 20),
            "norm": numbers.uniform(0.1, 1, 20),
            "distance": numbers.uniform(0, 5, 20),
        }
        particles |= {f"{cloud}_{key}": value.astype(np.float32) for key, value in values.items()}
        metrics[cloud] = {
            "share_above_half": float((values["accuracy"] > 0.5).mean()),
            "median_accuracy": good,
            "median_loss": 1.5,
            "median_norm": 0.5,
            "distance_to_warmup": 2.0,
        }
    np.savez(run.folder / "particles.npz", **particles)
    steps = np.arange(0, 40, 10)
    np.savez(run.folder / "figures.npz", **{"lmc_steps": steps, "lmc_scalar_share_above_half": steps / 100})
    report = ExperimentResult(
        experiment="5.5",
        preset="quick",
        seed=0,
        data="digits of a test",
        warnings=["all images show one digit"],
        metrics=metrics,
        trivial={},
        seconds={"total": 1.0},
        samplers={},
        verdict=Verdict("good", "made for a test"),
    )
    layout.write_json(run.folder / layout.REPORT, report.to_json())
    wait_for(lambda: store.get(run.id).state == "done")
    return store.get(run.id)


def test_an_experiment_is_shown_between_its_trivial_answers(store: RunStore, experiment: Run):
    app = open_page("landscape", {"run": experiment.id})
    assert any("Made for a test" in item.value for item in app.success)
    assert any("all images show one digit" in item.value.lower() for item in app.warning)
    table = app.dataframe[0].value
    assert list(table["weights"]) == ["warm-up", "LMC-NPF", "plain LMC", "restarts (trivial)", "uniform on Ω (trivial)"]
    assert plots(app) == 1
    assert plots(open_page("landscape", {"run": experiment.id, "view": "Histograms"})) == 1


def test_the_model_that_an_experiment_left_opens_as_a_run_of_its_own(
    store: RunStore, experiment: Run, monkeypatch: pytest.MonkeyPatch
):
    """Taken in once, however often it is opened; a run without a model has no button, and says so to whoever asks."""
    gone: list[dict[str, str]] = []
    monkeypatch.setattr(frame, "go", lambda page, query=None: gone.append({"page": page} | dict(query or {})))
    bare = open_page("landscape", {"run": experiment.id})
    assert not [item for item in bare.button if item.label == "Open its model"]
    with pytest.raises(InputError, match="left no model"):
        store.open_model(experiment.id)
    shutil.copyfile(GALLERY / "npf-himmelblau.zip", experiment.folder / "npf-experiment-5-3-quick.zip")
    for _ in range(2):
        app = open_page("landscape", {"run": experiment.id})
        button(app, "Open its model").click().run()
        assert not app.exception and not app.error
    assert gone[0] == gone[1] and gone[0]["page"] == "factorization"
    taken = store.get(gone[0]["run"])
    assert taken.source == "imported" and store.model(taken.id).d == 2
    assert sum(run.source == "imported" for run in store.list()) == 1
    store.delete(taken.id)
    assert store.open_model(experiment.id).id != taken.id  # who has the file cannot tell the address of the run


def test_one_particle_is_shown_with_its_filters_and_answers(store: RunStore, experiment: Run):
    app = open_page("landscape", {"run": experiment.id, "view": "One particle"})
    assert plots(app) == 2 and not app.exception
    best = float(store_arrays(store, experiment)["lmc-npf_accuracy"].max())
    assert f"{100 * best:.1f} %" in [item.value for item in app.metric]
    assert any("other digits" in item.value for item in app.warning)
    labels = [item.label for item in app.download_button]
    assert {"CSV", "NPZ", "Best weights (.pt)", "These weights (.pt)"} <= set(labels)


def store_arrays(store: RunStore, run: Run) -> dict[str, np.ndarray]:
    """The particles of a run."""
    with np.load(store.result(run.id, "particles.npz")) as content:
        return {key: content[key] for key in content.files}


def test_tsne_is_asked_for(store: RunStore, experiment: Run):
    app = open_page("landscape", {"run": experiment.id, "view": "t-SNE"})
    assert not button(app, "Compute the t-SNE").disabled


def test_runs_of_these_kinds_are_listed_and_have_their_page(store: RunStore, experiment: Run):
    models = open_page("models")
    names = list(models.dataframe[0].value["Name"]) if models.dataframe else []
    assert experiment.name in names  # which lists runs of every kind
    moved = open_page("train", {"run": experiment.id})
    assert moved.title[0].value == experiment.name and not moved.exception
    assert "Open" in links(open_page("home"))


def test_unknown_run_is_an_empty_state(store: RunStore):
    assert "not here" in texts(open_page("landscape", {"run": "gone-123"}))


def test_a_link_with_a_finished_training_leads_to_what_came_of_it(store: RunStore):
    app = open_page("landscape", {"run": "gallery-jacksboro"})
    assert app.title[0].value == "Factorization" and app.query_params["run"] == "gallery-jacksboro"
    assert not app.exception and not app.error
    assert (frame.page_for("train", "running"), frame.page_for("lab", "done")) == ("train", "lab")
