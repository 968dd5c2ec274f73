"""A trained model in forms that other programs take: ONNX, PyTorch's .pt2, and a notebook of its pictures."""

from __future__ import annotations

import functools
import zipfile

import streamlit as st

from npf_engine.bundle import exchange, files
from npf_engine.runs.store import Run
from npf_engine.tasks import layout
from ui import states
from ui.runs import load_model, store

TITLES: dict[exchange.Format, str] = {"onnx": "ONNX", "pt2": "PyTorch .pt2"}
ABOUT: dict[exchange.Format, str] = {
    "onnx": "u, ∇u and M_ξ for onnxruntime, in any language; takes some seconds.",
    "pt2": "u, ∇u and M_ξ for `torch.export.load`, without this program.",
}


def offer(run: Run) -> None:
    """The popover *Other forms*; each is made at the click and compared with the model before it is handed out."""
    with st.popover("Other forms", icon=":material/file_export:", type="tertiary", key=f"forms_{run.id}"):
        name = layout.slug(run.name)
        for form, title in TITLES.items():
            st.download_button(
                title,
                data=functools.partial(_made, run.id, run.name, form),
                file_name=f"npf-{name}-{form}.zip",
                mime="application/zip",
                key=f"form_{form}_{run.id}",
                on_click="ignore",
                icon=":material/download:",
                help=ABOUT[form],
                width="stretch",
            )
        with states.told():
            notebook = _notebook(run.id)
            if notebook is not None:
                st.download_button(
                    "Notebook of its pictures",
                    data=notebook,
                    file_name=files.NOTEBOOK,
                    mime="application/x-ipynb+json",
                    key=f"form_notebook_{run.id}",
                    on_click="ignore",
                    icon=":material/download:",
                    help="Run it in the unpacked bundle, which has it too; needs matplotlib besides.",
                    width="stretch",
                )
        st.caption(
            "Positions in and out are in the units of the pages, in double precision. A model hub takes the unpacked "
            "bundle as it is: `npf export BUNDLE --format hub`."
        )


def _made(run_id: str, name: str, form: exchange.Format) -> bytes:
    trained = load_model(run_id)
    return exchange.packed(trained, exchange.exports(trained, form), form, name)


def _notebook(run_id: str) -> bytes | None:
    """The bundle's own; bundles from before it was written have none."""
    with zipfile.ZipFile(store().bundle(run_id)) as archive:
        return archive.read(files.NOTEBOOK) if files.NOTEBOOK in archive.namelist() else None
