"""What others own can be neither read nor changed on a page: each page that shows runs is a door."""

from __future__ import annotations

import os

import pytest

from npf_engine.errors import InputError
from npf_engine.runs import row
from npf_engine.runs.access import STRANGER, person
from npf_engine.studies import kinds
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.studies.reproduction.spec import ReproductionSpec
from tests.pages.conftest import button, components, links, open_page, texts, tiny
from tests.runs import fabricated
from ui import uploading

ANNA, BERT = person("https://id.example", "1", "Anna"), person("https://id.example", "2", "Bert")
ROOT = person("https://id.example", "3", "Root", admin=True)
NAME = "top secret"


@pytest.fixture
def at(monkeypatch):
    """Says who looks at pages from now on."""

    def look(viewer):
        monkeypatch.setattr("ui.people.viewer", lambda: viewer)

    return look


@pytest.fixture
def mine(store, trained):
    """A finished training of Anna's."""
    return store.seen_by(ANNA).rename(store.seen_by(ANNA).import_bundle(trained).id, NAME)


def everything(app):
    """All that a page says and offers, in one string."""
    parts = [texts(app), *links(app), *(str(item.options) for item in app.selectbox)]
    parts += [str(item.proto) for item in components(app)] + [str(item.value) for item in app.dataframe]
    return "\n".join(parts)


PAGES = ("home", "train", "factorization", "inverse", "landscape", "lab", "reproduce", "models", "machines")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_nothing_of_it(page, store, mine, at):
    for viewer in (BERT, STRANGER):
        at(viewer)
        for query in ({}, {"run": mine.id}, {"run": mine.id, "with": mine.id}, {"retry": mine.id}):
            said = everything(open_page(page, query))
            assert NAME not in said, (page, query)
    assert store.get(mine.id) == mine


def test_its_owner_finds_it(mine, at):
    at(ANNA)
    for page, query in (("home", {}), ("models", {"run": mine.id}), ("factorization", {"run": mine.id})):
        assert NAME in everything(open_page(page, query)), page


@pytest.mark.parametrize(
    ("page", "spec"),
    [("lab", LabSpec()), ("landscape", LandscapeSpec()), ("reproduce", ReproductionSpec()), ("train", tiny())],
    ids=["lab", "landscape", "reproduce", "train"],
)
def test_runs_of_every_kind_are_not_there_for_others(page, spec, store, at, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)
    run = fabricated.run(store, spec, NAME, None, owner=ANNA.id, error="a private sentence")
    at(BERT)
    app = open_page(page, {"run": run.id})
    assert "This run is not here" in texts(app) or page in ("reproduce",)
    assert NAME not in everything(app) and "a private sentence" not in everything(app)
    assert kinds.find(run.kind) is not None
    at(ANNA)
    assert NAME in everything(open_page(page, {"run": run.id}))


def test_a_retry_of_what_is_not_there_is_a_sentence(mine, store, at):
    at(BERT)
    app = open_page("train", {"source": "jacksboro", "retry": mine.id})
    button(app, "Train").click().run()
    assert "There is no run" in texts(app) and store.seen_by(BERT).active() == []


def test_what_is_shared_is_looked_at_and_not_changed(mine, store, at):
    store.seen_by(ANNA).share(mine.id, row.PUBLIC)
    at(BERT)
    app = open_page("models", {"run": mine.id})
    said, labels = everything(app), {item.label for item in app.button}
    assert NAME in said and "It is somebody else's" in said
    assert not labels & {"Delete", "Rename", "Keep", "Yes, stop it"}


def test_what_is_shared_by_its_link_is_in_no_list(mine, store, at):
    store.seen_by(ANNA).share(mine.id, row.LINK)
    at(BERT)
    assert NAME not in everything(open_page("factorization"))
    assert NAME in everything(open_page("factorization", {"run": mine.id}))
    assert NAME not in everything(open_page("models"))
    app = open_page("models", {"run": mine.id})
    said, labels = everything(app), {item.label for item in app.button}
    assert NAME in said and "It is somebody else's" in said and "Delete" not in labels


def test_models_says_that_a_run_of_its_link_is_not_here(mine, done, at):
    at(BERT)
    said = everything(open_page("models", {"run": mine.id}))
    assert "This run is not here" in said and NAME not in said
    assert "This run is not here" not in everything(open_page("models"))


def test_an_administrator_opens_it_on_models_where_it_can_be_deleted(mine, at):
    at(ROOT)
    assert NAME not in everything(open_page("models"))
    app = open_page("models", {"run": mine.id})
    assert NAME in everything(app) and "Delete" in {item.label for item in app.button}


def test_its_owner_shares_it(mine, store, at):
    at(ANNA)
    app = open_page("models", {"run": mine.id})
    assert not any(mine.id in item.value for item in app.code)
    app.radio(key=f"visibility_{mine.id}").set_value(row.PUBLIC).run()
    assert not app.exception and store.get(mine.id).visibility == row.PUBLIC
    assert any(item.value.endswith(f"factorization?run={mine.id}") for item in app.code)


def test_its_owner_shares_it_on_train_and_nobody_else_does(mine, store, at):
    store.seen_by(ANNA).share(mine.id, row.LINK)
    for viewer, sees in ((ANNA, True), (BERT, False)):
        at(viewer)
        app = open_page("train", {"run": mine.id})
        assert NAME in everything(app) and (mine.id in " ".join(item.value for item in app.code)) is sees


def test_nobody_is_asked_where_nobody_signs_in(store, done):
    app = open_page("models", {"run": done.id})
    assert "Delete" in {item.label for item in app.button} and not app.radio


def test_a_file_is_opened_by_who_brought_it(store, at, tmp_path):
    class Upload:
        name = "heights.csv"

        def getbuffer(self):
            return memoryview(b"x1,x2,F1,F2\n0,0,1,1\n1,0,1,2\n0,1,2,1\n")

    at(ANNA)
    source = uploading.stage(Upload())
    assert "heights.csv has 3 rows" in texts(open_page("field", {"source": source}))
    uploading.keep(source)
    at(BERT)
    refused = texts(open_page("field", {"source": source}))
    assert "heights.csv was not uploaded by you" in refused and "3 rows" not in refused
    for spec in (tiny(field__source=source), LabSpec(task=f"field:{source}")):
        with pytest.raises(InputError, match="was not uploaded by you"):
            store.seen_by(BERT).submit(spec)
    with pytest.raises(InputError, match="was not uploaded by you"):
        uploading.keep(source)
    assert uploading.stage(Upload()) == source  # he has it too
    assert "was not uploaded" not in texts(open_page("field", {"source": source}))


def test_no_other_file_of_the_server_is_opened(store, mine, at, monkeypatch, tmp_path):
    monkeypatch.setenv("NPF_DEM_DIR", str(tmp_path / "dem"))
    at(BERT)
    secret = mine.folder / "report.json"
    relative = os.path.relpath(secret)
    for path in (str(secret), relative, "~/x.csv", "/etc/passwd", f"{tmp_path}/dem/../dem2/x.csv"):
        assert "cannot" in texts(open_page("field", {"source": path}))
        with pytest.raises(InputError, match="cannot be opened here"):
            store.seen_by(BERT).submit(tiny(field__source=path))
    with pytest.raises(InputError, match="cannot be opened here"):
        store.seen_by(BERT).submit(tiny(field__source="jacksboro", field__second=str(secret)))
    store.seen_by(BERT).check_source(f"{tmp_path}/dem/x.tif")
