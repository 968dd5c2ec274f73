"""Landscape: where are the critical points and modes of a potential, and does a sampler find them?

The link carries the choice and its settings, and later the run.
"""

from __future__ import annotations

from npf_engine.errors import InputError
from pages.landscape import experiment_run, experiment_setup, potential_run, potential_setup
from ui import frame, live, runpage, states

POTENTIAL, CLASSIFIER = "Potential", "Classifier"
MODES = {POTENTIAL: ":material/landscape: A potential", CLASSIFIER: ":material/neurology: A classifier's loss"}


def _setup() -> None:
    frame.title(
        "Landscape",
        "Where are the modes of a landscape, and does a sampler find all of them?",
        live.symbols("landscape"),
    )
    live.active()
    if runpage.choice("Landscape of", MODES, "of_choice") == CLASSIFIER:
        experiment_setup.show()
    else:
        potential_setup.show()


try:
    runpage.dispatch(
        "landscape", {"landscape": potential_run.show, "experiment": experiment_run.show}, _setup, "Choose a landscape"
    )
except InputError as error:
    states.problem(error)
