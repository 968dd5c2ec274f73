"""What can be done with any run from outside: download, rename, delete."""

from __future__ import annotations

import functools

import streamlit as st

from npf_engine.runs.store import Run
from npf_engine.studies import kinds
from npf_engine.tasks import layout
from ui import frame, sharing, states
from ui.runs import store

ABOUT_BUNDLE = "The model, its accuracy, and a script that checks it; needs only torch, numpy and safetensors."
ABOUT_RESULTS = "Settings, report and all result files of this run."


def download(run: Run) -> None:
    """The bundle of a training, the zip of another run's results; made at the click."""
    with states.told():
        kind = kinds.find(run.kind)
        training = kind is not None and kind.bundled
        name = store().bundle(run.id).name if training else f"{layout.slug(run.name)}.zip"
        st.download_button(
            f"Download {name}",
            data=functools.partial(store().archive, run.id),
            file_name=name,
            mime="application/zip",
            key=f"bundle_{run.id}",
            on_click="ignore",
            type="primary",
            icon=":material/download:",
            help=ABOUT_BUNDLE if training else ABOUT_RESULTS,
        )


def model(run: Run) -> None:
    """The factorization that a run of another kind left, to be looked at like a trained one."""
    with states.told():
        if store().left_model(run.id) is not None and st.button(
            "Open its model",
            icon=":material/join_inner:",
            key=f"open_model_{run.id}",
            help="The factorization in Factorization and Inverse, and as a run of its own on Models.",
        ):
            frame.go("factorization", {"run": store().open_model(run.id).id})


def changes(run: Run) -> None:
    """Rename and delete; a gallery run stays as it is."""
    if run.source == "gallery":
        st.caption("It belongs to the gallery that comes with the program, and stays as it is.")
        return
    if not store().may_change(run):
        st.caption("It is somebody else's, who shares it: it can be looked at, taken away, and repeated as your own.")
        return
    with st.container(horizontal=True, key="detail_changes"):
        # A form: the Enter key renames too.
        rename = st.popover("Rename", icon=":material/edit:", key="rename_ask")
        with rename, st.form(f"rename_form_{run.id}", border=False):
            name = st.text_input("New name", value=run.name, max_chars=80, key=f"name_{run.id}")
            if st.form_submit_button("Rename", type="primary", key=f"rename_{run.id}"):
                with states.told():
                    store().rename(run.id, name)
                    st.rerun()
        if not store().viewer.alone:
            sharing.control(run)
        if st.button("Delete", icon=":material/delete:", key=f"delete_{run.id}"):
            _ask_delete(run)


@st.dialog("Delete this run?", icon=":material/delete:")
def _ask_delete(run: Run) -> None:
    st.markdown(
        f"**{states.plain(run.name)}** with its results, its log and its downloads will be gone for good, "
        "and so will an uploaded file that no other run names."
    )
    if run.active:
        st.warning("It is not finished; that ends at once.")
    if st.button("Delete it", type="primary", icon=":material/delete_forever:", key="delete_sure"):
        with states.told():
            store().delete(run.id)
            for parameter in ("run", "with"):
                if st.query_params.get(parameter) == run.id:
                    st.query_params.pop(parameter)
            st.rerun()
