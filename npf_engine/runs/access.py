"""Who may see and who may change a run. Every door asks here: lists, pages, links, downloads, the HTTP API.

Where nobody signs in there is one user, ALONE, who may everything, and so may the program itself. Where people sign in,
a run is its owner's, and others see it where he shares it. The gallery is everybody's to look at. A run of nobody, from
before there were owners, is the administrators'.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from npf_engine.runs.row import LINK, PUBLIC

GALLERY = "gallery"


class Owned(Protocol):
    """What is asked of a run, or of its summary."""

    @property
    def owner(self) -> str: ...
    @property
    def visibility(self) -> str: ...
    @property
    def source(self) -> str: ...


@dataclass(frozen=True)
class Viewer:
    """Who asks. id: what runs know an owner by; title: what people call him; alone: nobody signs in here."""

    id: str = ""
    title: str = ""
    admin: bool = False
    alone: bool = False

    def owns(self, run: Owned) -> bool:
        """Whether the run is his; one of nobody is an administrator's."""
        return self.alone or (run.source != GALLERY and (run.owner == self.id if run.owner else self.admin))


ALONE = Viewer(alone=True)
STRANGER = Viewer()  # somebody of whom nothing is known: sees the gallery and what is public


def person(issuer: str, subject: str, title: str, *, admin: bool = False) -> Viewer:
    """Somebody whom ``issuer`` knows as ``subject``: the pair alone tells people apart, names and addresses change."""
    told = f"{len(issuer)} {issuer} {subject}"
    return Viewer(hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32], title, admin)


def may_read(viewer: Viewer, run: Owned) -> bool:
    """Whether he may look at the run, who has its address."""
    shared = run.source == GALLERY or run.visibility in (LINK, PUBLIC)
    return viewer.owns(run) or viewer.admin or shared


def may_list(viewer: Viewer, run: Owned) -> bool:
    """Whether the run stands in his lists: his own, and what is everybody's."""
    return viewer.owns(run) or run.source == GALLERY or run.visibility == PUBLIC


def may_change(viewer: Viewer, run: Owned) -> bool:
    """Whether he may stop, rename, describe, share and delete it."""
    return viewer.owns(run) or (viewer.admin and run.source != GALLERY)
