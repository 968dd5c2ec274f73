"""Factorization: no run, a run that still trains, one that failed, a finished one in each of its views."""

from __future__ import annotations

import dataclasses
import functools
import re
import time
from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields.field import Units
from npf_engine.measures import views
from npf_engine.measures.cells import cells_view
from npf_engine.numbers import number
from npf_engine.runs.store import Run, RunStore
from pages.factorization import clouds
from tests.pages.conftest import button, components, endless, links, open_page, stand_in, texts, tiny, wait_for
from ui.linked import chosen, selection, source

RUN = "gallery-himmelblau"


def plots(app) -> int:
    return len(app.get("plotly_chart"))


def panels(app) -> int:
    """Linked views on the page: each is its points and what draws them."""
    return len(components(app)) // 2


@pytest.fixture
def bare(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A store without a gallery: what a page shows before anything was trained."""
    monkeypatch.setattr("npf_engine.runs.store.GALLERY", own_home / "no gallery")
    monkeypatch.setattr(
        RunStore.__init__, "__kwdefaults__", {**(RunStore.__init__.__kwdefaults__ or {}), "gallery": None}
    )
    return RunStore(own_home)


@pytest.mark.parametrize("page", ["factorization", "inverse"])
def test_without_a_run_the_page_says_what_to_do(bare: RunStore, page: str):
    app = open_page(page)
    assert "No model yet" in texts(app) and plots(app) == 0


@pytest.mark.parametrize("page", ["factorization", "inverse"])
def test_while_the_only_run_trains_the_page_leads_to_it(bare: RunStore, store: RunStore, page: str):
    stand_in(store)
    run = store.submit(endless(name="still at it"))
    wait_for(lambda: store.get(run.id).state == "running")
    app = open_page(page, {"run": run.id})
    assert "No finished model yet" in texts(app) and "still at it" in texts(app).replace("\\", "")


def test_failed_run_of_the_link_is_told_and_another_is_shown(store: RunStore, done: Run):
    stand_in(store)
    failed = store.submit(tiny(field__source="bad input", name="broken"))
    wait_for(lambda: store.get(failed.id).state == "failed")
    app = open_page("factorization", {"run": failed.id})
    assert any("is failed" in item.value for item in app.warning)
    assert panels(app) == 1


def test_unreadable_bundle_is_a_sentence(store: RunStore, done: Run):
    store.bundle(done.id).write_bytes(b"no zip at all")
    app = open_page("factorization", {"run": done.id})
    assert "is not a readable zip file" in app.error[0].value and plots(app) == 0


def test_clouds_verdict_and_links(store: RunStore, done: Run):
    app = open_page("factorization", {"run": done.id})
    assert panels(app) == 1 and app.query_params["run"] == done.id
    level = store.get(done.id).verdict
    boxes = [item.value for kind in ("error", "warning", "success") for item in getattr(app, kind)]
    assert level is not None and any(level.capitalize() in text for text in boxes)
    assert "should cover" in texts(app) and ("M folds" in texts(app) or "M hardly folds" in texts(app))
    assert re.search(r"All 3,9\d\d samples, 59\d of them unseen in training", texts(app))


def test_selection_of_the_link_is_counted_turned_and_cleared(store: RunStore, done: Run):
    low, high = store.model(done.id).low, store.model(done.id).high
    corners = [(low[0], low[1]), (high[0] + 1, low[1]), (high[0] + 1, high[1] + 1), (low[0], high[1] + 1)]
    whole = "~".join(f"{x!r}_{y!r}" for x, y in corners)
    app = open_page("factorization", {"run": done.id, "select": f"rho~0.1~{whole}"})
    assert "samples selected in ρ" in texts(app) and "longitude" in texts(app)
    assert "All places with its mean value of F" in links(app)
    app.button(key="selection_turn").click().run()
    assert "samples selected in Mθ♯ρ" in texts(app) and app.query_params["select"] == f"m~0.1~{whole}"
    app.switch_page("pages/inverse/page.py").run()
    del app.query_params["select"]
    app.switch_page("pages/factorization/page.py").run()
    assert "samples selected in Mθ♯ρ" in texts(app)  # held from page to page
    app.button(key="selection_clear").click().run()
    assert "selected in" not in texts(app) and "select" not in app.query_params and not app.exception


def test_a_link_that_selects_nothing_known_is_a_sentence(store: RunStore, done: Run):
    app = open_page("factorization", {"run": done.id, "select": "rho~0.7~0_0~1_0~1_1<script>"})
    assert "selection in the link" in texts(app) and panels(app) == 1
    assert "select" not in app.query_params


def test_accuracy_table_stands_between_floor_and_trivial(store: RunStore, done: Run):
    app = open_page("factorization", {"run": done.id, "view": "Accuracy"})
    shown = app.dataframe[0].value
    metrics = store.get(done.id).metrics
    assert metrics is not None
    asked = ("pushforward", "measure_preservation", "measure_preservation_implicit", "inverse")
    assert shown["value"].tolist()[:4] == [number(metrics[key]["value"]) for key in asked]
    assert "|F(Iψ(v)) − v|" in shown["measure"].tolist() and "W(∇u♯ρ, F♯ρ)" in shown["measure"].tolist()
    assert "–" not in shown["trivial"].tolist() and "±" in shown["ratio"][0]
    assert {item.label for item in app.metric} == {
        "Reconstruction error, of mean |F|",
        "Miss of the inverse, of F's spread",
        "Test dual",
    }
    assert plots(app) == 1


def test_potential_and_unknown_view(store: RunStore, done: Run):
    app = open_page("factorization", {"run": done.id, "view": "Potential"})
    assert len(components(app)) == 1 and "no dents" in texts(app) and "identity holds" in texts(app)
    app = open_page("factorization", {"run": done.id, "view": "Nonsense"})
    assert panels(app) == 1


@pytest.mark.parametrize(
    ("m", "network", "told"),
    [
        ([[0.5, 0.5]], [[0.2, 0.2]], ""),
        ([[0.5, 0.5]], [[2.0, 0.2]], " Outside of Ω, where ρ has no mass, lies 100 % of Mξ♯ρ."),
        ([[-1.0, 0.5], [0.0, 0.0]], None, " Outside of Ω, where ρ has no mass, lies 50.0 % of Mθ♯ρ."),
    ],
)
def test_images_outside_of_the_region_have_a_word(m: list, network: list | None, told: str):
    arrays = {"rho": np.zeros((1, 2)), "m": np.array(m)} | ({} if network is None else {"m_network": np.array(network)})
    view = views.FactorizationView(arrays, Units(("x", "y"), ("", ""), ""), (0.0, 0.0), (1.0, 1.0), (1.0, 1.0), None)
    assert clouds.beyond(view) == told


def test_the_mesh_tells_how_well_m_preserves_rho(store: RunStore, done: Run):
    app = open_page("factorization", {"run": done.id, "view": "Mesh"})
    assert not app.exception and not app.error and "sheets lie over one another" in texts(app)
    assert len(components(app)) == 1
    app.segmented_control(key="mesh_way").set_value("solver").run()
    assert not app.exception and "**Mθ preserves ρ**" in texts(app)
    arrives, sheets = tips(app)
    assert "quantiles of |ln r|" in arrives and "576 spots in each, no ε and one draw" in arrives
    assert "det ∇M" in sheets and "cells of 16 parts" in sheets


def test_the_monge_ampere_residual_is_shown_beside_its_floor(store: RunStore):
    app = open_page("factorization", {"run": "gallery-jacksboro", "view": "Monge–Ampère"})
    assert not app.exception and not app.error and plots(app) == 3
    estimate, exact = tips(app)
    assert "det ∇²u" in estimate and "neighbours" in estimate and "no draws" in exact
    assert "trivial answer" in texts(app) and "exact density" in texts(app)


def tips(app) -> list[str]:
    """What stands in the tooltips of the page's sentences, but for the title's."""
    return [item.proto.help for item in app.markdown if item.proto.help and "Here " in item.proto.help]


def test_embedding_runs_in_the_background_and_is_shown_when_done(store: RunStore):
    app = open_page("factorization", {"run": RUN, "view": "t-SNE"})
    starts = [item for item in app.button if item.label == "Compute the t-SNE"]
    assert len(starts) == 2 and panels(app) == 0
    starts[0].click().run()
    assert not app.exception and button(app, "Cancel")
    job = source.embeddings(RUN)["tsne_values"]
    assert job.state().state == "running"
    button(app, "Cancel").click().run()
    assert job.state().state == "cancelled"
    next(item for item in app.button if item.label == "Compute the t-SNE").click().run()
    deadline = time.monotonic() + 300
    while job.state().state == "running" and time.monotonic() < deadline:
        time.sleep(0.3)
    assert job.state().state == "done", job.state().text
    app = open_page("factorization", {"run": RUN, "view": "t-SNE"})
    assert panels(app) == 1 and len([item for item in app.button if item.label == "Compute the t-SNE"]) == 1
    app = open_page("factorization", {"run": RUN, "view": "t-SNE", "select": "field~0.1~-99_-99~0_-99~0_99~-99_99"})
    assert "samples selected in F♯ρ" in texts(app)


def test_what_is_drawn_around_in_a_tsne_is_selected_among_all_samples(store: RunStore, monkeypatch: pytest.MonkeyPatch):
    places = np.stack([np.arange(40.0), np.zeros(40)], axis=1)
    monkeypatch.setattr(source, "embedded", lambda run_id: {"tsne_values": places})
    drawn = "tsne_values~0.1~-1_-1~9.5_-1~9.5_1~-1_1"
    app = open_page("factorization", {"run": RUN, "select": drawn})
    assert not app.exception and f"10 samples selected in {chosen.NAMES['tsne_values']}" in texts(app)
    found = source.evaluation(RUN)
    held_ = chosen.in_clouds(
        selection.parse(drawn), dataclasses.replace(found.result(), embedded={"tsne_values": places})
    )
    assert np.flatnonzero(held_.mask).tolist() == list(range(10)) and len(held_.mask) == found.done


def test_the_helmholtz_hodge_parts_stand_beside_the_models_own(store: RunStore) -> None:
    app = open_page("factorization", {"run": "gallery-himmelblau", "view": "Helmholtz–Hodge"})
    assert plots(app) == 6 and not app.exception
    shares = re.search(
        r"no curl\) \*\*([\d.]+) %\*\*, .*"
        r"no divergence\) \*\*([\d.e-]+) %\*\*, harmonic \(has neither.*\) \*\*([\d.]+) %\*\*",
        texts(app),
    )
    assert shares and float(shares[2]) < 0.01  # F is a gradient
    assert float(shares[1]) + float(shares[3]) == pytest.approx(100, abs=0.2)
    (tip,) = tips(app)
    assert "grad φ + rot ψ + h" in tip and "Bhatia" in tip and re.search(r"Here \d+ by \d+ nodes, no ε", tip)


def test_a_field_without_a_grid_is_told_that_it_has_no_such_parts(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npf_engine.measures.hodge.KnownField.of", lambda model: None)
    app = open_page("factorization", {"run": "gallery-fractal", "view": "Helmholtz–Hodge"})
    assert "of fields on a grid of two dimensions" in texts(app) and plots(app) == 0


@pytest.mark.parametrize(("page", "view"), [("factorization", "Accuracy"), ("inverse", "Trust")])
def test_a_constant_that_was_taken_off_is_told(
    store: RunStore, done: Run, monkeypatch: pytest.MonkeyPatch, page: str, view: str
) -> None:
    model = store.model(done.id)
    monkeypatch.setitem(model.info, "shift", [1e8, 0.0])
    monkeypatch.setattr("ui.runs.load_model", lambda run_id: model)
    told = texts(open_page(page, {"run": done.id, "view": view}))
    assert "Taken off before training: 100,000,000 from F1" in told


def test_the_exact_factorization_stands_beside_the_learned_one():
    app = open_page("factorization", {"run": "gallery-himmelblau", "view": "Exact"})
    assert not app.exception and plots(app) == 6
    told = texts(app)
    assert "On 1,500 samples" in told and "A bound from the duality gap" in told
    learned, bound = (
        float(re.search(rf"{words}[^*]*\*\*([0-9.]+) %", told)[1])
        for words in ("the exact one by ", "is at most about ")
    )
    assert 5 < learned < 15 and bound > learned
    row, certificate = tips(app)
    assert "argmax Σ ⟨xᵢ, y_s(i)⟩" in row and "NPF eq. 4" in row and "n = 1,500, one draw, no ε" in row
    assert "proposition 10" in certificate and "n = 1,500" in certificate


def test_cells_of_rho_stand_beside_the_learned_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pages.factorization.cells.cells_view", functools.partial(cells_view, most=150))
    app = open_page("factorization", {"run": "gallery-himmelblau", "view": "Exact"})
    app.segmented_control(key="exact_way").set_value("Cells of ρ").run()
    assert not app.exception and not app.error and plots(app) == 6
    told = texts(app)
    assert "ψ by Newton" in tips(app)[0] and "n = 150, ∇u at 128 × 128 places" in tips(app)[0]
    assert "Of 150 values of F" in told and "Compared at 128 × 128 places" in told
    found = re.search(r"the exact one by \*\*([0-9.]+) %\*\*[^(]*\(floor ([0-9.]+) %", told)
    learned, floor = map(float, found.groups())
    assert floor / 2 < learned < 3 * floor
