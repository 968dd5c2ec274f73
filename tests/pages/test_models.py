"""Models: empty, a table of runs in all states, one run, two runs, import and its errors."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from npf_engine.runs import sheet
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies import kinds
from pages.models import table
from tests.pages.conftest import button, endless, links, open_page, stand_in, texts, tiny, wait_for


def ratio(run: Run) -> float:
    """Pushforward over its self-distance."""
    assert run.metrics is not None
    return run.metrics["pushforward"]["ratio"]


def test_before_any_run_of_ones_own(store: RunStore):
    app = open_page("models")
    gallery = [run.name for run in store.list()]
    if gallery:
        assert list(app.dataframe[0].value["Name"]) == gallery
    else:
        assert "No runs yet" in texts(app)
        assert "Train a model" in links(app)


def test_table_lists_runs_of_every_state(store: RunStore, done: Run):
    stand_in(store)
    bad = store.submit(tiny(field__source="bad input", name="bad"))
    wait_for(lambda: store.get(bad.id).state == "failed")
    store.submit(endless(name="busy"))
    table = open_page("models").dataframe[0].value
    states = dict(zip(table["Name"], table["State"], strict=True))
    assert states["tiny terrain"] == "done" and states["bad"] == "failed"
    assert states["busy"] in ("queued", "running")
    row = table[table["Name"] == "tiny terrain"].iloc[0]
    assert row["∇u♯ρ"] == pytest.approx(ratio(done))
    assert row["Verdict"] == done.verdict


def test_filter_by_words(store: RunStore, done: Run):
    app = open_page("models")
    app.text_input(key="models_filter").set_value("tiny jacksboro").run()
    assert "tiny terrain" in list(app.dataframe[0].value["Name"])
    app.text_input(key="models_filter").set_value("nothing like it").run()
    assert "No run matches" in texts(app)


def test_one_run_can_be_opened_renamed_and_downloaded(store: RunStore, done: Run):
    app = open_page("models", {"run": done.id})
    labels = links(app)
    assert {"Factorization", "Inverse"} <= set(labels)
    assert [item for item in app.download_button if "npf-tiny-terrain.zip" in item.label]
    assert "How good it is" not in texts(app)
    app.session_state["card_fold"] = True  # unfolded
    app.text_input(key=f"name_{done.id}").set_value("a better name")
    app.button(key=f"rename_{done.id}").click().run()
    assert not app.exception
    card = texts(app)
    assert "### How good it is" in card and "model.M_network(x)" in card and "library_name" not in card
    assert store.get(done.id).name == "a better name"
    app.text_input(key=f"name_{done.id}").set_value("  ")
    app.button(key=f"rename_{done.id}").click().run()
    assert "must not be empty" in app.error[0].value
    assert store.get(done.id).name == "a better name"


def test_delete_asks_first(store: RunStore, done: Run):
    app = open_page("models", {"run": done.id})
    app.button(key=f"delete_{done.id}").click().run()
    assert "gone for good" in texts(app)
    assert store.get(done.id).id == done.id


def test_two_runs_are_compared(store: RunStore, done: Run, trained: Path):
    other = store.import_bundle(trained)
    store.rename(other.id, "the other")
    app = open_page("models", {"run": done.id, "with": other.id})
    written = texts(app)
    assert "tiny terrain" in written and "the other" in written
    assert "same settings" in written
    assert "One range of colours" in written  # the maps of their difference: they are of one field
    accuracy = app.table[0].value
    cells = accuracy.astype(str).to_numpy().ravel().tolist()
    assert sum(f"({ratio(done):.2f}" in cell for cell in cells) == 2


def test_failed_run_shows_its_sentence(store: RunStore):
    stand_in(store)
    bad = store.submit(tiny(field__source="bad input"))
    wait_for(lambda: store.get(bad.id).state == "failed")
    app = open_page("models", {"run": bad.id})
    assert "Row 3 of the table has no number" in app.error[0].value


def test_import_takes_a_bundle_in(store: RunStore, trained: Path):
    app = open_page("models")
    app.file_uploader[0].upload(trained.name, trained.read_bytes(), "application/zip")
    button(app, "Import").click()
    app.run()
    assert not app.exception, app.exception[0].message
    imported = [run for run in store.list() if run.source == "imported"]
    assert [run.name for run in imported] == ["tiny terrain"]
    assert "is here" in texts(app)
    assert app.query_params["run"] == imported[0].id


def test_broken_bundle_is_refused_in_a_sentence(store: RunStore, trained: Path, tmp_path: Path):
    broken = tmp_path / "npf-broken.zip"
    with zipfile.ZipFile(trained) as old, zipfile.ZipFile(broken, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            new.writestr(item.filename, data[:-1] + b"\0" if item.filename.endswith("model.safetensors") else data)
    app = open_page("models")
    app.file_uploader[0].upload(broken.name, broken.read_bytes(), "application/zip")
    button(app, "Import").click()
    app.run()
    assert not app.exception
    assert app.error and "model.safetensors" in app.error[0].value
    assert not [run for run in store.list() if run.source == "imported"]


def test_import_without_a_file_says_so(store: RunStore):
    app = open_page("models")
    button(app, "Import").click()
    app.run()
    assert "hoose the zip" in app.error[0].value


def many(store: RunStore) -> None:
    """Five runs more than a page of the table holds, the newest first by name."""
    for number in reversed(range(table.PAGE + 5)):  # a list is in the order in which rows were added
        names = {"id": f"r{number}", "name": f"Run {number:03d}"}
        store.table.insert(**names, state="failed", source="trained", spec="{}", created=1000.0 - number)


def test_a_long_list_is_shown_page_by_page(store: RunStore):
    many(store)
    app = open_page("models")
    names = list(app.dataframe[0].value["Name"])
    assert len(names) == table.PAGE and names[0] == "Run 000"
    assert app.button(key="page_previous").disabled
    app.button(key="page_next").click().run()
    rest = list(app.dataframe[0].value["Name"])
    assert not set(names) & set(rest) and "Run 054" in rest
    assert app.button(key="page_next").disabled
    app.selectbox(key="models_order").set_value("Name").run()
    assert app.query_params["page"] == "2" and list(app.dataframe[0].value["Name"])[-1] == "Run 054"
    assert not app.exception


def test_a_page_that_is_not_there_shows_one_that_is(store: RunStore):
    many(store)
    for page in ("0", "-3", "999", "x", "٣", "9" * 400):
        app = open_page("models", {"page": page})
        assert not app.exception and len(app.dataframe[0].value), page


def test_ticks_of_other_pages_stay(store: RunStore):
    many(store)
    app = open_page("models", {"run": "r0", "page": "2"})
    assert "Run 000" in texts(app) and "Run 000" not in list(app.dataframe[0].value["Name"])


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", " =1"])
def test_no_name_becomes_a_formula_in_a_saved_table(name: str):
    assert sheet.plain(name) == "'" + name
    assert sheet.plain("Étude = 1") == "Étude = 1"


def test_a_kind_from_outside_is_shown_with_its_figures_and_settings(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = set(kinds.KINDS)
    from tests.runs.tiny_kind import DICE, DiceSpec

    for name in set(kinds.KINDS) - known:  # which its import has registered: only this test knows it
        kinds.KINDS.pop(name)
    monkeypatch.setitem(kinds.KINDS, "dice", DICE)
    monkeypatch.setenv("NPF_EXTENSIONS", str(Path(__file__).parents[1] / "runs/tiny_kind.py"))
    done = store.submit(DiceSpec(throws=3))
    wait_for(lambda: not store.get(done.id).active)
    busy = store.submit(DiceSpec(throws=100_000))
    app = open_page("models", {"run": done.id})
    assert not app.exception and not app.error
    assert "dice are fair" in texts(app).lower() and {"sum", "mean"} <= {item.label for item in app.metric}
    assert app.button(key="detail_again") and any("die.faces" in item.value.to_string() for item in app.table)
    both = open_page("models", {"run": done.id, "with": busy.id})
    assert not both.exception and not both.error
    assert not open_page("models", {"run": busy.id}).exception
    monkeypatch.delenv("NPF_EXTENSIONS")
    monkeypatch.delitem(kinds.KINDS, "dice")
    unknown = open_page("models", {"run": done.id})
    assert not unknown.exception and "NPF_EXTENSIONS" in texts(unknown)
