"""What a numbered table or figure of a paper is, to whom it is listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ROOM = "npf_engine.studies.reproduction"


@dataclass(frozen=True)
class Change:
    """Where one thing of an item can be changed: the form of a kind of run, and what stands in it to begin with."""

    kind: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Item:
    """A table or figure. name: as it is asked for; title: its number; section: of the paper; about: what it shows, in
    our words; make: "module:function" of a ``making.Bench``, which answers ``making.Made``; large: what the paper's
    size costs, empty where there is one size alone; needs: what has to be at hand; change: where one thing of it can be
    changed, None where it stands on no run of another kind."""

    name: str
    title: str
    section: str
    about: str
    make: str
    large: str = ""
    needs: str = ""
    change: Change | None = None

    @property
    def place(self) -> str:
        """Where it stands: a section has a number, an appendix a letter."""
        return f"{'Section' if self.section[:1].isdigit() else 'Appendix'} {self.section}"


@dataclass(frozen=True)
class Paper:
    """A paper: short name, title and authors, and its items by name in the paper's order."""

    short: str
    title: str
    authors: str
    items: Mapping[str, Item] = field(default_factory=dict)


def listed(*found: Item) -> dict[str, Item]:
    """By their names, in this order."""
    return {item.name: item for item in found}
