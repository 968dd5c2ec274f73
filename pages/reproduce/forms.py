"""Where one thing of an item can be changed: the form of the run that it stands on."""

from __future__ import annotations

from collections.abc import Mapping

Form = tuple[str, Mapping[str, str], str]

_EXPERIMENTS = {
    "5.3": ("table-2", "first-table-2", "first-table-3", "figure-3", "figure-12"),
    "5.4": ("figure-13", "figure-14"),
    "5.5": ("figure-4", "figure-5", "figure-15", "figure-16"),
}
_PLACES = {
    "chamonix": ("table-1", "first-table-1", "figure-1", "figure-2"),
    "london": ("figure-6", "figure-7"),
    "cyprus": ("figure-8", "figure-9"),
}
_NETWORKS = '["icnn-linear", "icnn-fquad", "icnn", "fit"]'
_LAB: dict[tuple[str, str], dict[str, str]] = {
    ("npf", "table-4"): {"task": "gaussian", "d": "32", "methods": _NETWORKS},
    ("npf", "table-5"): {"task": "seven-gaussians", "d": "32", "methods": _NETWORKS},
    ("cdm", "figure-2"): {"methods": '["implicit", "explicit", "euclidean", "adam"]'},
    ("cdm", "figure-3"): {"methods": '["implicit", "explicit", "euclidean", "adam"]'},
}


def of(paper: str, item: str) -> Form | None:
    """Page, query and label of the form; None for an item that stands on no run."""
    if (paper, item) in _LAB:
        return "lab", _LAB[paper, item], "Change a setting in the lab"
    if paper != "npf":
        return None
    for place, items in _PLACES.items():
        if item in items:
            return "train", {"source": place}, "Train with other settings"
    for number, items in _EXPERIMENTS.items():
        if item in items:
            return "landscape", {"of": "Classifier", "experiment": number}, "Run the experiment with other settings"
    return None
