"""Home: empty, with a finished model, with a failed run."""

from __future__ import annotations

import json

from npf_engine.figures import message
from npf_engine.runs.store import Run, RunStore
from tests.pages.conftest import button, components, endless, links, open_page, stand_in, texts, tiny, wait_for


def test_before_any_run_of_ones_own_there_is_a_picture(store: RunStore):
    app = open_page("home")
    if store.list():
        button(app, "Open the gallery")
        assert len(components(app)) == 2
    else:
        assert len(app.get("plotly_chart")) >= 2
        assert "the Jacksboro fault in Tennessee" in texts(app)
    button(app, "Pick a field and train")


def test_the_scene_moves_the_points_of_a_model(store: RunStore):
    app = open_page("home")
    assert "x → M(x) → ∇u(M(x)) = F(x)" in texts(app) and "Brenier's theorem" in texts(app)
    points, view = components(app)
    assert message.identity(points.proto.bytes) == json.loads(view.proto.json)["id"]
    told = json.loads(view.proto.json)
    assert told["scene"] and told["way"] == "path" and len(told["sentences"]) == 3


def test_cards_of_the_gallery_say_what_their_field_is(store: RunStore):
    app = open_page("home")
    assert "the Jacksboro fault" in texts(app) and "four minima" in texts(app)
    assert len(app.get("image")) == 3 and "The theorem by hand, with toys that move" in links(app)


def test_one_click_starts_at_the_field(store: RunStore):
    app = open_page("home")
    button(app, "Pick a field and train").click()
    app.run()
    assert not app.exception
    assert app.title[0].value != "Polar factorization explorer"


def test_finished_model_is_offered(store: RunStore, done: Run):
    app = open_page("home")
    assert "tiny terrain" in texts(app)
    labels = [item.label for item in app.button]
    assert "Open the latest model" in labels or "Open the gallery" in labels


def test_running_and_failed_runs_are_listed(store: RunStore):
    stand_in(store)
    bad = store.submit(tiny(field__source="bad input", name="bad"))
    wait_for(lambda: store.get(bad.id).state == "failed")
    busy = store.submit(endless(name="busy"))
    app = open_page("home")
    assert "busy" in texts(app) and "bad" in texts(app)
    assert {"running", "failed"} & set(texts(app).replace("[", " ").replace("]", " ").split())
    assert store.get(busy.id).active
