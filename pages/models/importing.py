"""Taking a bundle in."""

from __future__ import annotations

import streamlit as st

from ui import states, uploads
from ui.runs import store

TOLD = "imported"  # session: the name of the bundle that was taken in last


def show() -> None:
    """The import of a bundle, folded away."""
    name = st.session_state.pop(TOLD, None)
    if name is not None:
        st.success(f"{states.plain(name)} is here.", icon=":material/check_circle:")
    with (
        st.expander("Import a bundle", icon=":material/upload:", key="import_fold"),
        st.form("import", border=False, clear_on_submit=True),
    ):
        given = st.file_uploader(
            "A bundle that was downloaded here or elsewhere, `npf-….zip`", type="zip", key="import_zip"
        )
        if st.form_submit_button("Import", icon=":material/upload:"):
            if given is None:
                states.problem("choose the zip of a bundle first")
                return
            with states.told(), uploads.saved(given) as path:
                run = store().import_bundle(path)
                st.session_state[TOLD] = run.name
                st.query_params["run"] = run.id
                st.query_params.pop("with", None)
                st.rerun()
