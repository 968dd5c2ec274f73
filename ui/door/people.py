"""Who somebody is: from an identity that Streamlit signed, or from the header of a proxy that is trusted."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from npf_engine.runs.access import ALONE, STRANGER, Viewer, person
from ui.door.settings import Settings

KEY = "npf_user"  # of the proxy's header in st.user
HEADER = "header"  # who vouches for the people of a proxy
BLANKS = " \t"
MOST = 200  # characters of a name that is shown
ID = re.compile(r"[0-9a-f]{32}")  # of a person, as ``access.person`` makes it


def of_identity(told: Mapping[str, object], settings: Settings) -> Viewer:
    """The person of whom ``st.user``, or the cookie that it is made of, tells; STRANGER where it tells of none."""
    if not settings.people:
        return ALONE
    if settings.user_header:
        name = told.get(KEY)
        return of_header(name, settings) if isinstance(name, str) else STRANGER
    issuer, subject = told.get("iss"), told.get("sub")
    if told.get("is_logged_in") is not True or not (isinstance(issuer, str) and isinstance(subject, str) and subject):
        return STRANGER
    found = person(issuer, subject, _title(told))
    address = str(told.get("email") or "").lower() if told.get("email_verified") is True else ""
    named = address in {name.lower() for name in settings.admins if name}
    return person(issuer, subject, found.title, admin=found.id in settings.admins or named)


def of_header(name: str, settings: Settings) -> Viewer:
    """The person whom a trusted proxy calls so; ``name`` as the header's bytes are read, each a letter."""
    name = name.strip(BLANKS)  # and no more: other blanks of Latin-1 are parts of letters in UTF-8
    with contextlib.suppress(UnicodeError):
        name = name.encode("latin-1").decode()
    if not name or not name.isprintable():
        return STRANGER
    found = person(HEADER, name, name[:MOST])
    # as it is written: where names are told apart by their letters, Root is somebody else than root; and nobody is an
    # administrator for being called what an administrator's id is, which can be computed
    named = name in settings.admins and not ID.fullmatch(name)
    return person(HEADER, name, found.title, admin=found.id in settings.admins or named)


def _title(told: Mapping[str, object]) -> str:
    texts = (str(told.get(key) or "").strip()[:MOST] for key in ("name", "email", "preferred_username", "sub"))
    return next((text for text in texts if text and text.isprintable()), "somebody without a name")
