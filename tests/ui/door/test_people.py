"""Who somebody is: by a signed identity or by a trusted proxy's header, and by nothing that anybody else sends."""

from __future__ import annotations

import ipaddress

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from npf_engine.errors import InputError
from npf_engine.runs.access import ALONE, STRANGER, person
from tests.ui.door.asking import World
from ui.door import people
from ui.door.caller import user_of
from ui.door.given import Given
from ui.door.settings import Settings
from ui.door.uploads import Uploads

HEADER = "x-forwarded-email"
PROXY, OTHER, PUBLIC = "10.0.0.2", "10.0.0.9", "10.0.0.5"
PICTURE = "/media/" + "ab" * 16
PLACE = "/_stcore/upload_file/" + "/".join(["0" * 8 + "-1111-2222-3333-" + "0" * 12] * 2)


def headed(**more):
    return World(user_header=HEADER, proxies=(ipaddress.ip_network(PROXY),), hosts=("*",), **more)


def ask(world, client, name=b"anna", server=PUBLIC, **more):
    named = {} if name is None else {"x_forwarded_email": name.decode("latin-1")}
    return world.ask("/train", client=client, server=server, **named, **more).status


def test_the_header_is_believed_from_the_proxy_alone():
    world = headed()
    assert ask(world, PROXY) == 200
    assert ask(world, OTHER) == 401 and ask(world, PROXY, None) == 401 and ask(world, PROXY, b" ") == 401


@pytest.mark.parametrize("told", [PROXY, f"{PROXY}, {OTHER}", f"{OTHER}, {PROXY}", OTHER, "127.0.0.1", "::1"])
def test_a_forwarded_address_makes_nobody_the_proxy(told):
    for proxy in (PROXY, "127.0.0.1"):
        world = World(user_header=HEADER, proxies=(ipaddress.ip_network(proxy),), hosts=("*",))
        assert ask(world, OTHER, x_forwarded_for=told) == 401
    # a program of this machine, in whose peer's place uvicorn has put what it was told
    world = headed()
    assert ask(world, told.rpartition(", ")[2], server="127.0.0.1", x_forwarded_for=told) == 401


def test_a_proxy_of_this_machine_is_told_by_where_it_comes_in():
    world = World(user_header=HEADER, proxies=(ipaddress.ip_network("127.0.0.1"),), hosts=("*",))
    assert ask(world, "127.0.0.1", server="127.0.0.1") == 200
    assert ask(world, OTHER, server="127.0.0.1", x_forwarded_for=OTHER) == 200  # uvicorn has swapped it
    assert ask(world, "127.0.0.1") == 401  # but nothing from elsewhere is of this machine


def test_two_headers_are_none():
    world = headed()
    scope = world.scope("http", "/train", "GET", {HEADER: "anna"}, PROXY, PUBLIC)
    scope["headers"].append((HEADER.encode(), b"root"))
    assert user_of(scope, world.door.settings) == ""


def test_what_is_not_believed_does_not_reach_the_app():
    seen = []
    world = headed(open=True)

    async def inner(scope, receive, send):
        seen.append([value for key, value in scope["headers"] if key == HEADER.encode()])

    world.door.app = inner
    from tests.ui.door.asking import finished
    from ui.door.layer import Visit

    for client in (PROXY, OTHER):
        visit = Visit(world.door, world.scope("http", "/", "GET", {HEADER: "anna"}, client, PUBLIC), None, None)
        finished(inner(visit.scope, None, None))
    assert seen == [[b"anna"], []]


def test_a_start_that_could_be_deceived_is_refused(monkeypatch):
    proxies = {"NPF_TRUSTED_PROXIES": PROXY}
    for given, sentence in (
        ({"NPF_USER_HEADER": HEADER}, "name the proxy's address there"),
        ({"NPF_USER_HEADER": HEADER, "NPF_PASSWORD": "x"} | proxies, "two ways to sign in"),
        ({"NPF_USER_HEADER": "X Forwarded"} | proxies, "give the name of one header"),
    ):
        with pytest.raises(InputError, match=sentence):
            Settings.from_environment(given).check_start()
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with pytest.raises(InputError, match="could be forged"):
        Settings.from_environment({"NPF_USER_HEADER": HEADER} | proxies).check_start()
    monkeypatch.delenv("FORWARDED_ALLOW_IPS")
    Settings.from_environment({"NPF_USER_HEADER": HEADER} | proxies).check_start()


def test_an_identity_is_a_person_by_issuer_and_subject():
    settings = Settings(providers=("default",), admins=("root@example.org",))
    told = {"is_logged_in": True, "iss": "i", "sub": "s", "name": "Anna", "email": "anna@example.org"}
    assert people.of_identity(told, settings) == person("i", "s", "Anna")
    assert people.of_identity(told | {"is_logged_in": "yes"}, settings) == STRANGER
    assert people.of_identity({}, settings) == STRANGER
    assert people.of_identity(told, Settings()) == people.of_identity(told, Settings(password="x")) == ALONE
    assert people.of_identity(told, Settings(password="x", providers=("default",))) == ALONE


def test_an_administrator_is_one_by_a_verified_address():
    settings = Settings(providers=("default",), admins=("root@example.org",))
    told = {"is_logged_in": True, "iss": "i", "sub": "s", "email": "Root@example.org"}
    assert not people.of_identity(told, settings).admin
    assert not people.of_identity(told | {"email_verified": "true"}, settings).admin
    assert people.of_identity(told | {"email_verified": True}, settings).admin
    assert people.of_identity(told, Settings(providers=("d",), admins=(person("i", "s", "").id,))).admin
    assert not people.of_identity({"is_logged_in": True, "iss": "i", "sub": "s"}, Settings(providers=("d",))).admin


