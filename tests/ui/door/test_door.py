"""Nothing passes the door that should not; what it answers by itself; what every answer carries."""

from __future__ import annotations

import asyncio

import pytest

from npf_engine.errors import InputError
from tests.ui.door.asking import World, finished
from ui.door.caller import bucket
from ui.door.settings import LOOPBACK, Settings
from ui.door.signin import safe_return

EVERYTHING = [
    "/",
    "/train?source=fractal",
    "/static/js/index.js",
    "/favicon.png",
    "/media/x",
    "/component/x/y.html",
    "/_stcore/host-config",
    "/_stcore/bidi-components/x/y.js",
    "/_stcore/upload_file/s/f",
    "/_stcore/metrics",
    "/_stcore/script-health-check",
    "/_stcore/agent/openapi.json",
    "/_stcore/health/",
    "//_stcore/health",
    "/auth/login",
    "/oauth2callback",
]


@pytest.mark.parametrize("path", EVERYTHING)
def test_nothing_of_streamlit_is_reached_before_the_sign_in(path: str):
    world = World(password="sesame")
    for method in ("GET", "PUT", "POST", "DELETE", "OPTIONS"):
        assert world.ask(path, method).status == 401
    assert not world.reached


def test_health_says_nothing_but_that_it_is_up():
    answer = World(password="sesame").ask("/_stcore/health")
    assert (answer.status, answer.body, answer.cookies) == (200, b"ok", [])


def test_a_deep_link_is_kept_and_the_cookie_is_for_the_server_alone():
    world = World(password="sesame")
    page = world.ask("/train?source=fractal&n=5", accept="text/html")
    assert page.status == 401 and b'value="/train?source=fractal&amp;n=5"' in page.body
    answer = world.sign_in("sesame", back="%2Ftrain%3Fsource%3Dfractal")
    assert (answer.status, answer.get("location")) == (303, "/train?source=fractal")
    (cookie,) = answer.cookies
    assert "; HttpOnly" in cookie and "; SameSite=Lax" in cookie and "Secure" not in cookie
    given = cookie.partition(";")[0]
    assert world.ask("/train", cookie=given).body == b"inner details"
    assert world.ask("/train", cookie=f"{given}x").status == 401


def test_a_ticket_ends_by_time_by_signing_out_and_with_the_password():
    world = World(password="sesame", hours=2)
    cookies = [world.sign_in("sesame").cookies[0].partition(";")[0] for _ in range(3)]
    assert world.ask("/sign-out", cookie=cookies[0], sec_fetch_site="cross-site").status == 200
    assert world.ask("/", cookie=cookies[0]).status == 200, "another site's page signed a visitor out"
    assert world.ask("/sign-out", cookie=cookies[0], sec_fetch_site="same-origin").status == 303
    assert [world.ask("/", cookie=cookie).status for cookie in cookies] == [401, 200, 200]
    world.clock.now += 2 * 3600
    assert world.ask("/", cookie=cookies[1]).status == 401
    world.clock.now -= 1
    world.door.settings = Settings(password="other")
    assert world.ask("/", cookie=cookies[2]).status == 401


def test_signing_out_closes_the_open_socket():
    world = World(password="sesame")
    cookie = world.sign_in("sesame").cookies[0].partition(";")[0]
    token = cookie.partition("=")[2]
    sent = []

    async def visit() -> None:
        queue: asyncio.Queue = asyncio.Queue()
        queue.put_nowait({"type": "websocket.connect"})

        async def send(message):
            sent.append(message["type"])

        headers = {"cookie": cookie, "origin": "http://localhost:8501"}
        scope = world.scope("websocket", "/_stcore/stream", "GET", headers, "127.0.0.1", "127.0.0.1")
        visit = asyncio.ensure_future(world.door(scope, queue.get, send))
        await asyncio.sleep(0)
        while not sent:
            await asyncio.sleep(0)
        world.door.tickets.end(token)
        await asyncio.wait_for(visit, 10)

    finished(visit())
    assert sent == ["websocket.accept", "websocket.close"]


@pytest.mark.parametrize(
    ("host", "origin", "taken"),
    [
        ("localhost:8501", "http://localhost:8501", True),
        ("127.0.0.1", "", True),
        ("[::1]:8501", "http://[::1]:8501", True),
        ("npf.example.org", "https://npf.example.org", True),
        ("a.lab.example.org", "https://a.lab.example.org", True),
        ("lab.example.org", "", False),
        ("evil.example", "http://evil.example", False),
        ("localhost:8501", "http://evil.example", False),
        ("localhost:8501", "http://localhost:3000", False),
        ("localhost:8501", "null", False),
        ("localhost@evil.example", "", False),
        ("localhost; script-src *", "", False),
        ("", "", False),
    ],
)
def test_sockets_open_under_our_names_for_our_own_pages(host: str, origin: str, taken: bool):
    world = World(hosts=(*LOOPBACK, "npf.example.org", "*.lab.example.org"))
    headers = {"host": host} | ({"origin": origin} if origin else {})
    messages = [{"type": "websocket.connect"}, {"type": "websocket.disconnect"}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message["type"])

    scope = world.scope("websocket", "/_stcore/stream", "GET", headers, "127.0.0.1", "127.0.0.1")
    finished(world.door(scope, receive, send))
    assert sent == (["websocket.accept"] if taken else ["websocket.close"])
    assert bool(world.reached) is taken
    assert (world.ask("/", "POST", **headers).status == 200) is taken


