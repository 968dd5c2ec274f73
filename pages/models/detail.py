"""One run of the table: open it, take it away, change it, train it again."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import accuracy
from npf_engine.glossary import typeset
from npf_engine.runs.store import Run
from ui import exports, fieldtitle, frame, manage, paperfigure, pictures, states
from ui.link import TRAINING
from ui.plots import plot
from ui.runs import badge, store


def show(run: Run) -> None:
    """Everything that can be done with ``run``."""
    with st.container(border=True, key="detail"):
        st.markdown(f"#### {states.plain(run.name)}")
        badge(run)
        if run.error:
            states.problem(run.error)
        manage.changes(run)
        with states.shown(run.name):
            _links(run)
        if run.state == "done":
            with states.shown(run.name):
                _quality(run)
        with st.expander("Settings", icon=":material/tune:", key="detail_settings"), states.shown(run.name):
            query = TRAINING.write(run.spec)
            st.caption("What differs from the defaults of its preset." if query else "All settings are the preset's.")
            values = [states.plain(value) for value in query.values()]  # a table's cells are Markdown
            st.table({"setting": list(query), "value": values} if query else {"preset": [run.spec.preset]})


def _links(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="detail_links"):
        if run.state == "done":
            frame.link("factorization", None, {"run": run.id})
            frame.link("inverse", None, {"run": run.id})
            manage.download(run)
            exports.offer(run)
            paperfigure.cite(fieldtitle.source_title(run.spec.field))
        else:
            frame.link("train", "Look at the training", {"run": run.id})
        frame.link("train", "Train again with edits", {**TRAINING.write(run.spec), "retry": run.id})


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
