"""Who is signed in: random tickets in memory, each good for some hours and for the password it was given for."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MOST = 10_000  # tickets at once; the oldest goes first


@dataclass
class Ticket:
    """One signed-in browser. ``gone`` is set when it ends: its open connections wait for that."""

    until: float
    password: bytes
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Tickets:
    """The tickets of this process; they end with it.

    Kept by the hash of their token, so that a copy of this memory opens nothing.
    """

    def __init__(self, hours: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = hours * 3600, clock
        self._held: dict[bytes, Ticket] = {}

    def issue(self, password: str) -> str:
        """A new token, for the cookie of a visitor who gave the password."""
        self._drop_old()
        while len(self._held) >= MOST:
            self._end(next(iter(self._held)))
        token = secrets.token_urlsafe(32)
        self._held[_hash(token)] = Ticket(self._clock() + self._seconds, _hash(password))
        return token

    def find(self, token: str, password: str) -> Ticket | None:
        """The ticket of a token; None where it is unknown, too old, or given for another password."""
        key = _hash(token)
        ticket = self._held.get(key)
        if ticket is None:
            return None
        if self._clock() >= ticket.until or not secrets.compare_digest(ticket.password, _hash(password)):
            self._end(key)
            return None
        return ticket

    def end(self, token: str) -> None:
        """Sign out: the token opens nothing any more, and its connections are closed."""
        self._end(_hash(token))

    def left(self, ticket: Ticket) -> float:
        """Seconds until a ticket is too old."""
        return max(0.0, ticket.until - self._clock())

    def _end(self, key: bytes) -> None:
        ticket = self._held.pop(key, None)
        if ticket is not None:
            ticket.gone.set()

    def _drop_old(self) -> None:
        for key in [key for key, ticket in self._held.items() if self._clock() >= ticket.until]:
            self._end(key)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
