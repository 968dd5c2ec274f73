"""The samples that are selected of a run, on whichever page: found again from the polygon of the link."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from npf_engine.figures import blob
from npf_engine.measures import linked as clouds
from npf_engine.measures.linked import LinkedClouds, Summary
from ui.linked import held, source
from ui.linked.selection import Selection

NAMES = {"rho": "ρ", "field": "F♯ρ", "grad_u": "∇u♯ρ", "m": "Mθ♯ρ", "m_network": "Mξ♯ρ", "reconstruction": "∇u∘Mξ♯ρ"}
NAMES |= {"tsne_values": "the t-SNE of values", "tsne_positions": "the t-SNE of places"}


@dataclass(frozen=True)
class Chosen:
    """A selection, the samples that were evaluated so far, and which of them it has: mask (n,) bool."""

    selection: Selection
    shown: LinkedClouds
    mask: np.ndarray
    summary: Summary


def of(run_id: str) -> Chosen | None:
    """What is selected of a run, in the link or on the page visited before; None where nothing is, or for d = 1."""
    if not held.there(run_id):
        return None
    found = source.evaluation(run_id)
    if found.model.d == 1:
        return None
    embedded = source.embedded(run_id)
    selection = held.current(run_id, (*found.keys, *embedded), found.model.d)
    if selection is None:
        return None
    return in_clouds(selection, replace(found.result(), embedded=embedded))


def in_clouds(selection: Selection, shown: LinkedClouds) -> Chosen:
    """A selection among these samples."""
    mask = np.zeros(shown.n, dtype=bool)
    picked = selection.mask(blob.plane(shown, selection.key, selection.axes))
    mask[: len(picked)] = picked  # an embedding has the first samples alone
    return Chosen(selection, shown, mask, clouds.summary(shown.view.clouds, mask))
