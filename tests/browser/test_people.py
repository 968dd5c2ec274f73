"""Two people sign in at a real identity provider, in a real browser: each sees what is his, and nobody else's."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from npf_engine.runs import tokens
from npf_engine.runs.access import Viewer, person
from npf_engine.runs.store import RunStore
from tests.browser.conftest import Server, Visitor
from tests.pages.conftest import trained as trained

pytestmark = [pytest.mark.browser, pytest.mark.group, pytest.mark.timeout(600)]
NAME = "Anna's own model"
SECRETS = """[auth]
redirect_uri = "{url}/oauth2callback"
cookie_secret = "a secret of this test"
client_id = "explorer"
client_secret = "a secret of the client"
server_metadata_url = "http://localhost:{port}/.well-known/openid-configuration"
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Any]:
    """An identity provider on loopback."""
    from oidc_provider_mock import User, run_server_in_thread

    names = {"anna": {"name": "Anna"}, "bert": {"name": "Bert"}}
    users = [User(sub=sub, claims=claims) for sub, claims in names.items()]
    with run_server_in_thread(user_claims=users) as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: Any) -> Iterator[Server]:
    """The app, which sends its visitors there."""
    home, user = tmp_path_factory.mktemp("group_home"), tmp_path_factory.mktemp("group_user")
    found = Server(home, HOME=str(user))
    (user / ".streamlit").mkdir()
    told = SECRETS.format(url=found.url, port=provider.server_port)
    (user / ".streamlit" / "secrets.toml").write_text(told)
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def mine(server: Server, trained: Path, provider: Any) -> Any:
    """A model of Anna's."""
    anna = person(f"http://localhost:{provider.server_port}", "anna", "Anna")
    store = RunStore(server.home).seen_by(anna)
    return store.rename(store.import_bundle(trained).id, NAME)


def signed_in(browser: Any, server: Server, name: str, path: str = "/") -> Visitor:
    """Somebody who came by the link ``path``, and has signed in."""
    visitor = Visitor(browser, server.url)
    visitor.page.goto(server.url + path)
    visitor.page.get_by_role("link", name="Sign in").click()
    visitor.page.get_by_role("button", name=name, exact=True).first.click()
    visitor.page.get_by_test_id("stSidebarNav").get_by_text("Models").wait_for()
    visitor.settled()
    visitor.complaints.clear()  # of the provider's page, and of being asked to sign in
    return visitor


def test_two_people_and_their_runs(browser: Any, server: Server, mine: Any):
    link = f"/models?run={mine.id}"
    bert, anna = signed_in(browser, server, "bert", link), signed_in(browser, server, "anna", link)
    assert NAME in anna.text(), "the owner does not find the run of the link"
    assert NAME not in bert.text()
    with anna.page.expect_download() as download:
        anna.main.get_by_role("button", name="Download npf-").click()
    content = Path(download.value.path()).read_bytes()
    assert content == RunStore(server.home).bundle(mine.id).read_bytes()
    assert "/media/" in download.value.url
    assert anna.context.request.get(download.value.url).body() == content
    assert bert.context.request.get(download.value.url).status == 404, "a download's address answers somebody else"
    for path in ("/", "/models", f"/train?run={mine.id}", f"/factorization?run={mine.id}", f"/inverse?run={mine.id}"):
        bert.go(path)
        assert NAME not in bert.page.content(), path
    anna.go("/")
    widths = "images => images.filter(one => one.src.includes('/media/')).map(one => one.naturalWidth)"
    shown = anna.page.locator("[data-testid=stImage] img").evaluate_all(widths)
    assert shown and min(shown) > 0, "a picture of the page is not given to the page"
    anna.go(link)
    anna.main.get_by_role("button", name="Share").click()
    anna.page.get_by_text("Everybody who signs in", exact=True).click()
    anna.settled()
    bert.go(link)
    assert NAME in bert.text() and bert.main.get_by_role("button", name="Delete").count() == 0
    bert.page.get_by_role("button", name="Sign out").click()
    bert.page.get_by_test_id("stSidebarNav").wait_for(state="detached")
    bert.page.goto(server.url + link)
    bert.page.get_by_role("link", name="Sign in").wait_for()
    assert not anna.complaints
    anna.close()
    bert.close()


def test_a_file_goes_up(browser: Any, server: Server, mine: Any):
    anna = signed_in(browser, server, "anna", "/models")
    anna.main.get_by_text("Import a bundle").click()
    bundle = RunStore(server.home).bundle(mine.id)
    anna.page.locator("input[type=file]").set_input_files(str(bundle))
    anna.page.get_by_text(bundle.name).first.wait_for()
    anna.main.get_by_role("button", name="Import", exact=True).click()
    anna.page.get_by_text("is here.").wait_for()
    runs = [run for run in RunStore(server.home, gallery=None).list() if run.source == "imported"]
    assert len(runs) == 2 and {run.owner for run in runs} == {mine.owner}
    anna.close()


def test_a_program_speaks_for_its_owner(server: Server, mine: Any):
    store = RunStore(server.home)
    names = {}
    for sub in ("anna", "bert"):
        owner = mine.owner if sub == "anna" else person("https://elsewhere.example", sub, sub).id
        told = ask(f"{server.url}/api/v1/runs", tokens.make(store.ledger, Viewer(owner, sub), "a program"))
        names[sub] = {run["name"] for run in json.loads(told[1])["runs"] if run["own"]}
    assert NAME in names["anna"] and not names["bert"]
    assert ask(f"{server.url}/api/v1/runs")[0] == 401 and ask(f"{server.url}/models")[0] == 401
    assert ask(f"{server.url}/healthz") == (200, b"ok") and ask(f"{server.url}/metrics")[0] == 404
    assert ask(f"{server.url}/api/v1/openapi.json")[0] == 200


def ask(url: str, token: str = "") -> tuple[int, bytes]:
    """Status and content of an answer."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
