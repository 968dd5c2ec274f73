"""The curves of several runs over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from npf_engine.figures import curves
from npf_engine.figures.training import wants_log
from npf_engine.runs import comparing
from npf_engine.runs.schema import Run
from ui import live, progress, states
from ui.plots import plot
from ui.runs import store

WANTED = ("sinkhorn", "loss")  # shown first where a run told it
ASKED = 3  # runs that are asked which curves there are
WORDS = {"sinkhorn": "Sε(∇u♯ρ, F♯ρ)", "self_distance": "floor of Sε", "converged": "conjugates found", "loss": "loss"}
ASIDE = ("step", "total", "t", "worked", "rate")
NAMED = 10  # curves that a legend can tell apart


def show(runs: Sequence[Run]) -> None:
    """One scalar of one stage, a line a run."""
    known = _known(runs)
    if not known:
        return
    st.markdown("## Curves")
    chosen = st.selectbox(
        "Curve",
        list(known),
        key="compare_curve",
        format_func=lambda pair: _title(*pair),
        width=320,
        label_visibility="collapsed",
    )
    stage, scalar = chosen
    names = comparing.told_apart([run.name for run in runs])
    found = {name: store().curve(run, scalar).get(stage) for name, run in zip(names, runs, strict=True)}
    there = {name: line for name, line in found.items() if line is not None}
    figure = curves.by_name(there, _title(stage, scalar), f"overlay_{stage}_{scalar}")
    if len(there) > NAMED:
        figure.update_layout(showlegend=False)  # which run it is says the pointer
    if all(wants_log(values) for _, values in there.values()):
        figure.update_yaxes(type="log", exponentformat="power")
    plot(
        figure,
        "overlay",
        "Over the steps of the stage, a line a run; a single dot is a run that told it once." + _missing(found),
        {
            f"{name} {what}": values
            for name, line in there.items()
            for what, values in zip(("step", "value"), line, strict=True)
        },
        "npf-compared",
    )


def _missing(found: Mapping[str, object]) -> str:
    """Which runs have no such curve, and why that may be."""
    names = [states.plain(name) for name, line in found.items() if line is None]
    if not names:
        return ""
    which = ", ".join(names) if len(names) <= 3 else f"{len(names)} of the runs"
    return f" Not there: {which}. A model that was imported comes without its curves, and some stages have none."


def _known(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """(stage, scalar) of the curves that the first runs told; the most telling first."""
    found: dict[tuple[str, str], None] = {}
    for run in runs[:ASKED]:
        for stage, columns in live.history(run).items():
            found |= {(stage, scalar): None for scalar in columns if scalar not in ASIDE}
    return sorted(found, key=lambda pair: WANTED.index(pair[1]) if pair[1] in WANTED else len(WANTED))


def _title(stage: str, scalar: str) -> str:
    return f"{progress.title(stage)}: {WORDS.get(scalar, scalar.replace('_', ' '))}"
