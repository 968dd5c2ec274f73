"""Tokens speak for one person, for a while, and are kept as hashes; what people do is noted, and only added to."""

from __future__ import annotations

import stat

import pytest

from npf_engine.errors import InputError
from npf_engine.runs import audit, tokens
from npf_engine.runs.access import ALONE, STRANGER, person
from npf_engine.runs.ledger import Ledger
from tests.runs import fabricated
from tests.runs.conftest import counting

ANNA, BERT = person("i", "anna", "Anna"), person("i", "bert", "Bert")
ADMIN = person("i", "root", "Root", admin=True)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path)


def test_a_token_speaks_for_who_made_it(ledger):
    token = tokens.make(ledger, ANNA, "  my   laptop ", now=0.0)
    assert tokens.holder(ledger, token, now=10.0) == ANNA
    (told,) = tokens.listed(ledger, ANNA, now=20.0)
    assert (told.name, told.used, told.expires) == ("my laptop", 10.0, tokens.DAYS * tokens.DAY)
    assert tokens.listed(ledger, BERT, now=20.0) == []
    for wrong in ("", "npf_", token[:-1], token + "x", token.upper(), told.id, f"npf_{told.id}", "npf_é"):
        assert tokens.holder(ledger, wrong, now=10.0) is None


def test_a_token_of_an_administrator_is_none(ledger):
    found = tokens.holder(ledger, tokens.make(ledger, ADMIN, "script"))
    assert found.id == ADMIN.id and not found.admin and not found.alone


def test_a_token_ends(ledger):
    token = tokens.make(ledger, ANNA, "laptop", now=0.0)
    assert tokens.holder(ledger, token, now=tokens.DAYS * tokens.DAY + 1) is None
    (told,) = tokens.listed(ledger, ANNA, now=1.0)
    tokens.remove(ledger, BERT, told.id)
    assert tokens.holder(ledger, token, now=1.0) == ANNA
    tokens.remove(ledger, ANNA, told.id)
    assert tokens.holder(ledger, token, now=1.0) is None


def test_nothing_that_is_kept_is_a_token(ledger):
    token = tokens.make(ledger, ANNA, "laptop")
    assert token.encode() not in ledger.path.read_bytes()
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600


def test_who_may_have_one(ledger):
    for viewer in (ALONE, STRANGER):
        with pytest.raises(InputError, match="for people who sign in"):
            tokens.make(ledger, viewer, "laptop")
    with pytest.raises(InputError, match="give the token a name"):
        tokens.make(ledger, ANNA, " ")
    for k in range(tokens.MOST):
        tokens.make(ledger, ANNA, f"laptop {k}")
    with pytest.raises(InputError, match="that is the most"):
        tokens.make(ledger, ANNA, "one more")


def test_what_people_do_is_noted(store, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)
    anna, bert = store.seen_by(ANNA), store.seen_by(BERT)
    run = anna.submit(counting())
    anna.share(run.id, "public")
    with pytest.raises(InputError):
        bert.delete(run.id)
    anna.share(run.id, "private")
    with pytest.raises(InputError):
        bert.get(run.id)
    anna.delete(run.id)
    told = [(line["title"], line["what"], line["run"]) for line in reversed(audit.newest(store.home))]
    expected = ["submitted", "shared", "was refused: deleted", "shared", "was refused to look at", "deleted"]
    assert [what for _, what, _ in told] == expected and {run_id for *_, run_id in told} == {run.id}
    assert [who for who, *_ in told] == ["Anna", "Anna", "Bert", "Anna", "Bert", "Anna"]
    assert stat.S_IMODE((store.home / audit.FILE).stat().st_mode) == 0o600


def test_the_one_user_is_not_watched(store):
    fabricated.run(store, counting(), "mine", None)
    store.delete(store.list()[0].id)
    assert audit.newest(store.home) == [] and not (store.home / audit.FILE).exists()


def test_rubbish_in_the_log_costs_its_own_line(tmp_path):
    audit.note(tmp_path, ANNA, "one\nline", "a")
    with open(tmp_path / audit.FILE, "ab") as file:
        file.write(b"\xff\n[]\n")
    audit.note(tmp_path, ANNA, "two", "b")
    assert [line["what"] for line in audit.newest(tmp_path)] == ["two", "one\nline"]
    assert [line["what"] for line in audit.newest(tmp_path, 1)] == ["two"]


def test_the_runs_of_all_are_an_administrators(store):
    run = fabricated.run(store, counting(), "secret", None, owner=ANNA.id)
    assert [found.id for found in store.seen_by(ADMIN).everyone()] == [run.id]
    for viewer in (ALONE, STRANGER, BERT):
        with pytest.raises(InputError, match="administrators alone"):
            store.seen_by(viewer).everyone()
    with pytest.raises(InputError, match="administrators alone"):
        store.seen_by(BERT).on_disk(ANNA)
    assert store.seen_by(ADMIN).on_disk(ANNA) > 0
