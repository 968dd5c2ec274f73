"""Runs on a page: the store, the picker that the link carries, and loaded models."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from npf_engine.glossary import typeset
from npf_engine.measures.verdict import GOOD, UNTRUSTED, USABLE, level_of_row
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies import kinds
from npf_engine.tasks import layout
from ui import frame, people, states

if TYPE_CHECKING:
    from npf_engine.polar import PolarFactorization

CHOSEN = "chosen_run"  # session: the run looked at last, for pages that were opened without one in the link

BADGES = {
    "queued": ("gray", ":material/hourglass_empty:"),
    "running": ("blue", ":material/play_circle:"),
    "paused": ("orange", ":material/pause_circle:"),
    "cancelled": ("gray", ":material/cancel:"),
    "failed": ("red", ":material/error:"),
    "interrupted": ("orange", ":material/power_off:"),
    "done": ("green", ":material/check_circle:"),
}
UNKNOWN = ("gray", ":material/help:")  # a state that this version does not know
VERDICTS = {
    GOOD: ("green", ":material/verified:"),
    USABLE: ("orange", ":material/thumbs_up_down:"),
    UNTRUSTED: ("red", ":material/report:"),
}
BOXES = {"green": st.success, "orange": st.warning, "red": st.error}


def store() -> RunStore:
    """The runs of this server's home folder, as the visitor of this page may see and change them."""
    return _store(str(layout.home())).seen_by(people.viewer())


@st.cache_resource(max_entries=4, show_spinner=False)
def _store(home: str) -> RunStore:
    return RunStore(Path(home)).watch()


def load_model(run_id: str) -> PolarFactorization:
    """The model of a finished run, kept in memory while it is among the last four. Raises InputError."""
    return _model(str(layout.home()), run_id, written(run_id))


def written(run_id: str) -> int:
    """When a finished run's bundle was written: what is kept of a model is kept for this bundle. Raises InputError."""
    return store().bundle(run_id).stat().st_mtime_ns


@st.cache_resource(max_entries=4, show_spinner="Loading the model ...")
def _model(home: str, run_id: str, written: int) -> PolarFactorization:
    return _store(home).model(run_id)


def tell_constant(model: PolarFactorization) -> None:
    """What was taken off F before training, where anything was: the values of these pages are less by it."""
    if not bool(model.shift.any()):
        return
    unit = f" {states.plain(model.units.value)}" if model.units.value else ""
    parts = [f"{float(value):,.12g} from F{k + 1}" for k, value in enumerate(model.shift) if float(value)]
    st.caption(
        f"Taken off before training: {', '.join(parts[:6])}{unit}. Values on this page, shown and asked for, are F "
        "less that; the bundle, the exports, the library and the command line answer for F itself."
    )


def pick_run(key: str = "run", states: Iterable[str] = ("done",), label: str = "Model", kind: str = kinds.TRAIN) -> Run:
    """The run (of this kind) that the link names in ``?run=``, with a picker; ends the page where there is none.

    The choice is written back to the link and follows from page to page.
    """
    runs = {run.id: run for run in store().list(kind) if run.state in tuple(states)}
    wanted = st.query_params.get(key)
    shared = None if wanted is None or wanted in runs else store().find(wanted)
    if shared is not None and shared.kind == kind and shared.state in tuple(states):
        runs[shared.id] = shared  # by its link alone
    if not runs:
        _nothing()
    if wanted is not None and wanted not in runs:
        _unknown(wanted)
    chosen = next((item for item in (wanted, st.session_state.get(CHOSEN)) if item in runs), next(iter(runs)))
    widget = f"{key}_picker"
    # The link rules: it changes by the picker's own callback, by a page_link and by the browser's back button.
    st.session_state[widget] = chosen
    st.selectbox(
        label,
        list(runs),
        key=widget,
        format_func=lambda run_id: describe(runs[run_id]),
        on_change=_picked,
        args=(key, widget),
    )
    remember(chosen, key)
    return runs[chosen]


def _picked(key: str, widget: str) -> None:
    remember(st.session_state[widget], key)


def remember(run_id: str, key: str = "run") -> None:
    """Make ``run_id`` the run of the link and of the pages visited next."""
    st.session_state[CHOSEN] = run_id
    if st.query_params.get(key) != run_id:
        st.query_params[key] = run_id


def _nothing() -> None:
    active = [run for run in store().active() if run.kind == kinds.TRAIN]
    if active:
        states.empty(
            "No finished model yet",
            f"**{states.plain(active[0].name)}** is {active[0].state}: watch it, and come back when it is done.",
            "train",
            "Watch the training",
            {"run": active[0].id},
            ":material/hourglass_top:",
        )
    else:
        states.empty(
            "No model yet",
            "Train one (minutes on two processor cores), or import a bundle on the Models page.",
            "train",
            "Train a model",
        )
    st.stop()


def _unknown(run_id: str) -> None:
    """Say that the run of the link cannot be shown, and why."""
    known = store().find(run_id)
    if known is None:
        st.warning(
            "The link names a run that is not here: it was deleted, or belongs to another machine. "
            "Shown below is another one."
        )
    elif known.kind != kinds.TRAIN:
        st.warning("The run of this link is no training, so there is no model of it. Shown below is another one.")
        frame.run_link(known, "Open the run of the link")
    else:
        st.warning(f"The run of this link is {known.state}, so there is no model of it. Shown below is another one.")


def describe(run: Run) -> str:
    """A run in one line: name, verdict or state, preset, age."""
    parts = [run.name, run.verdict or run.state]
    parts.append("gallery" if run.source == "gallery" else f"{run.source} {frame.ago(time.time() - _ended(run))}")
    return "  ·  ".join(parts)


def _ended(run: Run) -> float:
    """Unix seconds at which a run was done; of one that is not, or came from elsewhere, when it was made."""
    if run.state == "done" and run.source == "trained":
        with contextlib.suppress(OSError):
            return (run.folder / layout.REPORT).stat().st_mtime
    return run.created


def badge(run: Run) -> None:
    """The state of a run as a coloured badge; of a finished one, the verdict too."""
    colour, icon = BADGES.get(run.state, UNKNOWN)
    with st.container(horizontal=True, gap="xsmall"):
        st.badge(states.plain(run.state) or "no state", icon=icon, color=colour)  # type: ignore[arg-type]
        if run.verdict in VERDICTS:
            colour, icon = VERDICTS[run.verdict]
            st.badge(run.verdict, icon=icon, color=colour)  # type: ignore[arg-type]


def verdict(run: Run) -> None:
    """The verdict on a finished run and its reason, in one line."""
    report = store().report(run.id) or {}
    level = level_of_row(str(run.verdict or report.get("verdict")))
    if level in VERDICTS:
        colour, icon = VERDICTS[level]
        reason = report.get("verdict_reason")
        BOXES[colour](
            f"**{level.capitalize()}.** " + (states.sentence(typeset(str(reason))) if reason else ""), icon=icon
        )
