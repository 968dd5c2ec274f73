"""The page Account: who one is, one's tokens, and for an administrator what the group does."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from npf_engine.runs import tokens
from npf_engine.runs.access import person
from tests.conftest import ROOT
from tests.pages.conftest import button, registered_pages, texts, tiny
from tests.runs import fabricated

ANNA, BERT = person("i", "anna", "Anna"), person("i", "bert", "Bert")
ADMIN = person("i", "root", "Root", admin=True)


@pytest.fixture
def account(store, monkeypatch):
    """Opens the page for somebody."""

    def opened(viewer):
        monkeypatch.setattr("ui.people.viewer", lambda: viewer)
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=90).run()
        app = app.switch_page("pages/account/page.py").run()
        assert not app.exception, app.exception[0].message
        return app

    return opened


def test_it_is_there_for_people_alone(account, store):
    assert not any("account" in str(page) for page in registered_pages.__wrapped__().values())
    fabricated.run(store, tiny(), "mine", None, owner=ANNA.id)
    said = texts(account(ANNA))
    assert "Signed in as **Anna**." in said and ANNA.id in said and "Audit log" not in said
    assert [item.value for item in account(ANNA).metric][:3] == ["1", "0", "0"]
    assert [item.value for item in account(BERT).metric][:3] == ["0", "0", "0"]


def test_a_token_is_made_shown_once_and_taken_back(account, store):
    app = account(ANNA)
    app.text_input(key="token_name").input("laptop")
    button(app, "Make a token").click().run()
    (code,) = [item.value for item in app.code if item.value.startswith(tokens.PREFIX)]
    assert tokens.holder(store.ledger, code).id == ANNA.id
    app.run()
    assert code not in texts(app) and "laptop" in texts(app)
    assert "laptop" not in texts(account(BERT))
    app = account(ANNA)
    button(app, "Remove").click().run()
    assert tokens.holder(store.ledger, code) is None and "laptop" not in texts(app)


def test_an_administrator_sees_what_the_group_does(account, store):
    run = fabricated.run(store, tiny(), "secret", None, owner=ANNA.id)
    store.ledger.meet(ANNA)
    store.seen_by(ANNA).rename(run.id, "still secret")
    shown = " ".join(str(item.value.to_dict()) for item in account(ADMIN).dataframe)
    assert "still secret" in shown and "Anna" in shown and "renamed" in shown
    cards = " ".join(str(item.proto) for item in account(ADMIN).get("html"))  # in place of the tables on a phone
    assert "still secret" in cards and "Anna" in cards and "renamed" in cards
    hidden = account(BERT)
    assert not hidden.dataframe and "still secret" not in texts(hidden)
