"""What screens with several kinds of run share: from the link to a form or a run, a run's frame, its buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from npf_engine.runs.reading import Status
from npf_engine.runs.store import Run
from npf_engine.studies import kinds
from ui import copies, frame, live, manage, runlist, runs, states

Body = Callable[[Run, Status], None]


def dispatch(page: str, shows: Mapping[str, Callable[[str], None]], setup: Callable[[], None], invitation: str) -> None:
    """The form where the link names no run; else the run, by its kind, on this page or on the one that has it."""
    run_id = st.query_params.get("run")
    if run_id is None:
        setup()
        runlist.show(frame.PAGES[page].kinds)
        return
    run = runs.store().find(run_id)
    kind = "" if run is None else run.kind
    if kind in shows:
        shows[kind](run_id)
    elif run is not None and kinds.find(kind) is not None:
        frame.go(frame.page_for(kind, run.state), {"run": run_id})
    else:
        states.empty(
            "This run is not here",
            "It was deleted, the link comes from another machine, or its owner does not share it.",
            page,
            invitation,
            icon=":material/search_off:",
        )


def choice(label: str, modes: Mapping[str, str], key: str, *, collapsed: bool = False) -> str:
    """One of the screen's forms; the first is the default, any other is in the link as ``of``."""
    first, *others = modes
    asked = st.query_params.get("of")
    mode = asked if asked in others else first
    st.session_state[key] = mode

    def chosen() -> None:
        """Another form starts from its own defaults."""
        st.query_params.clear()
        if st.session_state[key] != first:
            st.query_params["of"] = st.session_state[key]

    st.segmented_control(
        label,
        list(modes),
        key=key,
        required=True,
        format_func=modes.__getitem__,
        on_change=chosen,
        label_visibility="collapsed" if collapsed else "visible",
    )
    return mode


def show(
    run_id: str,
    question: str,
    actions: Body,
    done: Callable[[Run], None],
    body: Body,
    rest: Callable[[Run], None] | None = None,
) -> None:
    """One run: its head and buttons, then its result, or what it shows while it works; ``rest``: what a run that broke
    off had."""
    run = runs.store().get(run_id)
    status = runs.store().status(run_id)
    live.head(run, status, question)
    with st.container(horizontal=True, vertical_alignment="center", key="actions"), states.shown(run.name):
        actions(run, status)
    if run.error:
        states.problem(run.error)
    if run.state == "done":
        with states.shown(run.name):
            runs.verdict(run)
            done(run)
        live.log(run.id)
    else:
        if rest is not None and not run.active:
            with states.shown(run.name):
                rest(run)
        live.follow(run, status, body)
    with states.shown(run.name):
        live.settings(run)
        copies.told(run)
    manage.changes(run)


def buttons(run: Run, status: Status, page: str, edits: Callable[[], dict[str, str]], fresh: dict[str, str]) -> None:
    """Download, cancel and pause, repeat as it was or with edits, a new run."""
    if run.state == "done":
        manage.download(run)
        manage.model(run)
    live.controls(run, status)
    if not run.active and st.button("Repeat", icon=":material/replay:", key="again", help="With the same settings."):
        with states.told():
            frame.go(page, {"run": runs.store().retry(run.id).id})
    if st.button("Repeat with edits", icon=":material/edit:", key="repeat"):
        frame.go(page, edits())
    if st.button("New run", icon=":material/add:", key="new"):
        frame.go(page, fresh)
