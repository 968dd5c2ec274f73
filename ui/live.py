"""A run of any kind on its page: its head, what can be done with it, a panel that looks again by itself, its log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.runs import comparing, pulse
from npf_engine.runs.reading import Status
from npf_engine.runs.store import Run
from npf_engine.studies import kinds
from npf_engine.studies.kind import Words
from ui import frame, progress, states, where
from ui.runs import badge, remember, store

EVERY = 1.5  # seconds between two looks
FRESH = 2.9  # seconds for which all watchers of a run are shown the same curves and pictures: every second look
PULSES = {
    pulse.HEALTHY: ("green", ":material/monitor_heart:"),
    pulse.STALLED: ("orange", ":material/trending_flat:"),
    pulse.DIVERGING: ("red", ":material/trending_up:"),
}
Body = Callable[[Run, Status], None]
T = TypeVar("T")


def head(run: Run, status: Status, question: str) -> None:
    """The run's name, the question of the page, and its state; the run becomes that of the link."""
    remember(run.id)
    frame.title(states.plain(run.name), question, words(run).symbols)
    st.caption(states.plain(about(run)))
    with st.container(horizontal=True, vertical_alignment="center", key="head"):
        badge(run)
        if status["stopping"]:
            what = "pausing" if status["pausing"] else "stopping"
            st.badge(f"{what} at the next checkpoint", icon=":material/hourglass_top:", color="orange")
    if run.told and run.active:
        st.info(states.sentence(run.told), icon=":material/history:")


def about(run: Run) -> str:
    """What the run is, of what, and with which preset and seed, as far as its kind has them."""
    kind, told = kinds.find(run.kind), run.spec_json
    parts = [run.kind] if kind is None else [kind.title, kind.subject_of(told)]
    seed = next((told[key] for key in ("seed", "first_seed") if key in told), None)
    parts += [str(told["preset"])] if told.get("preset") else []
    parts += [f"seed {seed}"] if seed is not None else []
    return " · ".join(filter(None, [*parts, run.sweep and f"of the sweep {run.sweep}", *run.tags]))


def words(run: Run) -> Words:
    """What a run and its parts are called; of a kind that this version does not know, its name."""
    kind = kinds.find(run.kind)
    return Words(run.kind) if kind is None else kind.words


def symbols(kind: str) -> tuple[str, ...]:
    """Those of the glossary that stand on the page of a kind of run."""
    return kinds.get(kind).words.symbols


def controls(run: Run, status: Status) -> None:
    """Pause, resume and cancel, as far as the run's state allows them and it is one's own; for a horizontal
    container."""
    if not store().may_change(run):
        return
    stopping, pausing = bool(status["stopping"]), bool(status["pausing"])
    if run.state in ("queued", "running") and not stopping:
        _button("Pause", ":material/pause:", "pause", run)
    resumable = run.state not in ("queued", "running", "done") and run.source == "trained"
    if resumable or pausing:
        _button("Resume", ":material/play_arrow:", "resume", run, primary=True)
    if resumable and run.state != "paused":
        where.resume(run)
    if run.active and (pausing or not stopping):
        with st.popover("Cancel", icon=":material/stop:", key="cancel_ask"):
            st.markdown(f"Stop this run? {words(run).kept} It can be resumed later.")
            _button("Yes, stop it", ":material/stop:", "cancel", run)


def _button(label: str, icon: str, verb: str, run: Run, primary: bool = False) -> None:
    kind = "primary" if primary else "secondary"
    if st.button(label, icon=icon, key=f"{verb}_{run.id}", type=kind):  # type: ignore[arg-type]
        with states.told():
            getattr(store(), verb)(run.id)
            st.rerun()


def follow(run: Run, status: Status, body: Body) -> None:
    """Stages, bar and ``body(run, status)``; drawn again by itself while the run waits or works."""
    moving = run.state in ("queued", "running") or status["stopping"]
    panel = st.fragment(_panel, run_every=EVERY if moving else None)
    panel(run, bool(status["stopping"]), body)


def _panel(run: Run, stopping: bool, body: Body) -> None:
    try:
        status = store().status(run.id)
    except InputError:
        st.rerun()  # deleted meanwhile, perhaps in another tab: the page has a sentence for that
    if (status["state"], bool(status["stopping"])) != (run.state, stopping):
        st.rerun()  # the head of the page and its buttons belong to another state
    with states.shown(run.name):
        progress.stages(status)
        if status["waiting"] and run.active:
            st.warning(states.sentence(str(status["waiting"])), icon=":material/hard_drive:")
        if run.active or (run.state != "done" and status["stage"] is not None):
            progress.bar(status)
            _pulse(run, status)
    with states.shown(run.name):
        body(run, status)


def _pulse(run: Run, status: Status) -> None:
    """Whether it goes well, in a word, with the rule in the tooltip."""
    found = pulse.of(history(run), status["stage"]) if run.state == "running" else None
    if found is not None:
        colour, icon = PULSES[found.word]
        st.badge(f"{found.word}: {found.about}", icon=icon, color=colour, help=pulse.RULE)  # type: ignore[arg-type]


def settings(run: Run) -> None:
    """All that was set, folded: it stands on every run's page."""
    with st.expander("Settings", icon=":material/tune:", key="settings_fold"):
        told = comparing.settings_of(run)
        st.table({"setting": list(map(states.plain, told)), "value": list(map(states.plain, told.values()))})


def log(run_id: str) -> None:
    """The run's log, folded."""
    with st.expander("Log", icon=":material/notes:", key="log_fold"):
        st.code(store().log(run_id) or "Nothing yet.", language=None, height=260, wrap_lines=True)


def active() -> None:
    """What is in the queue or at work at the moment, each with its link: somebody who comes back finds it here."""
    for run in store().active():
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"active_{run.id}"):
            st.markdown(f"**{states.plain(run.name)}**", width="content")
            badge(run)
            frame.run_link(run, "Watch it")


def shared(run: Run, name: str, make: Callable[[], T]) -> T:
    """``make()``, made once in FRESH seconds for all watchers of ``run`` in its state; it must draw nothing itself.

    Forty watchers then cost as many figures as one. What comes back is everybody's: it must not be changed.
    """
    return _shared(str(run.folder), run.state, name, make)


@st.cache_resource(ttl=FRESH, max_entries=256, show_spinner=False)
def _shared(folder: str, state: str, name: str, _make: Callable[[], T]) -> T:
    return _make()


def history(run: Run) -> dict[str, dict[str, np.ndarray]]:
    """The run's curves so far, read once for all its watchers (see RunStore.history)."""
    return shared(run, "history", lambda: store().history(run.id))


def snapshot(run: Run) -> dict[str, np.ndarray] | None:
    """The run's newest live picture, read once for all its watchers (see RunStore.snapshot)."""
    return shared(run, "snapshot", lambda: store().snapshot(run.id))
