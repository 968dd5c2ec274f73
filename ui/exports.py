"""A trained model in forms that other programs take: ONNX, PyTorch's .pt2, and a notebook of its pictures."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from npf_engine.bundle import exchange, files
from npf_engine.bundle.package import notebook_of, read_bundle
from npf_engine.runs.store import Run
from npf_engine.studies.report_page import command_of, report_page
from npf_engine.studies.share_page import share_page
from npf_engine.tasks import layout
from ui import states
from ui.runs import load_model, store

TITLES: dict[exchange.Format, str] = {"onnx": "ONNX", "pt2": "PyTorch .pt2"}
ABOUT: dict[exchange.Format, str] = {
    "onnx": "u, ∇u and M_ξ for onnxruntime, in any language; takes some seconds.",
    "pt2": "u, ∇u and M_ξ for `torch.export.load`, without this program.",
}


def offer(run: Run) -> None:
    """The popover *Other forms*; each is made at a click and compared with the model before it is handed out."""
    with st.popover("Other forms", icon=":material/file_export:", type="tertiary", key=f"forms_{run.id}"):
        for form in TITLES:
            _form(run, form)
        with states.told():
            bundle = store().bundle(run.id)
            notebook = _notebook(str(bundle), bundle.stat().st_mtime_ns)
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
            st.download_button(
                "Report, one page of HTML",
                data=lambda: _report(bundle, bundle.stat().st_mtime_ns),
                file_name=f"npf-{layout.slug(run.name)}.html",
                mime="text/html",
                key=f"form_report_{run.id}",
                on_click="ignore",
                icon=":material/article:",
                help="Verdict, table, figures as vectors, settings and what to cite; needs no network, and a browser "
                "prints it as a PDF. Takes some seconds.",
                width="stretch",
            )
            if load_model(run.id).d > 1:  # there are no clouds on a line
                st.download_button(
                    "Clouds that play, one file",
                    data=lambda: _shared(bundle, bundle.stat().st_mtime_ns),
                    file_name=f"npf-{layout.slug(run.name)}-clouds.html",
                    mime="text/html",
                    key=f"form_share_{run.id}",
                    on_click="ignore",
                    icon=":material/play_circle:",
                    help="The linked clouds to hover, select and set in motion, in any browser without a network: to "
                    "send to somebody. Takes some seconds.",
                    width="stretch",
                )
        st.caption(
            "Positions in and out are in the units of the pages, in double precision. A model hub takes the unpacked "
            "bundle as it is: `npf export BUNDLE --format hub`."
        )


def _form(run: Run, form: exchange.Format) -> None:
    """A button that makes the form, and in its place the download once it is made."""
    title, key = TITLES[form], f"form_{form}_{run.id}"
    bundle = store().bundle(run.id)
    asked = (form, bundle.stat().st_mtime_ns)
    if st.session_state.get(key) != asked:
        if st.button(
            f"Make {title}", icon=":material/file_export:", key=f"{key}_make", help=ABOUT[form], width="stretch"
        ):
            with states.told():
                _made(str(bundle), asked, run.name)
                st.session_state[key] = asked
                st.rerun()
        return
    with states.told():
        st.download_button(
            f"Download {title}",
            data=_made(str(bundle), asked, run.name),
            file_name=f"npf-{layout.slug(run.name)}-{form}.zip",
            mime="application/zip",
            key=key + "_save",
            on_click="ignore",
            icon=":material/download:",
            help=ABOUT[form],
            type="primary",
            width="stretch",
        )


@st.cache_data(max_entries=4, show_spinner="Exporting, and comparing with the model ...")
def _made(bundle: str, asked: tuple[exchange.Format, int], name: str) -> bytes:
    return exchange.archive_of(Path(bundle), asked[0], name)


@st.cache_data(max_entries=4, show_spinner=False)
def _report(path: Path, written: int) -> bytes:
    found = read_bundle(path)
    return report_page(found, command_of(found))


@st.cache_data(max_entries=4, show_spinner=False)
def _shared(path: Path, written: int) -> bytes:
    return share_page(read_bundle(path))


@st.cache_data(max_entries=8, show_spinner=False)
def _notebook(bundle: str, written: int) -> bytes | None:
    return notebook_of(bundle)
