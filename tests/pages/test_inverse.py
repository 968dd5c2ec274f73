"""Inverse: pre-images of the link's gradient, refused gradients, the relocation map, the cosine of a function."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.catalog import resolve
from npf_engine.measures import inverse_view, views
from npf_engine.polar.train import train
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies.factorization.bundling import write_bundle
from npf_engine.studies.factorization.spec import with_values
from pages.inverse import answer, preimages
from tests.pages.conftest import button, components, links, open_page, texts, tiny


def plots(app) -> int:
    return len(app.get("plotly_chart"))


def imported(store: RunStore, tmp_path, source: str, **field) -> Run:
    """A run of an analytic field, trained here for a second."""
    spec = with_values(tiny(), {"field.source": source, "field.n_samples": 2000, **field})
    model = train(resolve(spec.field), spec.stages).model
    report = {
        "metrics": {"inverse_cosine": {"mean": 0.5, "std": 0.1, "trivial": 0.25}},
        "verdict": "usable",
        "verdict_reason": "made for a test",
        "seconds": {},
        "device": "cpu",
        "threads": 1,
        "seed": 0,
    }
    return store.import_bundle(write_bundle(model, report, spec, tmp_path / f"npf-{source}.zip"))


def test_first_visit_inverts_the_gradient_of_a_sample(store: RunStore, done: Run):
    app = open_page("inverse", {"run": done.id})
    assert plots(app) == 3 and not app.error
    model = store.model(done.id)
    _, f = views.kept_samples(model, 1)
    shown = [item.value for item in app.number_input]
    assert shown == pytest.approx(f[0].tolist(), rel=1e-4)
    assert "**500** draws" in texts(app) and "F is exactly this gradient" in texts(app)


def test_gradient_of_the_link_is_the_one_inverted_and_a_typed_one_goes_into_the_link(store: RunStore, done: Run):
    app = open_page("inverse", {"run": done.id, "g": "1.5, -0.5"})
    assert [item.value for item in app.number_input] == [1.5, -0.5]
    app.number_input[0].set_value(0.25)
    button(app, "Find").click().run()
    assert app.query_params["g"] == "0.25, -0.5" and [item.value for item in app.number_input] == [0.25, -0.5]
    app.segmented_control(key="draws").set_value(100)
    button(app, "Find").click().run()
    assert "**100** draws" in texts(app)


def test_places_are_counted_beside_what_exact_draws_would_find(store: RunStore):
    app = open_page("inverse", {"run": "gallery-jacksboro", "view": "Counts"})
    assert not app.exception and not app.error and plots(app) == 6
    assert "places to each place on average" in texts(app) and "draws of the exact law" in texts(app)
    assert "**Trivial**: as many places of ρ" in texts(app) and "Its floor" not in texts(app)


def test_a_clicked_place_is_marked_for_its_own_run_and_gradient_alone(store: RunStore, done: Run):
    app = open_page("inverse", {"run": done.id, "g": "1.5, -0.5"})
    marked = {}
    for owner, gradient in ((done.id, "1.5, -0.5"), ("another", "1.5, -0.5"), (done.id, "1, 1")):
        app.session_state[preimages.CLICKED] = owner, gradient, np.array([0.5, 0.5])
        app.run()
        assert not app.exception
        marked[owner, gradient] = any('"clicked"' in chart.proto.spec for chart in app.get("plotly_chart"))
    assert list(marked.values()) == [True, False, False]


def test_the_ways_of_the_draws_begin_at_one_point_and_lie_over_the_relief(store: RunStore, done: Run):
    app = open_page("inverse", {"run": done.id, "g": "0.5, -0.5"})
    (scene,) = components(app)
    assert not app.exception and "Each draw of Iψ is a random path" in texts(app)
    assert scene.proto.component_name == "npf_paths"


@pytest.mark.parametrize("text", ["1.0", "a, b", "nan, 1", "1, 2, 3"])
def test_gradient_of_the_link_that_is_none_is_told(store: RunStore, done: Run, text: str):
    app = open_page("inverse", {"run": done.id, "g": text})
    assert "gradient" in app.error[0].value and plots(app) == 3


def test_gradient_that_no_place_has_is_told(store: RunStore, done: Run):
    app = open_page("inverse", {"run": done.id, "g": "9999, 9999"})
    assert plots(app) == 3
    assert any("No place in Ω was found" in item.value and "nearest that was" in item.value for item in app.warning)


def test_what_was_selected_on_factorization_is_asked_of_the_inverse(store: RunStore, done: Run):
    low, high = store.model(done.id).low, store.model(done.id).high
    middle = (low[0] + high[0]) / 2
    corners = [(low[0], low[1] - 1), (middle, low[1] - 1), (middle, high[1] + 1), (low[0], high[1] + 1)]
    west = "rho~0.1~" + "~".join(f"{x!r}_{y!r}" for x, y in corners)
    app = open_page("factorization", {"run": done.id, "select": west})
    assert "Where else its values occur" in links(app)
    app.switch_page("pages/inverse/page.py").run()
    assert "samples selected in ρ" in texts(app) and app.query_params["select"] == west
    assert [tab.label for tab in app.tabs] == ["Pre-images", "Selection", "Trust", "Counts", "Relocation"]
    app = open_page("inverse", {"run": done.id, "select": west})
    assert plots(app) == 1 and "lie elsewhere" in texts(app) and "image M(S), longitude" in texts(app)
    assert not app.error
    app.button(key="selection_clear").click().run()
    assert "selected in" not in texts(app) and "select" not in app.query_params and not app.exception


def test_relocation_of_terrain(store: RunStore, done: Run):
    app = open_page("inverse", {"run": done.id, "view": "Relocation"})
    assert plots(app) == 4 and "**Relocated.**" in texts(app) and "land where |F| is within" in texts(app)
    assert [tab.label for tab in app.tabs] == ["Pre-images", "Trust", "Counts", "Relocation"]


def test_the_map_of_trust_names_its_worst_tenth(store: RunStore, done: Run):
    app = open_page("inverse", {"run": done.id, "view": "Trust"})
    assert plots(app) == 2 and "the ringed tenth by more than" in texts(app)


def test_cosine_of_a_function(store: RunStore, tmp_path):
    run = imported(store, tmp_path, "swirl")
    app = open_page("inverse", {"run": run.id, "view": "Cosine"})
    assert plots(app) == 1 and "learnt nothing" in texts(app)
    app = open_page("inverse", {"run": run.id})
    assert "known on samples only" not in texts(app) and plots(app) == 3


def test_one_and_five_dimensions(store: RunStore, tmp_path):
    line = imported(store, tmp_path, "doubling")
    app = open_page("inverse", {"run": line.id, "g": "0.5"})
    assert plots(app) == 2 and "exactly this value at **2** places" in texts(app)
    assert plots(open_page("inverse", {"run": line.id, "view": "Relocation"})) == 1
    assert plots(open_page("factorization", {"run": line.id})) == 4
    assert plots(open_page("factorization", {"run": line.id, "view": "Potential"})) == 1
    five = {"field.low": (-1.0,) * 5, "field.high": (1.0,) * 5}
    many = imported(store, tmp_path, "rastrigin", **five)
    app = open_page("inverse", {"run": many.id})
    assert plots(app) == 3 and len(app.number_input) == 0 and app.text_input[0].value.count(",") == 4
    app = open_page("factorization", {"run": many.id})
    assert components(app) and "principal axes" in texts(app)
    app = open_page("factorization", {"run": many.id, "view": "Potential"})
    app.selectbox(key="potential_up").set_value(app.selectbox(key="potential_across").value).run()
    assert "two different axes" in texts(app)


def test_three_dimensions_show_axes_to_choose_and_space(store: RunStore, tmp_path):
    run = imported(store, tmp_path, "rastrigin", **{"field.low": (-1.0,) * 3, "field.high": (1.0,) * 3})
    app = open_page("factorization", {"run": run.id})
    assert components(app) and plots(app) == 2
    app.segmented_control(key="axes").set_value("2 and 3").run()
    assert not app.exception and plots(app) == 2


def test_parse_reads_commas_and_spaces():
    assert np.array_equal(preimages.parse("1, -2e1 3", 3), [1, -20, 3])
    with pytest.raises(InputError, match="needs 2 finite numbers, and 1 were given"):
        preimages.parse("1", 2)


def test_exact_is_told_of_the_nodes_that_the_model_keeps(store: RunStore, done: Run):
    model = store.model(done.id)
    view = inverse_view.preimage_view(model, np.array([1.5, -0.5]), 20)
    assert answer.thinned(view, model) == ""
    rows, cols = model.lattice.shape
    model.info["grid"] = [2 * rows, 3000]
    assert f"{rows} x {cols} nodes that the model keeps of the raster's {2 * rows} x 3,000." in answer.thinned(
        view, model
    )


def test_a_gradient_that_does_not_occur_has_units_and_times_of_the_spread(store: RunStore, done: Run):
    app = open_page("inverse", {"run": done.id, "g": "30, -20"})
    told = app.warning[0].value
    assert "metres per pixel or" in told and "times F's spread away" in told
    assert "which lies outside" in texts(app) and "the cross is" not in texts(app)


@pytest.mark.parametrize(
    ("ours", "words"), [(0.0171, "Our draws are not told from"), (0.01, "Our draws are better than")]
)
def test_better_is_said_beyond_the_doubt_alone(monkeypatch: pytest.MonkeyPatch, ours: float, words: str):
    told: list[str] = []
    monkeypatch.setattr(preimages, "plot", lambda figure, key, caption, *rest: told.append(caption))
    view = SimpleNamespace(ladder={"ours": ours, "nearest": 0.018, "random": 1.0}, doubt=0.002)
    preimages._ladder(view, "name")  # type: ignore[arg-type]  # what it reads of a view
    assert told[0].startswith("What F misses") and words in told[0]