def test_a_name_in_the_header_is_an_administrators_as_it_is_written():
    settings = Settings(user_header=HEADER, admins=("root", person("header", "anna", "").id))
    found = {name: people.of_header(name, settings) for name in ("root", "Root", "anna", "bert", "")}
    assert [name for name, viewer in found.items() if viewer.admin] == ["root", "anna"]
    assert found["root"].id != found["Root"].id and found[""] == STRANGER
    assert not people.of_header(found["anna"].id, settings).admin  # called what her id is


def test_a_name_in_the_header_is_read_as_utf8():
    world = headed()
    names = ("Émile", "José", "Noà", "NoÅ", "anna")
    sent = [name.encode() for name in names]
    assert [ask(world, PROXY, name) for name in sent] == [200] * len(names)
    scopes = [world.scope("http", "/", "GET", {HEADER: name.decode("latin-1")}, PROXY, PUBLIC) for name in sent]
    settings = world.door.settings
    found = [people.of_header(user_of(scope, settings), settings) for scope in scopes]
    assert [viewer.title for viewer in found] == list(names) and len({viewer.id for viewer in found}) == len(names)
    assert found[-1] == person("header", "anna", "anna")


def told(picture="", upload="", text=""):
    """A message to a page as Streamlit sends it: with a picture or a download, a place to upload to, or a text."""
    message = ForwardMsg()
    if upload:
        message.file_urls_response.file_urls.add(upload_url=upload, delete_url=upload)
    elif picture:
        message.delta.new_element.imgs.imgs.add(url=picture)
    else:
        message.delta.new_element.markdown.body = text
    return message.SerializeToString()


def test_what_a_page_only_repeats_gives_no_address():
    given = Given()
    for message in (told(text=f"there is no run {PICTURE}.png {PLACE}"), f"\x0a\x22{PICTURE}.png".encode()):
        given.note("bert", message)
    assert given.refuses("bert", f"{PICTURE}.png") and given.refuses("bert", PLACE)
    download = ForwardMsg()
    download.delta.new_element.download_button.url = f"{PICTURE}.zip"
    given.note("bert", download.SerializeToString())
    assert not given.refuses("bert", f"{PICTURE}.zip")


def test_addresses_are_answered_to_whom_they_were_given():
    given = Given()
    given.note("anna", told(f"{PICTURE}.png"))
    given.note("anna", told(upload=PLACE))
    for path in (PICTURE, f"{PICTURE}.png", PLACE):
        assert not given.refuses("anna", path) and given.refuses("bert", path)
    for path in (f"{PICTURE}./../x.png", f"{PICTURE}/x", f"/media/{PICTURE}", "/media/", "/media/."):
        assert given.refuses("anna", path), path
    assert not given.refuses("bert", "/train") and given.refuses("anna", "/media/" + "cd" * 16)


def test_what_one_is_given_takes_no_address_from_another(monkeypatch):
    monkeypatch.setattr("ui.door.given.MOST", 3)
    given = Given()
    given.note("anna", told(f"{PICTURE}.png"))
    others = [f"/media/{k:032x}" for k in range(5)]
    for address in others:
        given.note("bert", told(f"{address}.png"))
    assert not given.refuses("anna", PICTURE)
    assert [given.refuses("bert", address) for address in others] == [True, True, False, False, False]


def test_pictures_and_places_to_upload_to_of_others_are_not_found():
    world = headed()

    async def inner(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.send", "bytes": told(f"{PICTURE}.png")})
            await send({"type": "websocket.send", "bytes": told(upload=PLACE)})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"secret"})

    world.door.app = inner
    world.sessions.connected.add(PLACE.split("/")[3])
    world.door.uploads = Uploads(world.door.settings.limits, world.sessions, world.clock)
    as_anna = {"client": PROXY, "server": PUBLIC, "x_forwarded_email": "anna"}
    as_bert = as_anna | {"x_forwarded_email": "bert"}
    assert world.ask(f"{PICTURE}.png", **as_anna).status == 404
    world.connect([], client=PROXY, server=PUBLIC, **{HEADER: "anna"})
    assert world.ask(f"{PICTURE}.png", **as_anna).body == b"secret"
    assert world.ask(f"{PICTURE}.png", **as_bert).status == 404
    for method in ("PUT", "POST", "DELETE"):
        assert world.ask(PLACE, method, **as_anna).status == 200
        assert world.ask(PLACE, method, **as_bert).status == 404


def test_programs_ask_with_a_token_and_nothing_else_is_open_to_them():
    world = headed()
    outside = {"client": OTHER, "server": PUBLIC}
    for path in ("/api/v1/runs", "/api/v1/openapi.json", "/healthz", "/metrics"):
        assert world.ask(path, **outside).status == 200, path  # they ask by themselves who is there
    for path in ("/api/v1", "/api/v2/runs", "/api", "/healthz/x", "/metrics.txt", "/_stcore/metrics", "/models"):
        assert world.ask(path, **outside).status == 401, path
    assert world.ask("/api/v1/runs", "POST", origin="https://evil.example", **outside).status == 403
    assert World(password="x").ask("/api/v1/runs").status == 401
    reached = World(password="x")
    assert reached.ask("/healthz").status == 200 and reached.reached == ["/healthz"]
