"""All items of a paper: the paper's number, ours, and the last runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from npf_engine.numbers import number
from npf_engine.studies.reproduction import kept
from npf_engine.studies.reproduction.items import PAPERS
from npf_engine.studies.reproduction.kept import Kept
from npf_engine.studies.reproduction.spec import PAPER, QUICK
from ui import cards, frame
from ui.cards import Card

MOST = 9  # rows that the table shows at once
LARGEST = 1e9  # of a count that is written in full
NUMBERS = (("Paper", "paper"), ("ours", "ours"), ("floor", "floor"), ("trivial", "trivial"))


def show(paper: str) -> None:
    """One row an item, the first number of each beside the paper's."""
    rows = []
    for name, item in PAPERS[paper].items.items():
        quick, large = (kept.find(paper, name, preset) for preset in (QUICK, PAPER))
        last = large or quick
        first = None if last is None else last.result.rows[0]
        rows.append(
            {
                "item": item.title,
                "about": item.about,
                "paper": None if first is None else first.paper,
                "ours": None if first is None else first.ours,
                "floor": None if first is None else first.floor,
                "trivial": None if first is None else first.trivial,
                "quick": _when(quick),
                "large": _when(large) if item.large else "one size",
            }
        )
    with cards.wide("items"):
        _table(rows)
    with cards.narrow("items"), st.expander("All of them, ours beside the paper's", icon=":material/table_rows:"):
        cards.show(map(_card, rows))
    frame.caption("The numbers are the first row of each item, of its last run; choose an item below for all of them.")


def _table(rows: Sequence[Mapping[str, object]]) -> None:
    text, figure = st.column_config.TextColumn, st.column_config.NumberColumn
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height="auto" if len(rows) < MOST else 330,
        placeholder="–",
        column_config={
            "item": text("Item", pinned=True),
            "about": text("What it shows", width="large"),
            "paper": figure("Paper", format="%.4g", help="What the paper prints; a dash where it draws."),
            "ours": figure("Ours", format="%.4g", help="Of the last run: the first row of the item."),
            "floor": figure("Floor", format="%.4g", help="What the truth itself would score."),
            "trivial": figure("Trivial", format="%.4g", help="What a map that learned nothing scores."),
            "quick": text("Last quick run"),
            "large": text("Last run at the paper's size"),
        },
    )


def _card(row: Mapping[str, object]) -> Card:
    """A row for a narrow screen; a number that is not there is left out."""
    known = [f"{head} {written(value)}" for head, key in NUMBERS if isinstance(value := row[key], float | int)]
    runs = [f"{head}: {row[key]}" for head, key in (("quick run", "quick"), ("the paper's size", "large"))]
    return Card(str(row["item"]), str(row["about"]), [*known, *runs])


def _when(run: Kept | None) -> str:
    return "never" if run is None else f"{run.date}, {spent(run.result.seconds)}"


def written(value: float) -> str:
    """A number of a row: four digits, a count in full."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < LARGEST else number(value, 4)


def spent(seconds: float) -> str:
    """Seconds or minutes, in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
