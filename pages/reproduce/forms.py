"""Where one thing of an item can be changed: the form of the run that it stands on."""

from __future__ import annotations

from npf_engine.studies.reproduction.item import Item
from ui import frame

LABELS = {
    "train": "Train with other settings",
    "experiment": "Run the experiment with other settings",
    "lab": "Change a setting in the lab",
    "recolor": "Change a setting of the colour transfer",
}


def link(item: Item) -> None:
    """A link to the form; nothing for an item that stands on no run."""
    if item.change is not None:
        kind = item.change.kind
        frame.link(frame.page_of(kind), LABELS[kind], item.change.settings)