def test_the_address_itself_is_a_name_of_the_server():
    world = World(open=True)
    assert world.ask(server="192.0.2.7", host="192.0.2.7:8501").status == 200
    assert world.ask(server="192.0.2.7", host="192.0.2.8:8501").status == 403


def test_metrics_and_descriptions_are_closed_to_all():
    world = World()
    for path in ("/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/mcp", "/_stcore/metrics/"):
        assert world.ask(path).status == 404
    assert not world.reached


def test_headers_on_every_answer_and_flags_on_streamlits_cookies():
    world = World(tls=True)
    for answer in (world.ask("/"), world.ask("/_stcore/metrics"), world.ask(host="evil.example")):
        assert "frame-ancestors 'none'" in answer.get("content-security-policy")
        assert answer.get("x-content-type-options") == "nosniff" and answer.get("referrer-policy") == "same-origin"
        assert answer.get("x-frame-options") == "DENY", "the inner app's own value was kept"
        assert answer.get("strict-transport-security")
    (cookie,) = world.ask("/").cookies
    assert "; Secure" in cookie and "HttpOnly" not in cookie, "Streamlit's page must read its XSRF cookie"
    assert not World().ask("/").get("strict-transport-security")


def test_forwarded_headers_count_from_trusted_proxies_only():
    trusting = World(password="x", proxies=Settings.from_environment({"NPF_TRUSTED_PROXIES": "10.0.0.0/8"}).proxies)
    told = {"x_forwarded_for": "6.6.6.6, 198.51.100.4, 10.1.1.1", "x_forwarded_proto": "https"}
    assert "; Secure" in trusting.sign_in("x", client="10.0.0.2", **told).cookies[0]
    assert "198.51.100.4" in trusting.door.throttle._known and len(trusting.door.throttle._known) == 1
    world = World(password="x")
    assert "; Secure" not in world.sign_in("x", client="203.0.113.9", **told).cookies[0]
    assert list(world.door.throttle._known) == ["203.0.113.9"]
    # uvicorn has put the forwarded address in the peer's place: it is nobody's own address
    world.sign_in("x", client="198.51.100.77", x_forwarded_for="198.51.100.77")
    assert "198.51.100.77" not in world.door.throttle._known


def test_addresses_are_counted_by_household():
    assert bucket("2001:db8:1:2:3:4:5:6") == bucket("2001:db8:1:2::9") != bucket("2001:db8:1:3::9")
    assert bucket("::ffff:192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    "text",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/a\nSet-Cookie: x", "", "/sign-out", "/auth/logout"],
)
def test_nobody_is_sent_elsewhere_after_signing_in(text: str):
    assert safe_return(text, "") == "/"
    assert safe_return("/npf/train?a=1", "/npf") == "/npf/train?a=1"
    assert safe_return("/train", "/npf") == "/npf/"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7", "npf.example.org"])
def test_a_public_address_needs_a_sign_in_or_a_word(address: str):
    with pytest.raises(InputError, match=r"NPF_PASSWORD.*NPF_OPEN=yes"):
        Settings(address=address).check_start()
    Settings(address=address, password="x").check_start()
    Settings(address=address, open=True).check_start()
    for own in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        Settings(address=own).check_start()


def test_a_server_started_in_another_way_is_not_open_by_mistake():
    assert World().ask(server="192.0.2.7", host="192.0.2.7").status == 403
    assert World(open=True).ask(server="192.0.2.7", host="192.0.2.7").status == 200
    assert World().ask(server="127.0.0.1").status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NPF_OPEN", "perhaps"),
        ("NPF_TRUSTED_PROXIES", "proxy"),
        ("NPF_SESSION_HOURS", "1e9"),
        ("NPF_HOSTS", "http://a"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_named(name: str, value: str):
    with pytest.raises(InputError, match=name):
        Settings.from_environment({name: value})


@pytest.mark.parametrize("there", ["/%C4%80/evil.example", "/%C4%80%E4%B8%80/evil.example/", "/%E2%80%8B/evil.example"])
def test_letters_that_no_header_holds_make_no_other_host_of_a_path(there: str):
    world = World(password="sesame")
    first = world.sign_in("sesame", back=there)
    cookie = first.cookies[0].partition(";")[0]
    for answer in (first, world.ask(f"/sign-in?next={there}", cookie=cookie)):
        assert answer.status == 303
        assert answer.get("location") == "/" or answer.get("location").startswith("/%")


@pytest.mark.parametrize("origin", ["http://[bad", "http://[::1", "//", "\xff"])
def test_an_origin_that_is_no_address_is_another_site(origin: str):
    assert World().ask("/x", "POST", origin=origin).status == 403


def test_a_query_that_is_none_of_ours_breaks_nothing():
    assert World(password="sesame").ask("/sign-in?" + "&".join(["a=1"] * 50)).status == 200
