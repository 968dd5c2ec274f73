"""Monge lab: the forms and their links, finished runs, the verdict, colour transfer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from npf_engine.runs.store import RunStore
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.recolor.run import judge as judge_colours
from npf_engine.studies.recolor.spec import RecolorSpec
from tests.pages.conftest import button, links, made_here, open_page, texts
from tests.studies.lab.reports import judge_json as judge
from tests.studies.lab.reports import judged_json as judged

TINY = LabSpec(task="gaussian", methods=("gaussian", "exact"), seeds=2, points=200)


def plots(app) -> int:
    return len(app.get("plotly_chart"))


def test_first_visit_offers_a_task_and_shows_both_clouds(store: RunStore):
    app = open_page("lab")
    assert not app.error and plots(app) == 1
    assert "4 methods, 3 seeds: about 1 min" in texts(app)
    assert not button(app, "Run").disabled


def test_choices_go_into_the_link_and_refused_ones_do_not(store: RunStore):
    app = open_page("lab", {"methods": '["gaussian"]'})
    app.selectbox(key="task_choice").set_value("convex").run()
    app.text_input(key="set_d").set_value("3").run()
    assert (app.query_params["task"], app.query_params["d"]) == ("convex", "3")
    assert "first two of 3 coordinates" in texts(app)
    app.text_input(key="set_budget_seconds").set_value("-1").run()
    assert any("must be a positive number" in item.value for item in app.error)
    assert "budget_seconds" not in app.query_params
    app.selectbox(key="task_choice").set_value("mixtures").run()
    assert not app.exception and "d" not in app.query_params, "mixtures lives in two dimensions"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"methods": '["magic"]'}, "methods must be one of explicit"),
        ({"methods": "[]"}, "at least one method"),
        ({"seeds": "0"}, "seeds must be positive, not 0"),
        ({"task": "/etc/hostname", "target": "/etc/hostname"}, "a link cannot open the file"),
        ({"task": "nowhere"}, "there is no task"),
        ({"task": "field:/etc/hostname"}, "a link cannot open the file"),
        ({"task": "field:Chamonix"}, "the elevation of Chamonix is not on this machine"),
        ({"of": "Colours", "source": "/etc/hostname"}, "a link cannot open the file"),
        ({"of": "Colours", "source": "README.md"}, "a link cannot open the file"),
        ({"of": "Colours", "strength": "2"}, "strength must be between 0 and 1, not 2"),
    ],
)
def test_bad_links_are_told_in_a_sentence(store: RunStore, query: dict[str, str], sentence: str):
    app = open_page("lab", query)
    assert sentence.lower() in app.error[0].value.replace("\\", "").lower()


def test_two_clouds_wait_for_both_files_and_must_fit(store: RunStore, own_home):
    app = open_page("lab", {"of": "clouds"})
    assert button(app, "Run").disabled and any("Upload two clouds" in item.value for item in app.info)
    numbers = np.random.default_rng(0)
    for name, d in (("a", 2), ("b", 3)):
        np.savez(own_home / f"{name}.npz", x=numbers.normal(size=(50, d)).astype(np.float32))
    query = {"task": str(own_home / "a.npz"), "target": str(own_home / "b.npz")}
    unlike = open_page("lab", query)
    assert "one dimension" in unlike.error[0].value and button(unlike, "Run").disabled
    same = open_page("lab", query | {"target": query["task"]})
    assert plots(same) == 1 and not same.error and "the same" in same.info[0].value


def test_run_starts_in_the_background_and_can_be_repeated_with_edits(store: RunStore):
    app = open_page("lab", {"task": "gaussian", "methods": '["gaussian"]', "points": "64"})
    button(app, "Run").click()
    app.run()
    assert not app.exception, app.exception[0].message
    (run,) = store.list("lab")
    assert app.query_params["run"] == run.id and run.spec.methods == ("gaussian",)
    assert app.title[0].value == "gaussian, 1 method"
    assert "Repeat with edits" in [item.label for item in app.button]


def test_a_finished_run_stands_between_floor_and_trivial_answer(store: RunStore):
    run = made_here(store, TINY)
    assert run.verdict == "good", "the closed form is the answer to this task"
    app = open_page("lab", {"run": run.id})
    assert any("best reference, Gaussian" in item.value for item in app.success)
    table = app.dataframe[0].value
    assert list(table["method"]) == ["Gaussian", "Exact"], "best first"
    closed = table.iloc[0]
    assert closed["value"] < 1 and closed["gap"] < 10 and closed["failed"] == 0
    assert closed["cost_ratio"] == pytest.approx(1, abs=0.15) and closed["min_eigenvalue"] > 0
    assert plots(app) == 3
    assert any(item.label.startswith("Download gaussian-2-methods") for item in app.download_button)
    assert "Open" in links(open_page("lab"))
    move = open_page("lab", {"run": run.id, "view": "From source to target"})
    move.slider(key="moment").set_value(0.25).run()
    assert "0.75 x + 0.25 T(x)" in texts(move) and plots(move) == 1
    assert plots(open_page("lab", {"run": run.id, "view": "Arrows"})) == 1


def test_gap_and_verdict_follow_from_floor_and_trivial_answer():
    report = {"floor": 1.0, "trivial": 3.0}
    rows = {mean: judge({"mean": mean, "failed_share": 0.0}, report) for mean in (1.0, 1.2, 2.0, 3.0, None)}
    assert [row["gap"] for row in rows.values()] == pytest.approx([0, 0.1, 0.5, 1, None])
    words = ["good", "good", "usable", "not trustworthy", "not trustworthy"]
    assert [row["verdict"] for row in rows.values()] == words
    assert judge({"mean": 1.0, "failed_share": 0.2}, report)["verdict"] == "usable"
    same = {"floor": 0.1, "trivial": 0.1}
    assert judge({"mean": 1.0, "failed_share": 0.0}, same) == {"gap": None, "gap_se": None, "verdict": None}
    every = judged(
        report | {"results": {"a": {"mean": 2.0, "failed_share": 0.0}, "b": {"mean": 1.1, "failed_share": 1.0}}}
    )
    assert every["verdict"] == "usable" and "best method, a," in every["verdict_reason"]


def test_chance_makes_no_method_the_best_and_none_worthless():
    report = {"floor": 1.0, "floor_std": 0.02, "trivial": 3.0}
    values = {"icnn": [0.9, 1.0, 0.96], "cmgn": [1.05, 0.99, 1.0], "mmgn": [1.5, 1.6, 1.55]}
    rows = {name: {"mean": sum(v) / 3, "failed_share": 0.0, "values": v} for name, v in values.items()}
    found = judged(report | {"results": rows})
    assert found["verdict"] == "good"
    assert found["verdict_reason"].startswith("the best method, ICNN, is 0 ±")
    assert "C-MGN cannot be told from it" in found["verdict_reason"] and "M-MGN" not in found["verdict_reason"]
    assert "seed" not in found["verdict_reason"]
    # 0.045 / sqrt(3) of the values and 0.02 / sqrt(3) of the floor, over 2
    assert found["results"]["icnn"]["gap_se"] == pytest.approx(math.hypot(0.0503, 0.02) / math.sqrt(3) / 2, rel=0.01)
    wide = {"mean": 2.2, "failed_share": 0.0, "values": [1.7, 2.7, 2.2]}
    assert judge(wide, report)["verdict"] == "usable", "0.6 of the way, but 0.5 is within two standard errors"
    assert judge(wide | {"values": [2.2, 2.21, 2.19]}, report)["verdict"] == "not trustworthy"
    one = judged(report | {"results": {"icnn": {"mean": 1.0, "failed_share": 0.0, "values": [1.0]}}})
    assert "of one seed only" in one["verdict_reason"]
    assert one["results"]["icnn"]["gap_se"] == pytest.approx(0.02 * math.sqrt(1 + 1 / 3) / 2)


def test_references_are_beside_the_verdict_not_in_it():
    rows = {"gaussian": {"mean": 1.0, "failed_share": 0.0}, "cmgn": {"mean": 1.6, "failed_share": 0.25}}
    report = {"floor": 1.0, "trivial": 3.0}
    found = judged(report | {"results": rows})
    assert found["verdict"] == "usable"
    assert found["verdict_reason"] == (
        "the best method, C-MGN, is 30 % of the way from the floor to only moving the mean, and 25 % of its runs "
        "failed; the best reference, Gaussian, is at 0 %"
    )
    useless = judged(report | {"results": {"cmgn": {"mean": 9.0, "failed_share": 1.0}}})["verdict_reason"]
    assert useless.startswith("the best method, C-MGN, is no better than only moving the mean")
    broken = judged(report | {"results": rows | {"cmgn": {"mean": None, "failed_share": 1.0}}})
    assert broken["verdict"] == "not trustworthy" and "no method" in broken["verdict_reason"]


def test_colours_are_previewed_and_recoloured_at_full_size(store: RunStore):
    app = open_page("lab", {"of": "Colours", "strength": "0.5"})
    assert not app.error and plots(app) == 4
    run = made_here(store, RecolorSpec(method="gaussian"))
    assert run.verdict == "not trustworthy", "it is the trivial answer itself"
    shown = open_page("lab", {"run": run.id})
    assert not shown.exception and plots(shown) == 4
    assert "480 x 320 pixels" in texts(shown)
    assert "Download the picture" in [item.label for item in shown.download_button]
    match = (store.report(run.id) or {})["pushforward"]
    assert match["value"] == pytest.approx(match["trivial"], rel=0.2)
    better = {"value": 1.1, "self_distance": 1.0, "trivial": 20.0, "ratio": 1.1}
    levels = [judge_colours(match) for match in (better, better | {"value": 8.0, "ratio": 8.0})]
    assert [found and found.level for found in levels] == ["good", "usable"]


def test_a_run_that_is_gone_is_told(store: RunStore):
    assert "This run is not here" in texts(open_page("lab", {"run": "nowhere"}))
