"""A figure for a paper: its width, type and format in a popover, made as vectors on the server at the click; and what
to cite."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable

import streamlit as st

from npf_engine import citation
from npf_engine.errors import InputError
from npf_engine.figures import export, paper
from npf_engine.runs.store import Run
from npf_engine.settings import reading
from npf_engine.studies import printed
from npf_engine.studies.factorization.bundling import training_command
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.studies.landscape.bundling import sampling_command
from npf_engine.studies.landscape.spec import LandscapeSpec
from ui import frame
from ui.plots import Arrays
from ui.runs import load_model, store

MIME = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
COLUMNS = {1: "One column, 3.3 in", 2: "Two columns, 6.9 in"}


def offer(
    key: str,
    name: str,
    made: Callable[[paper.Print], bytes],
    caption: str,
    command: str = "",
    data: Callable[[], Arrays] | None = None,
) -> None:
    """The popover *Figure*: ``made`` draws the figure for how it is to be printed; it is called at the click alone.

    key: the view's name on the command line; name: begins the file's name; caption and what repeats the figure
    (``command``, which makes the run, and the figure of it) go into the file's metadata and stand beside the button;
    data: what is drawn, for who draws it anew.
    """
    key = frame.key_of(key)
    with st.popover("Figure", icon=":material/picture_as_pdf:", type="tertiary", key=f"figure_{key}"):
        columns = st.segmented_control(
            "Width", list(COLUMNS), default=2, format_func=COLUMNS.__getitem__, key=f"figure_width_{key}", required=True
        )
        kind = st.segmented_control(
            "Format", paper.FORMATS, default="pdf", format_func=str.upper, key=f"figure_format_{key}", required=True
        )
        font = st.slider("Type (points)", 6, 12, 8, key=f"figure_font_{key}")
        how = paper.Print(int(columns or 2), float(font), kind or "pdf", f"{name} {key}", caption)
        if command:
            how = dataclasses.replace(how, command=printed.again(command, key, f"{name}-{key}", how))
        st.download_button(
            "Save the figure",
            data=lambda: made(how),
            file_name=f"{name}-{key}.{how.format}",
            mime=MIME[how.format],
            key=f"figure_save_{key}",
            on_click="ignore",
            type="primary",
            icon=":material/download:",
            width="stretch",
        )
        if data is not None:
            st.download_button(
                "Save its data",
                data=lambda: export.to_csv(data()),
                file_name=f"{name}-{key}.csv",
                mime="text/csv",
                key=f"figure_data_{key}",
                on_click="ignore",
                icon=":material/table:",
                help="What is drawn, as CSV: a column a coordinate, a line a point.",
                width="stretch",
            )
        st.caption(
            "A caption to begin with, and the commands that repeat it:" if command else "A caption to begin with:"
        )
        st.code(caption, language=None, wrap_lines=True)
        if command:
            st.code(how.command, language="bash", wrap_lines=True)


def command(run: Run) -> str:
    """The command that makes the run of a figure again; empty for one of which there is none."""
    if isinstance(run.spec, LandscapeSpec):
        return sampling_command(run.spec)
    return training_command(run.spec) if isinstance(run.spec, TrainingSpec) else ""


def cite(run: Run, title: str) -> None:
    """The popover *Cite* of a trained model: BibTeX of the method, the theorem, this program with the model's
    fingerprint, and the data, which are called ``title`` where its bundle does not say where they came from."""
    report, source = store().report(run.id) or {}, ""
    with contextlib.suppress(InputError):
        source = str(reading.maybe_mapping(load_model(run.id).info, "provenance").get("source") or "")
    source = f"{title}: {source}" if source and title not in source else source or title
    text = citation.bibtex(source, str(report.get("fingerprint") or ""))
    with st.popover("Cite", icon=":material/format_quote:", type="tertiary", key="cite"):
        st.code(text, language="bibtex", wrap_lines=True)
        st.download_button(
            "Save as .bib", text, "npf.bib", "application/x-bibtex", key="cite_save", on_click="ignore", width="stretch"
        )
