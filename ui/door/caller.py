"""Who asks, and under which name: the address behind proxies, TLS, Host and Origin of one request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ui.door.settings import ANYWHERE, Network, Settings, bare, loopback

if TYPE_CHECKING:
    from starlette.types import Scope

NAME = re.compile(r"[a-z0-9._:-]+")  # of a host; what else is sent there could end up in a header of ours
UNKNOWN = "unknown"  # the bucket of callers without an address (a Unix socket)
FORWARDED = "forwarded by a proxy that is not trusted"


@dataclass(frozen=True)
class Caller:
    """One request's other end."""

    address: str  # that guesses and uploads are counted by: an IPv4 address, or the /64 of an IPv6 address
    https: bool
    host: str  # the Host header as sent
    refused: str = ""  # why Host or Origin are not taken; empty where they are


def identify(scope: Scope, settings: Settings) -> Caller:
    """The caller of an ASGI scope."""
    host = header(scope, b"host")
    return Caller(
        address=bucket(_address(scope, settings.proxies)),
        https=_https(scope, settings),
        host=host,
        refused=_refused(scope, host, settings),
    )


def header(scope: Scope, name: bytes) -> str:
    """A request's header, an empty string where there is none; where there are several, the first."""
    return next(iter(all_of(scope, name)), "")


def all_of(scope: Scope, name: bytes) -> list[str]:
    """All values of a request's header."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def bucket(address: str) -> str:
    """By what an address is counted: a household has a whole /64 of IPv6."""
    try:
        found = bare(address)
    except ValueError:
        return address[:60]
    if found.version == 6:
        return str(type(found)(int(found) >> 64 << 64)) + "/64"
    return str(found)


def exposed(scope: Scope) -> str:
    """The local address at which the request arrived, where others reach it too; an empty string on loopback."""
    server = scope.get("server")
    if not server or server[1] is None or loopback(str(server[0])):
        return ""
    return str(server[0])


def _address(scope: Scope, proxies: tuple[Network, ...]) -> str:
    """The client's address; X-Forwarded-For counts only where the peer is a trusted proxy.

    uvicorn has put the last address of X-Forwarded-For in the peer's place by itself where the peer is this machine
    (FORWARDED_ALLOW_IPS): such a peer is told by that address.
    """
    client = scope.get("client")
    peer = str(client[0]) if client else UNKNOWN
    values = ",".join(all_of(scope, b"x-forwarded-for"))
    chain = [_without_port(part) for part in values.split(",") if part.strip()]
    if not chain:
        return peer
    swapped = peer == next((part for part in reversed(chain) if not loopback(part)), chain[0])
    if within(peer, proxies) or (swapped and within("127.0.0.1", proxies)):
        return next((part for part in reversed(chain) if not within(part, proxies)), chain[0])
    return FORWARDED if swapped else peer


def _without_port(text: str) -> str:
    text = text.strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def from_proxy(scope: Scope, settings: Settings) -> bool:
    """Whether the very peer is a trusted proxy.

    uvicorn puts X-Forwarded-For in the peer's place where the peer is this machine: what reaches us on loopback comes
    from this machine, whatever its peer is said to be, and what reaches us elsewhere keeps its own.
    """
    server, client = scope.get("server"), scope.get("client")
    if not server or not client or server[1] is None:
        return False
    if loopback(str(server[0])):
        return any(within(peer, settings.proxies) for peer in ("127.0.0.1", "::1"))
    return not loopback(str(client[0])) and within(str(client[0]), settings.proxies)


def user_of(scope: Scope, settings: Settings) -> str:
    """Whom the trusted proxy says the request is of; an empty string where it says none, or several."""
    if not settings.user_header or not from_proxy(scope, settings):
        return ""
    told = all_of(scope, settings.user_header.encode("ascii"))
    return told[0].strip(" \t") if len(told) == 1 else ""


def within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    try:
        found = bare(address)
    except ValueError:
        return False
    return any(found in network for network in networks if network.version == found.version)


def _https(scope: Scope, settings: Settings) -> bool:
    """Whether the visitor's browser speaks TLS: with us, or with a proxy that is trusted."""
    told = header(scope, b"x-forwarded-proto").strip().lower()
    if settings.tls or (not told and scope.get("scheme") in ("https", "wss")):
        return True
    if told != "https" or not settings.proxies:
        return False
    client = scope.get("client")
    peer = str(client[0]) if client else UNKNOWN
    # uvicorn may have replaced a local proxy's address by the visitor's
    return within(peer, settings.proxies) or within("127.0.0.1", settings.proxies)


def _refused(scope: Scope, host: str, settings: Settings) -> str:
    """Why a request is not answered under the name it used, or for the page it comes from."""
    name = hostname(f"//{host}")
    if name is None or not (_named(name, settings.hosts) or _own(name, scope)):
        return "this server does not answer under that name; its operator can add it to NPF_HOSTS"
    origin = header(scope, b"origin")
    if not origin:
        return ""
    careful = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
    if careful and _place(_netloc(origin)) != _place(host):
        return "requests from pages of another site are not answered"
    return ""


def _netloc(url: str) -> str:
    """The host and port of an address; an empty string, which no host is, where it is none."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def hostname(url: str) -> str | None:
    """The lower-case host of ``//host:port``; None where it is anything else."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.password is not None or parts.path or parts.query or parts.fragment:
        return None
    name = (parts.hostname or "").lower().rstrip(".")
    return name if NAME.fullmatch(name) else None


def _named(name: str, hosts: Iterable[str]) -> bool:
    return any(host in ("*", name) or (host.startswith("*.") and name.endswith(host[1:])) for host in hosts)


def _own(name: str, scope: Scope) -> bool:
    """Whether the name is the very IP address at which the request arrived: no other site's page can forge that."""
    server = scope.get("server")
    try:
        return server is not None and str(server[0]) != ANYWHERE and bare(name) == bare(str(server[0]))
    except ValueError:
        return False


def _place(netloc: str) -> str:
    """Host and port, without the ports that browsers leave out."""
    return netloc.lower().removesuffix(":80").removesuffix(":443")
