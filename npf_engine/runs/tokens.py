"""Tokens by which programs speak for a person: made on a page, shown once, kept as their hash only."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass

from npf_engine.errors import InputError
from npf_engine.runs.access import Viewer
from npf_engine.runs.ledger import Ledger
from npf_engine.settings import limits

PREFIX = "npf_"  # so that one that leaked is known for what it is
DAYS, MOST, MAX_NAME = 90, 20, 60
DAY = 86400.0
COLUMNS = "id, name, created, expires, used"


@dataclass(frozen=True)
class Token:
    """A token of somebody, without what it says. id: the head of its hash; used: when it was, None for never. Times are
    unix seconds."""

    id: str
    name: str
    created: float
    expires: float
    used: float | None


def make(ledger: Ledger, viewer: Viewer, name: str, now: float | None = None) -> str:
    """A new token of the viewer's, for 90 days; nobody can read it again. Raises InputError."""
    name, now = " ".join(name.split()), time.time() if now is None else now
    if viewer.alone or not viewer.id:
        raise InputError("tokens are for people who sign in; nobody does here")
    if not name:
        raise InputError("give the token a name, by which you know what uses it")
    limits.check_text("the token's name", name, MAX_NAME)
    if len(listed(ledger, viewer, now)) >= MOST:
        raise InputError(f"you have {MOST} tokens, and that is the most; remove one that is not used")
    token = PREFIX + secrets.token_urlsafe(32)
    row = (_hash(token), viewer.id, viewer.title, name, now, now + DAYS * DAY)
    insert = "INSERT INTO tokens (id, owner, title, name, created, expires) VALUES (?, ?, ?, ?, ?, ?)"
    ledger.ask(lambda db: db.execute(insert, row))
    return token


def listed(ledger: Ledger, viewer: Viewer, now: float | None = None) -> list[Token]:
    """The viewer's tokens that can be used, the newest first. Raises InputError."""
    wanted = f"SELECT {COLUMNS} FROM tokens WHERE owner = ? AND expires > ? ORDER BY created DESC"
    values = (viewer.id, time.time() if now is None else now)
    return [Token(*row) for row in ledger.ask(lambda db: db.execute(wanted, values).fetchall())]


def remove(ledger: Ledger, viewer: Viewer, token_id: str) -> None:
    """Take back a token of the viewer's own. Raises InputError."""
    ledger.ask(lambda db: db.execute("DELETE FROM tokens WHERE id = ? AND owner = ?", (token_id, viewer.id)))


def holder(ledger: Ledger, token: str, now: float | None = None) -> Viewer | None:
    """Whom a token speaks for, with no rights of an administrator; None for one that is not known or too old. Raises
    InputError."""
    if not token.startswith(PREFIX) or not token.isascii() or not ledger.path.exists():
        return None
    now, known = time.time() if now is None else now, _hash(token)
    wanted = "SELECT owner, title FROM tokens WHERE id = ? AND expires > ?"
    found = ledger.ask(lambda db: db.execute(wanted, (known, now)).fetchone())
    if found is None:
        return None
    ledger.ask(lambda db: db.execute("UPDATE tokens SET used = ? WHERE id = ?", (now, known)))
    return Viewer(found[0], found[1])


def _hash(token: str) -> str:
    """Its SHA-256: what is as long and random as a token needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
