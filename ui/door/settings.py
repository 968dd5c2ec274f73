"""What the door is told: environment variables, Streamlit's server address, an identity provider in the secrets."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from npf_engine.errors import InputError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANYWHERE = "0.0.0.0"  # what Streamlit binds where it is told no address
YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}
MB = 2**20

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Limits:
    """What may be uploaded, and how many pages may be open. Bytes; a window is ``window`` seconds long.

    Two pictures or one table is what a page asks for at once; the largest file that a page takes has 300 MB
    (``server.maxUploadSize``; what reads it, ``settings.limits.MAX_FILE_BYTES``, takes more from the command line).
    All limits on uploads but ``total`` follow from these two.
    """

    session: int = 600 * MB  # held for one session
    files: int = 24  # held for one session
    address: int = 1500 * MB  # sent from one address within a window
    window: float = 600.0
    total: int = 2000 * MB  # held for all sessions together (NPF_UPLOAD_TOTAL_MB)
    open_session: int = 4  # on their way at once
    open_address: int = 8
    open_total: int = 16
    silence: float = 30.0  # seconds without a byte, after which an upload is given up
    grace: float = 15.0  # seconds that files outlive the connection of their session
    sockets_address: int = 200  # pages open at once; behind a proxy that is not trusted all visitors are one address
    sockets_total: int = 500


@dataclass(frozen=True)
class Settings:
    """The door's settings, checked."""

    password: str = ""
    providers: tuple[str, ...] = ()  # identity providers ([auth] in the secrets); none: no such sign-in
    hosts: tuple[str, ...] = LOOPBACK  # names under which the server answers, lower case, "*.example.org" for a family
    user_header: str = ""  # in which a trusted proxy says who somebody is, lower case; empty: none does
    admins: tuple[str, ...] = ()  # addresses, names or ids of administrators
    proxies: tuple[Network, ...] = ()  # whose X-Forwarded-For and -Proto are believed
    open: bool = False  # served to everybody on purpose
    hours: float = 72.0  # that a sign-in lasts
    address: str = "127.0.0.1"  # that the server is bound to
    base: str = ""  # path below which the app lies, "/npf" or empty
    tls: bool = False  # the server itself speaks TLS
    limits: Limits = Limits()

    @property
    def guarded(self) -> bool:
        """Whether visitors must sign in."""
        return bool(self.password or self.providers or self.user_header)

    @property
    def people(self) -> bool:
        """Whether visitors are told apart, so that runs have owners."""
        return bool(self.user_header or (self.providers and not self.password))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings of this process. Raises InputError where a variable cannot be understood."""
        env = os.environ if environment is None else environment
        address, base, tls = _of_streamlit()
        hosts = [*LOOPBACK, *_names(env.get("NPF_HOSTS", ""))]
        if address not in (ANYWHERE, "::"):
            hosts.append(address.lower())
        limits = Limits(total=_whole(env, "NPF_UPLOAD_TOTAL_MB", Limits.total // MB, 1, 1_000_000) * MB)
        return cls(
            password=env.get("NPF_PASSWORD", ""),
            user_header=_header(env),
            admins=tuple(part.strip() for part in env.get("NPF_ADMINS", "").split(",") if part.strip()),
            providers=_providers(),
            hosts=tuple(dict.fromkeys(hosts)),
            proxies=_networks(env.get("NPF_TRUSTED_PROXIES", "")),
            open=_yes(env, "NPF_OPEN"),
            hours=_whole(env, "NPF_SESSION_HOURS", int(cls.hours), 1, 8760),
            address=address,
            base=base,
            tls=tls,
            limits=limits,
        )

    def check_start(self) -> None:
        """Raise InputError where the server would be open to others, and nobody said that it should be; and where it
        could be deceived about who somebody is."""
        if self.user_header:
            self._check_header()
        if not (loopback(self.address) or self.guarded or self.open):
            raise InputError(self.refusal(self.address))

    def _check_header(self) -> None:
        if not self.proxies:
            raise InputError(
                "NPF_USER_HEADER is believed from NPF_TRUSTED_PROXIES alone: name the proxy's address there"
            )
        if self.password or self.providers:
            other = "NPF_PASSWORD" if self.password else "[auth] in the secrets"
            raise InputError(f"NPF_USER_HEADER and {other} are two ways to sign in: keep one of them")
        if os.environ.get("FORWARDED_ALLOW_IPS"):
            raise InputError(
                "FORWARDED_ALLOW_IPS lets others claim the proxy's address, so that NPF_USER_HEADER could be forged: "
                "unset it, NPF_TRUSTED_PROXIES is enough"
            )

    def refusal(self, address: str) -> str:
        """Why an address is not served without a sign-in, and what to do."""
        where = "on every network of this machine" if address in (ANYWHERE, "::") else f"at {address}"
        return (
            f"this server would be open to everyone who reaches it {where}: set NPF_PASSWORD to ask for a password, "
            "serve on 127.0.0.1, or set NPF_OPEN=yes if it is meant to be open"
        )


def loopback(address: str) -> bool:
    """Whether an address is reached from its own machine only."""
    if address.lower() == "localhost":
        return True
    try:
        return bare(address).is_loopback
    except ValueError:
        return False


def bare(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IP address, an IPv4 one also where it is written as ::ffff:1.2.3.4. Raises ValueError where it is none."""
    found = ipaddress.ip_address(address.strip().strip("[]"))
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found


def _of_streamlit() -> tuple[str, str, bool]:
    """(address, base path, whether TLS is spoken) of Streamlit's configuration."""
    from streamlit import config

    address = config.get_option("server.address") or ANYWHERE
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return str(address), f"/{base}" if base else "", bool(config.get_option("server.sslCertFile"))


def _providers() -> tuple[str, ...]:
    """Names of the identity providers in the secrets."""
    from streamlit.auth_util import get_secrets_auth_section

    section: Mapping[str, object] = get_secrets_auth_section()
    if not section:
        return ()
    named = tuple(name for name, value in section.items() if isinstance(value, Mapping) and "client_id" in value)
    return named or ("default",)


def _names(text: str) -> list[str]:
    """NPF_HOSTS as a list of names."""
    names = [part.strip().lower().rstrip(".") for part in text.split(",") if part.strip()]
    for name in names:
        if name != "*" and not all(c.isalnum() or c in "-._:*" for c in name):
            raise InputError(f"NPF_HOSTS has {name!r}: give names without scheme and path, e.g. npf.example.org")
    return names


def _networks(text: str) -> tuple[Network, ...]:
    """NPF_TRUSTED_PROXIES as networks."""
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise InputError(
            f"NPF_TRUSTED_PROXIES: {error}; give addresses or networks, e.g. 10.0.0.2,172.18.0.0/16"
        ) from None


def _header(env: Mapping[str, str]) -> str:
    """NPF_USER_HEADER as a name in small letters."""
    name = env.get("NPF_USER_HEADER", "").strip().lower()
    if name and not re.fullmatch(r"[a-z0-9-]+", name):
        raise InputError(f"NPF_USER_HEADER is {name!r}: give the name of one header, e.g. X-Forwarded-Email")
    return name


def _yes(env: Mapping[str, str], name: str) -> bool:
    given = env.get(name, "").strip().lower()
    if given not in YES:
        raise InputError(f"{name} is {given!r}: it must be yes or no")
    return YES[given]


def _whole(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    given = env.get(name, "").strip()
    if given and not (given.isascii() and given.isdigit() and least <= int(given[:9]) <= most):
        raise InputError(f"{name} is {given!r}: it must be a whole number from {least} to {most}")
    return int(given) if given else default
