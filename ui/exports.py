"""A trained model in forms that other programs take: ONNX, PyTorch's .pt2, and a notebook of its pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from npf_engine.bundle import exchange, files
from npf_engine.bundle.package import notebook_of, read_bundle
from npf_engine.runs.store import Run
from npf_engine.studies.report_page import report_page
from npf_engine.studies.report_parts import command_of
from npf_engine.studies.share_page import share_page
from npf_engine.tasks import layout
from ui import states
from ui.runs import load_model, store


@dataclass(frozen=True)
class Form:
    """Something that a bundle is made into, in some seconds. made: its content from the bundle's path and the run's
    name; end: of its file's name; about: what it is; busy: what is said while it is made."""

    title: str
    about: str
    end: str
    mime: str
    icon: str
    made: Callable[[Path, str], bytes]
    busy: str


def _exchanged(form: exchange.Format) -> Callable[[Path, str], bytes]:
    return lambda path, name: exchange.archive_of(path, form, name)


def _report(path: Path, name: str) -> bytes:
    found = read_bundle(path)
    return report_page(found, command_of(found))


def _pdf(path: Path, name: str) -> bytes:
    from npf_engine.studies.report_pdf import report_pdf  # which loads what writes a PDF: not for every visitor

    found = read_bundle(path)
    return report_pdf(found, command_of(found))


FORMS = {
    "onnx": Form(
        "ONNX",
        "u, ∇u and M_ξ for onnxruntime, in any language; takes some seconds.",
        "-onnx.zip",
        "application/zip",
        ":material/file_export:",
        _exchanged("onnx"),
        "Exporting, and comparing with the model ...",
    ),
    "pt2": Form(
        "PyTorch .pt2",
        "u, ∇u and M_ξ for `torch.export.load`, without this program.",
        "-pt2.zip",
        "application/zip",
        ":material/file_export:",
        _exchanged("pt2"),
        "Exporting, and comparing with the model ...",
    ),
    "report": Form(
        "report, one page of HTML",
        "Verdict, table, figures as vectors, settings and what to cite, for any browser; needs no network.",
        ".html",
        "text/html",
        ":material/article:",
        _report,
        "Drawing the figures of the report ...",
    ),
    "pdf": Form(
        "report, a PDF",
        "The same on pages of A4, with an outline; its figures are vectors, and its metadata hold what repeats it.",
        ".pdf",
        "application/pdf",
        ":material/picture_as_pdf:",
        _pdf,
        "Drawing the figures of the report ...",
    ),
    "clouds": Form(
        "clouds that play, one file",
        "The linked clouds to hover, select and set in motion, in any browser without a network: to send to somebody.",
        "-clouds.html",
        "text/html",
        ":material/play_circle:",
        lambda path, name: share_page(read_bundle(path)),
        "Packing the clouds ...",
    ),
}


def offer(run: Run) -> None:
    """The popover *Other forms*; each is made at a click, with a word on what is done, and then handed out."""
    with st.popover("Other forms", icon=":material/file_export:", type="tertiary", key=f"forms_{run.id}"):
        _forms(run)


@st.fragment  # what is made takes seconds, in which the page stays as it is
def _forms(run: Run) -> None:
    with states.shown(run.name):  # what goes wrong in a fragment is nobody's else to tell
        _all(run)


def _all(run: Run) -> None:
    for key in FORMS:
        if key != "clouds" or load_model(run.id).d > 1:  # there are no clouds on a line
            _form(run, key)
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
    st.caption(
        "Positions in and out are in the units of the pages, in double precision. A model hub takes the unpacked "
        "bundle as it is: `npf export BUNDLE --format hub`."
    )


def _form(run: Run, name: str) -> None:
    """A button that makes the form, and in its place the download once it is made."""
    form, key = FORMS[name], f"form_{name}_{run.id}"
    bundle = store().bundle(run.id)
    written = bundle.stat().st_mtime_ns
    slot = st.empty()
    if st.session_state.get(key) != written:
        if not slot.button(f"Make {form.title}", icon=form.icon, key=f"{key}_make", help=form.about, width="stretch"):
            return
        with states.told(), st.spinner(form.busy, show_time=True):
            _made(str(bundle), written, name, run.name)
            st.session_state[key] = written
        if st.session_state.get(key) != written:
            return
    with states.told():
        slot.download_button(
            f"Download {form.title}",
            data=_made(str(bundle), written, name, run.name),
            file_name=f"npf-{layout.slug(run.name)}{form.end}",
            mime=form.mime,
            key=f"{key}_save",
            on_click="ignore",
            icon=":material/download:",
            help=form.about,
            type="primary",
            width="stretch",
        )


@st.cache_data(max_entries=8, show_spinner=False)
def _made(bundle: str, written: int, form: str, name: str) -> bytes:
    return FORMS[form].made(Path(bundle), name)


@st.cache_data(max_entries=8, show_spinner=False)
def _notebook(bundle: str, written: int) -> bytes | None:
    return notebook_of(bundle)
