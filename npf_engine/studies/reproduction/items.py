"""All numbered tables and figures of the three papers, appendices included, by paper and name."""

from __future__ import annotations

from npf_engine.studies.reproduction.item import ROOM, Item, Paper, listed
from npf_engine.studies.reproduction.npf_items import NPF

_DRIFTING = f"{ROOM}.drifting"
_MONOTONE = f"{ROOM}.monotone"

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
            "100 seeds: some five hours on one core",
        ),
        Item(
            "figure-3",
            "Figure 3",
            "3.4",
            "Source, target and the points that four methods map, with the squared MMD of each.",
            f"{_DRIFTING}:clouds",
        ),
    ),
)

MGN = Paper(
    "Monotone networks",
    "Learning an Optimal Transport Brenier Map",
    "Fourneau, Wauquiez (2025)",
    listed(
        Item(
            "figure-1",
            "Figure 1",
            "B",
            "Gaussian to Gaussian by the Gaussian Kullback-Leibler loss: moments are right, the law need not be.",
            f"{_MONOTONE}:gaussian_kl",
        ),
        Item(
            "figure-2",
            "Figure 2",
            "B",
            "Gaussian to Gaussian by the adversarial Wasserstein distance.",
            f"{_MONOTONE}:gaussian_adversarial",
        ),
        Item(
            "figure-3",
            "Figure 3",
            "C",
            "Two components to three by the Gaussian Kullback-Leibler loss, which cannot see them.",
            f"{_MONOTONE}:mixtures_kl",
        ),
        Item(
            "figure-4",
            "Figure 4",
            "C",
            "Two components to three by the adversarial Wasserstein distance.",
            f"{_MONOTONE}:mixtures_adversarial",
        ),
        Item(
            "figure-5",
            "Figure 5",
            "D",
            "Colour transfer: red and green of the mapped and the wanted colours.",
            f"{_MONOTONE}:channels",
            "ten minutes a network",
        ),
        Item(
            "figure-6",
            "Figure 6",
            "D",
            "Colour transfer: the picture before, the other's colours, and after.",
            f"{_MONOTONE}:pictures",
            "ten minutes a network",
        ),
        Item(
            "figure-7",
            "Figure 7",
            "E",
            "Digits from noise by C-MGN, M-MGN and an ICNN.",
            f"{_MONOTONE}:digits",
            "twenty minutes a network",
        ),
    ),
)

PAPERS: dict[str, Paper] = {"npf": NPF, "cdm": CDM, "mgn": MGN}
