"""What others own can be neither read nor changed through the store: each of its methods is a door."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json

import pytest

from npf_engine.errors import InputError
from npf_engine.runs import access, rebuilding, row
from npf_engine.runs.access import ALONE, STRANGER, Viewer, person
from npf_engine.runs.catalogue import Catalogue
from npf_engine.runs.machines import machines
from npf_engine.runs.results import Results
from npf_engine.runs.store import RunStore
from npf_engine.runs.submitting import Submitting
from npf_engine.studies.factorization.spec import of_field
from tests.runs import fabricated
from tests.runs.conftest import counting

ANNA, BERT = person("https://id.example", "1", "Anna"), person("https://id.example", "2", "Bert")
ADMIN = person("https://id.example", "3", "Root", admin=True)
READING = {
    "get": (),
    "status": (),
    "log": (),
    "events": (),
    "history": (),
    "snapshot": (),
    "report": (),
    "outcome": (),
    "answer": (object,),
    "result": ("lab.json",),
    "so_far": ("lab.json",),
    "field": (),
    "archive": (),
    "bundle": (),
    "left_model": (),
    "model": (),
    "open_model": (),
    "retry": (),
}
CHANGING = {
    "rename": ("mine",),
    "describe": (["tag"], "notes"),
    "share": (row.PUBLIC,),
    "pause": (),
    "resume": (),
    "cancel": (),
    "delete": (),
}
# what lists, filters by itself, or names no run
OTHERS = {"list", "summaries", "active", "find", "several", "curve", "trouble", "notice", "dismiss", "seen_by", "watch"}
OTHERS |= {
    "submit",
    "submit_sweep",
    "import_bundle",
    "may_change",
    "claim",
    "check_source",
    "check_disk",
    "given_to",
    "everyone",
    "on_disk",
}


@pytest.fixture
def runs(store):
    """One finished run of each visibility of Anna's, by its visibility, and one of nobody's."""
    made = {"nobody": fabricated.run(store, counting(), "before owners", fabricated.metrics(1.0)).id}
    for seen in row.VISIBILITIES:
        columns = {"owner": ANNA.id, "visibility": seen}
        made[seen] = fabricated.run(store, counting(), f"{seen} run", fabricated.metrics(1.0), **columns).id
    return made


def test_every_method_is_a_door_that_is_tested_here():
    classes = (RunStore, Submitting, Catalogue, Results)
    public = {name for each in classes for name, _ in inspect.getmembers(each, inspect.isroutine) if name[0] != "_"}
    assert public == READING.keys() | CHANGING.keys() | OTHERS


@pytest.mark.parametrize("name", [*READING, *CHANGING])
def test_what_is_private_is_not_there_for_others(store, runs, name):
    arguments = (READING | CHANGING)[name]
    unknown = str(_refusal(store.seen_by(BERT), name, "nothing-0000", arguments))
    for viewer, run in itertools.product((BERT, STRANGER), ("private", "nobody")):
        said = str(_refusal(store.seen_by(viewer), name, runs[run], arguments))
        assert said.replace(runs[run], "") == unknown.replace("nothing-0000", "")  # no more than of one that is not
    assert store.get(runs["private"]).name == "private run"


@pytest.mark.parametrize("name", CHANGING)
def test_what_is_shared_can_be_looked_at_and_not_changed(store, runs, name):
    for viewer, run in itertools.product((BERT, STRANGER), ("link", "public")):
        before = store.get(runs[run])
        assert "is somebody else's" in str(_refusal(store.seen_by(viewer), name, runs[run], CHANGING[name]))
        assert store.get(runs[run]) == before and before.folder.is_dir()
        assert store.seen_by(viewer).report(runs[run])["verdict"] == "good"


def test_what_a_run_is_called_opens_no_file(store):
    source = f"upload:{'ab' * 16}/heights.csv"
    bert = store.seen_by(BERT)
    named = dataclasses.replace(of_field("quick", "jacksboro"), name=source)
    fabricated.run(store, named, "a name", fabricated.metrics(1.0), owner=BERT.id)
    with pytest.raises(InputError, match="was not uploaded by you"):
        bert.check_source(source)
    fabricated.run(store, of_field("quick", source), "shared", fabricated.metrics(1.0), visibility=row.PUBLIC)
    bert.check_source(f"field:{source}")  # a run in his list is trained on it


def _refusal(store, name, run_id, arguments):
    with pytest.raises(InputError) as raised:
        getattr(store, name)(run_id, *arguments)
    return raised.value


def test_lists_have_what_is_ones_own_and_what_is_everybodys(store, runs):
    expected = {
        ANNA: {"private", "link", "public"},
        BERT: {"public"},
        STRANGER: {"public"},
        ADMIN: {"public", "nobody"},
        ALONE: set(runs),
    }
    for viewer, names in expected.items():
        seen, wanted = store.seen_by(viewer), {runs[name] for name in names}
        assert {run.id for run in seen.list()} == {run.id for run in seen.summaries()} == wanted
        readable = {"link", "public"} | names | (set(runs) if viewer.admin else set())
        assert {run.id for run in seen.several([*runs.values()])} == {runs[name] for name in readable}
        assert {run for run in runs.values() if seen.find(run)} == {runs[name] for name in readable}


def test_what_waits_is_seen_by_its_owner_alone(store, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)  # nothing starts
    run = store.seen_by(ANNA).submit(counting())
    assert run.owner == ANNA.id and run.visibility == row.PRIVATE
    assert [found.id for found in store.seen_by(ANNA).active()] == [run.id]
    assert store.seen_by(BERT).active() == []


def test_an_owner_and_an_administrator_change_a_run(store, runs):
    for viewer in (ANNA, ADMIN):
        assert store.seen_by(viewer).rename(runs["private"], f"of {viewer.title}").name == f"of {viewer.title}"
    store.seen_by(ANNA).delete(runs["private"])
    assert store.find(runs["private"]) is None


def test_names_of_others_cannot_be_found_out(store, runs, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)  # nothing starts
    assert store.seen_by(BERT).submit(counting(), "private run").name == "private run"
    assert store.seen_by(ANNA).submit(counting(), "private run").name == "private run (2)"
    assert store.table.free_sweep("sweep", BERT.id) == "sweep"


def test_only_an_address_that_cannot_be_guessed_is_shared_by_it(store, runs, monkeypatch):
    with pytest.raises(InputError, match="short enough to be guessed"):
        store.seen_by(ANNA).share(runs["private"], row.LINK)
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)  # nothing starts
    mine = store.seen_by(ANNA).submit(counting())
    assert store.seen_by(ANNA).share(mine.id, row.LINK).visibility == row.LINK
    assert store.seen_by(BERT).get(mine.id).id == mine.id and mine.id not in {r.id for r in store.seen_by(BERT).list()}
    with pytest.raises(InputError, match="a run is one of private, link, public"):
        store.seen_by(ANNA).share(mine.id, "all")


def test_owners_outlive_the_table(store, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)  # nothing starts
    mine = store.seen_by(ANNA).submit(counting())
    store.seen_by(ANNA).share(mine.id, row.PUBLIC)
    store.table.path.write_bytes(b"")
    for side in ("-wal", "-shm"):
        store.table.path.with_name(store.table.path.name + side).unlink(missing_ok=True)
    rebuilding.backup_path(store.table.path).unlink(missing_ok=True)
    again = RunStore(store.home, gallery=None).get(mine.id)
    assert (again.owner, again.visibility) == (ANNA.id, row.PUBLIC)


def test_people_are_told_apart_by_issuer_and_subject():
    ids = {person(issuer, subject, "Anna").id for issuer, subject in itertools.product(("a", "b", "a b"), ("c", "b c"))}
    assert len(ids) == 6
    assert person("a", "c", "Anna").id == person("a", "c", "Anna, married").id


def test_a_visibility_that_is_not_known_is_private():
    assert row.visibility("everyone") == row.visibility(None) == row.PRIVATE
    assert not access.may_read(Viewer("x"), fabricated_summary())


def fabricated_summary():
    from npf_engine.runs.summaries import Summary

    return Summary("a", "a", "train", "done", "trained", 1.0, owner="y")


def test_machines_tell_what_others_do_without_its_name(store, runs, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)
    mine = store.seen_by(ANNA).submit(counting(), "waits in secret")
    for hidden in ("private", "link"):
        store.table.update(runs[hidden], state="running", started=1.0, slot="cpu:0")
    seen, own = (json.dumps(machines(store.seen_by(viewer)).to_json()) for viewer in (BERT, ANNA))
    for secret in ("private run", runs["private"], "link run", runs["link"], mine.name, mine.id):
        assert secret in own and secret not in seen
