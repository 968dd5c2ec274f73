"""All numbered tables and figures of the three papers, appendices included, by paper and name."""

from __future__ import annotations

from npf_engine.studies.reproduction.item import ROOM, Item, Paper, listed
from npf_engine.studies.reproduction.npf_items import NPF

_DRIFTING = f"{ROOM}.drifting"

CDM = Paper(
    "Constrained drifting",
    "Learning Monge maps with constrained drifting models",
    "",
    listed(
        Item(
            "figure-1",
            "Figure 1",
            "3.3",
            "Euclidean and constrained gradient flow in the space of maps, where the second is the steepest descent.",
            f"{_DRIFTING}:geometry",
        ),
        Item(
            "figure-2",
            "Figure 2",
            "3.4",
            "Squared MMD of the maps that four methods end at, over seeds: implicit, explicit, Euclidean, Adam.",
            f"{_DRIFTING}:histograms",
            "100 seeds: about an hour on two cores",
        ),
        Item(
            "figure-3",
            "Figure 3",
            "3.4",
            "Source, target and mapped points: what a squared MMD of 0.006 and of above 0.03 look like.",
            f"{_DRIFTING}:clouds",
        ),
    ),
)

PAPERS: dict[str, Paper] = {"npf": NPF, "cdm": CDM}
