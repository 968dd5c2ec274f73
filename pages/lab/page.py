"""Monge lab: which way of learning a Brenier map is best for these data?

The link carries the choice and its settings, and later the run.
"""

from __future__ import annotations

from npf_engine.errors import InputError
from pages.lab import bench_run, bench_setup, colour_run, colour_setup
from ui import frame, live, runpage, states

BENCH, COLOURS = "Methods", "Colours"
MODES = {BENCH: ":material/science: Methods on one bench", COLOURS: ":material/palette: Colour transfer"}


def _setup() -> None:
    frame.title("Monge lab", bench_run.QUESTION, live.symbols("lab"))
    live.active()
    if runpage.choice("Bench", MODES, "lab_choice", collapsed=True) == COLOURS:
        colour_setup.show()
    else:
        bench_setup.show()


try:
    runpage.dispatch("lab", {"lab": bench_run.show, "recolor": colour_run.show}, _setup, "Choose a task")
except InputError as error:
    states.problem(error)
