"""One run of the table: open it, take it away, change it, train it again."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from npf_engine.fields import titles
from npf_engine.figures import accuracy
from npf_engine.glossary import typeset
from npf_engine.numbers import number
from npf_engine.runs.store import Run
from npf_engine.settings.dotted import as_text, flatten
from npf_engine.studies import kinds
from npf_engine.studies.classifier.bundling import SOURCE as OF_EXPERIMENT
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.studies.kinds import TRAIN
from pages.models import choice, describe
from ui import copies, exports, frame, live, manage, modelcard, paperfigure, pictures, states
from ui.link import TRAINING
from ui.plots import plot
from ui.runs import badge, store


def show(run: Run, tags: Sequence[str]) -> None:
    """Everything that can be done with ``run``; of a kind that is no training, what any run has. ``tags``: all that
    there are."""
    training = run.kind == TRAIN
    with st.container(border=True, key="detail"):
        st.markdown(f"## {states.plain(run.name)}")
        badge(run)
        if run.error:
            states.problem(run.error)
        with st.container(horizontal=True, vertical_alignment="center", key="detail_marks"):
            if not choice.pinned(run.id):
                choice.pin_button(run.id)
        copies.told(run)
        manage.changes(run)
        describe.edit(run, tags)
        with states.shown(run.name):
            (_links if training else _controls)(run)
        if run.state == "done":
            with states.shown(run.name):
                (_quality if training else _figures)(run)
        with st.expander("Settings", icon=":material/tune:", key="detail_settings"), states.shown(run.name):
            (_changed if training else _settings)(run)
        if training and run.state == "done":
            modelcard.fold(run)


def _changed(run: Run) -> None:
    spec = run.spec_of(TrainingSpec)
    query = TRAINING.write(spec)
    st.caption("What differs from the defaults of its preset." if query else "All settings are the preset's.")
    values = [states.plain(value) for value in query.values()]  # a table's cells are Markdown
    st.table({"setting": list(query), "value": values} if query else {"preset": [spec.preset]})


def _settings(run: Run) -> None:
    """All settings of a run of any kind, one that this version does not know too."""
    told = flatten({key: value for key, value in run.spec_json.items() if key != kinds.KIND})
    st.table({"setting": list(map(states.plain, told)), "value": [states.plain(as_text(v)) for v in told.values()]})


def _controls(run: Run) -> None:
    """What can be done with a run of a kind without a page of its own."""
    with st.container(horizontal=True, vertical_alignment="center", key="detail_links"):
        if kinds.find(run.kind) is None:
            st.caption(
                "This version does not know this kind of run; name its module in NPF_EXTENSIONS to work with it."
            )
            return
        if frame.page_of(run.kind) != "models":
            frame.run_link(run, "Open")
        if run.state == "done":
            manage.download(run)
        live.controls(run, store().status(run.id))
        if not run.active and st.button("Repeat", icon=":material/replay:", key="detail_again"):
            with states.told():
                frame.go(frame.page_of(run.kind), {"run": store().retry(run.id).id})


def _figures(run: Run) -> None:
    """The verdict, and the numbers of a report of any kind."""
    report = store().report(run.id) or {}
    if report.get("verdict_reason"):
        st.markdown(states.sentence(str(report["verdict_reason"])))
    kind = kinds.find(run.kind)
    known = {} if kind is None else {str(item.at): item.about for item in kind.measures}
    with st.container(horizontal=True, key="detail_numbers"):
        for name, value in report.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                about = known.get(name) or "As the report of this run has it."
                st.metric(states.plain(name), number(value), width="content", border=True, help=about)


def _links(run: Run) -> None:
    spec = run.spec_of(TrainingSpec)
    with st.container(horizontal=True, vertical_alignment="center", key="detail_links"):
        if run.state == "done":
            frame.link("factorization", None, {"run": run.id})
            frame.link("inverse", None, {"run": run.id})
            manage.download(run)
            exports.offer(run)
            paperfigure.cite(run, titles.source_title(spec.field))
        else:
            frame.link("train", "Look at the training", {"run": run.id})
        if spec.field.source != OF_EXPERIMENT:
            frame.link("train", "Train again with edits", {**TRAINING.write(spec), "retry": run.id})


def _quality(run: Run) -> None:
    report = store().report(run.id) or {}
    if report.get("verdict_reason"):
        st.markdown(states.sentence(typeset(str(report["verdict_reason"]))))
    left, right = st.columns(2, gap="medium")
    with left, states.told():
        plot(
            pictures.cover(run.id),
            f"cover_{run.id}",
            "∇u♯ρ over F♯ρ: a good potential covers the same ground with the same density.",
            {key: pictures.view(run.id).clouds[key] for key in ("field", "grad_u")},
            run.id,
        )
    with right:
        if run.metrics:
            plot(
                accuracy.ladder(run.metrics),
                f"ladder_{run.id}",
                "The ratio, value over floor, of each measure: good ones sit near 1, useless ones near the outer tick, "
                "the trivial answer.",
            )
