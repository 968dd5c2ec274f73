"""One run of the table: open it, download it, rename it, delete it, train it again."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import accuracy
from npf_engine.runs.store import Run
from ui import fieldlink, frame, pictures, states
from ui.plots import plot
from ui.runs import badge, store


def show(run: Run) -> None:
    """Everything that can be done with ``run``."""
    with st.container(border=True, key="detail"):
        st.markdown(f"#### {states.plain(run.name)}")
        badge(run)
        if run.error:
            states.problem(run.error)
        _links(run)
        _changes(run)
        if run.state == "done":
            _quality(run)
        with st.expander("Settings", icon=":material/tune:", key="detail_settings"):
            query = fieldlink.training_to_query(run.spec)
            st.caption("What differs from the defaults of its preset." if query else "All settings are the preset's.")
            st.table(
                {"setting": list(query), "value": list(query.values())} if query else {"preset": [run.spec.preset]}
            )


def _links(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="detail_links"):
        if run.state == "done":
            frame.link("factorization", None, {"run": run.id})
            frame.link("inverse", None, {"run": run.id})
            _download(run)
        else:
            frame.link("train", "Look at the training", {"run": run.id})
        frame.link("train", "Train again with edits", {**fieldlink.training_to_query(run.spec), "retry": run.id})


def _download(run: Run) -> None:
    with states.told():
        path = store().bundle(run.id)
        st.download_button(
            f"Download {path.name}",
            data=path.read_bytes,
            file_name=path.name,
            mime="application/zip",
            key=f"bundle_{run.id}",
            on_click="ignore",
            type="primary",
            icon=":material/download:",
            help="The model, its accuracy, and a script that checks it; needs only torch, numpy and safetensors.",
        )


def _changes(run: Run) -> None:
    if run.source == "gallery":
        st.caption("It belongs to the gallery that comes with the program, and stays as it is.")
        return
    with st.container(horizontal=True, key="detail_changes"):
        with st.popover("Rename", icon=":material/edit:", key="rename_ask"):
            name = st.text_input("New name", value=run.name, max_chars=80, key=f"name_{run.id}")
            if st.button("Rename", type="primary", key=f"rename_{run.id}"):
                with states.told():
                    store().rename(run.id, name)
                    st.rerun()
        if st.button("Delete", icon=":material/delete:", key=f"delete_{run.id}"):
            _ask_delete(run)


@st.dialog("Delete this run?", icon=":material/delete:")
def _ask_delete(run: Run) -> None:
    st.markdown(f"**{states.plain(run.name)}** with its model, its log and its bundle will be gone for good.")
    if run.active:
        st.warning("It is still training; that ends at once.")
    if st.button("Delete it", type="primary", icon=":material/delete_forever:", key="delete_sure"):
        with states.told():
            store().delete(run.id)
            for parameter in ("run", "with"):
                if st.query_params.get(parameter) == run.id:
                    st.query_params.pop(parameter)
            st.rerun()


def _quality(run: Run) -> None:
    report = store().report(run.id) or {}
    if report.get("verdict_reason"):
        st.markdown(states.sentence(str(report["verdict_reason"])))
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
                "Each measure over its self-distance: good ones sit near 1, useless ones near the outer tick, "
                "the trivial answer.",
            )
