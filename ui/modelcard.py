"""The model card of a finished training, folded, as its bundle has it."""

from __future__ import annotations

import re

import streamlit as st

from npf_engine.bundle.accuracy_table import AccuracyRow, accuracy_rows
from npf_engine.bundle.card import model_card
from npf_engine.bundle.package import read_bundle
from npf_engine.numbers import number
from npf_engine.runs.store import Run
from npf_engine.settings.reading import maybe_mapping
from npf_engine.studies.report_parts import HEADS, command_of
from ui import cards, states
from ui.cards import Card
from ui.runs import store, written


def fold(run: Run) -> None:
    """The card; it is read once it is unfolded."""
    found = st.expander("Model card", icon=":material/badge:", key="card_fold", on_change="rerun")
    if found.open:
        with found, states.shown(run.name):
            _show(*_card(run.id, written(run.id)))


@st.cache_data(max_entries=16, show_spinner="Reading the model's card ...")
def _card(run_id: str, written: int) -> tuple[str, list[AccuracyRow]]:
    """What stands in the bundle's README.md, without the head for hubs, its headings below those of the page; and the
    rows of its table."""
    found = read_bundle(store().bundle(run_id))
    text = model_card(found.config, found.report, command_of(found)).partition("\n# ")[2].partition("\n")[2]
    text = text.replace("| | value", "| measure | value", 1)  # no head of a table is empty on a page
    text = re.sub(r"(?m)^## (How it was trained)\n\n    (.+)$", r"## \1\n\n```bash\n\2\n```", text)
    return re.sub(r"(?m)^## ", "### ", text), accuracy_rows(maybe_mapping(found.report, "metrics"))


def _show(text: str, rows: list[AccuracyRow]) -> None:
    """Its table is one of cards on a narrow screen, and its lines of code wrap: what scrolls sideways is no stop for a
    keyboard."""
    prose, *rest = re.split(r"(?ms)^```(\w+)\n(.*?)```$", text)
    before, *table = re.split(r"(?m)(^\|.*(?:\n\|.*)*)", prose, maxsplit=1)
    st.markdown(before)
    if table:
        with cards.wide("card"):
            st.markdown(table[0])
        with cards.narrow("card"):
            cards.show(map(_row, rows))
        st.markdown(table[1])
    for language, code, after in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        st.code(code.rstrip(), language=language, wrap_lines=True)
        if after.strip():
            st.markdown(after)


def _row(row: AccuracyRow) -> Card:
    named = zip(HEADS[1:], row.shown(), strict=True)
    return Card(row.title, numbers=[f"{name} {number(value, 4)}" for name, value in named if value is not None])
