"""One item: what it shows, our last run beside the paper, and the buttons that queue it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plotly.io
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.glossary import typeset
from npf_engine.numbers import number
from npf_engine.studies.reproduction import kept
from npf_engine.studies.reproduction.item import Item
from npf_engine.studies.reproduction.kept import Kept
from npf_engine.studies.reproduction.result import ReproductionResult, Row
from npf_engine.studies.reproduction.spec import PAPER, QUICK, ReproductionSpec
from pages.reproduce import forms, table
from ui import cards, frame, states, where
from ui.cards import Card
from ui.plots import plot
from ui.runs import remember

MOST_SEED = 2**31 - 1
FLOOR = "What the truth itself would score: two draws of one law, whose mean may be a little above it, or zero."
TRIVIAL = "What a map that learned nothing scores."
NAMES = {QUICK: "quick", PAPER: "the paper's size"}


def show(paper: str, item: Item) -> None:
    """The item, its buttons, and what its last runs came to."""
    runs = {preset: kept.find(paper, item.name, preset) for preset in (QUICK, PAPER)}
    st.markdown(f"## {item.title}")
    st.markdown(f"{item.about} {item.place} of the paper.")
    if item.needs:
        st.caption(f"It needs {item.needs}.")
    _buttons(paper, item, runs[QUICK])
    there = [(preset, run) for preset, run in runs.items() if run is not None]
    if not there:
        st.info("It was not run yet: nothing is known of how it comes out here.", icon=":material/hourglass_empty:")
    for preset, run in there:
        st.markdown(f"### Our last run, {NAMES[preset]}")
        result(run.result, f"{paper}_{item.name}_{preset}", run.picture)
        frame.caption(f"{run.date}, version {run.version}, {run.machine}, {table.spent(run.result.seconds)}.")
        st.code(run.command, language="bash", wrap_lines=True)
    if there and item.large and runs[PAPER] is None:
        st.caption(f"At the paper's size it was never run: that takes {item.large}.")


def _buttons(paper: str, item: Item, quick: Kept | None) -> None:
    cost = "what it costs is not known yet" if quick is None else f"about {table.spent(quick.result.seconds)}"
    where.choose()
    with st.container(horizontal=True, vertical_alignment="bottom", key="reproduce_buttons"):
        seed = st.number_input(
            "Seed", 0, MOST_SEED, 0, key="reproduce_seed", width=110, help="Fixes every random draw."
        )
        if st.button(f"Run, {cost}", type="primary", icon=":material/play_arrow:", key="run_quick"):
            _submit(ReproductionSpec(paper=paper, item=item.name, seed=int(seed)))
        if item.large and st.button(
            "Run at the paper's size", icon=":material/hourglass_top:", key="run_paper", help=f"It takes {item.large}."
        ):
            _submit(ReproductionSpec(paper=paper, item=item.name, preset=PAPER, seed=int(seed), device="auto"))
    forms.link(item)


def _submit(spec: ReproductionSpec) -> None:
    with states.told():
        run = where.store().submit(spec)
        st.query_params.clear()
        remember(run.id)
        st.rerun()


def result(told: ReproductionResult, key: str, picture: Path | None) -> None:
    """Rows beside the paper's, and the picture."""
    if picture is not None:
        with states.told():
            try:
                figure = plotly.io.from_json(picture.read_text(encoding="utf-8"))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise InputError("the picture of this run cannot be read; run it again") from error
            plot(figure, f"picture_{key}", "Ours; the paper's stands in the paper, with the description above.")
    with cards.wide(key):
        _table(told.rows, key)
    with cards.narrow(key):
        cards.show(map(_card, told.rows))
        st.caption(
            f"Paper: what it prints. Floor: {FLOOR[0].lower()}{FLOOR[1:]} Trivial: {TRIVIAL[0].lower()}{TRIVIAL[1:]}"
        )
    for note in told.notes:
        st.caption(states.sentence(note))


def _table(rows: Sequence[Row], key: str) -> None:
    text, figure = st.column_config.TextColumn, st.column_config.NumberColumn
    values = [value for row in rows for value in (row.paper, row.ours) if value is not None]
    form = "%d" if all(float(value).is_integer() for value in values) else "%.4g"  # counts in full
    st.dataframe(
        [_shown(row) for row in rows],
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_config={
            "what": text("What", width="large"),
            "paper": figure("Paper", format=form, help="What the paper prints; a dash where it draws or is silent."),
            "paper_se": figure("±", format="%.2g", help="The paper's own ±."),
            "ours": figure("Ours", format=form),
            "se": figure("± s.e.", format="%.2g", help="Standard error of ours."),
            "floor": figure("Floor", format="%.4g", help=FLOOR),
            "trivial": figure("Trivial", format="%.4g", help=TRIVIAL),
            "note": text("Note", width="medium"),
        },
        key=f"rows_{key}",
    )


def _card(row: Row) -> Card:
    """A row for a narrow screen; a number that is not there is left out."""

    def told(value: float, error: float | None) -> str:
        return table.written(value) + (f" ± {number(error, 2)}" if error is not None else "")

    known = {
        "Paper": (row.paper, row.paper_se),
        "ours": (row.ours, row.se),
        "floor": (row.floor, None),
        "trivial": (row.trivial, None),
    }
    numbers = [f"{name} {told(value, error)}" for name, (value, error) in known.items() if value is not None]
    return Card(typeset(row.what), typeset(row.note), numbers)


def _shown(row: Row) -> dict[str, object]:
    numbers = {"paper": row.paper, "paper_se": row.paper_se, "ours": row.ours, "se": row.se}
    numbers |= {"floor": row.floor, "trivial": row.trivial}
    return {"what": typeset(row.what), **numbers, "note": typeset(row.note)}
