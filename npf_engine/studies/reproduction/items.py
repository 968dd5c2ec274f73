"""All numbered tables and figures of the three papers, appendices included, by paper and name."""

from __future__ import annotations

from npf_engine.studies.reproduction.item import ROOM, Change, Item, Paper, listed
from npf_engine.studies.reproduction.npf_items import NPF

_DRIFTING = f"{ROOM}.drifting"
_MONOTONE = f"{ROOM}.monotone"
_THEOREMS = f"{ROOM}.theorems"
_OWN = {"budget_seconds": "none"}  # settings of the methods themselves, as published, in place of seconds
_FOUR = Change("lab", {"methods": '["implicit", "explicit", "euclidean", "adam"]', "task": "drift-mixture"} | _OWN)
_COLOURS = Change("recolor", {"of": "Colours", "method": "cmgn", "mgn.loss": "adversarial", "mgn.form": "published"})
_DIGITS = Change("lab", {"task": "digits", "methods": '["cmgn", "mmgn", "icnn"]', "mgn.loss": "adversarial"})


def _monotone(task: str, loss: str) -> Change:
    settings = {"task": task, "methods": '["cmgn", "mmgn"]', "mgn.loss": loss, "mgn.form": "published"}
    return Change("lab", settings | {"mgn.start": "identity"} | _OWN)


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
            change=_FOUR,
        ),
        Item(
            "figure-3",
            "Figure 3",
            "3.4",
            "Source, target and the points that four methods map, with the squared MMD of each.",
            f"{_DRIFTING}:clouds",
            change=_FOUR,
        ),
        Item(
            "theorem-2.13",
            "Theorem 2.13",
            "2.3",
            "How fast the constrained flow of the relative entropy falls: KL against exp(-2λt), of two Gaussians by "
            "formulas and of a network.",
            f"{_THEOREMS}:convergence",
            change=Change("lab", {"task": "drift-mixture", "methods": '["explicit"]'} | _OWN),
        ),
        Item(
            "remark-3.9",
            "Remark 3.9",
            "3.3",
            "The constrained flow beside the Wasserstein natural gradient: two ways to one map.",
            f"{_THEOREMS}:wasserstein",
        ),
        Item(
            "remark-3.10",
            "Remark 3.10",
            "3.3",
            "The constrained flow beside drifting without convexity: both reach the law, one is the optimal map.",
            f"{_THEOREMS}:unconstrained",
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
            change=_monotone("gaussian", "kl"),
        ),
        Item(
            "figure-2",
            "Figure 2",
            "B",
            "Gaussian to Gaussian by the adversarial Wasserstein distance.",
            f"{_MONOTONE}:gaussian_adversarial",
            change=_monotone("gaussian", "adversarial"),
        ),
        Item(
            "figure-3",
            "Figure 3",
            "C",
            "Two components to three by the Gaussian Kullback-Leibler loss, which cannot see them.",
            f"{_MONOTONE}:mixtures_kl",
            change=_monotone("mixtures", "kl"),
        ),
        Item(
            "figure-4",
            "Figure 4",
            "C",
            "Two components to three by the adversarial Wasserstein distance.",
            f"{_MONOTONE}:mixtures_adversarial",
            change=_monotone("mixtures", "adversarial"),
        ),
        Item(
            "figure-5",
            "Figure 5",
            "D",
            "Colour transfer: red and green of the mapped and the wanted colours.",
            f"{_MONOTONE}:channels",
            "ten minutes a network",
            change=_COLOURS,
        ),
        Item(
            "figure-6",
            "Figure 6",
            "D",
            "Colour transfer: the picture before, the other's colours, and after.",
            f"{_MONOTONE}:pictures",
            "ten minutes a network",
            change=_COLOURS,
        ),
        Item(
            "figure-7",
            "Figure 7",
            "E",
            "Digits from noise by C-MGN, M-MGN and an ICNN.",
            f"{_MONOTONE}:digits",
            "twenty minutes a network",
            change=_DIGITS,
        ),
    ),
)

PAPERS: dict[str, Paper] = {"npf": NPF, "cdm": CDM, "mgn": MGN}
