"""Runs side by side: their measures, what was set differently, their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from npf_engine.figures import accuracy
from npf_engine.glossary import typeset
from npf_engine.numbers import number
from npf_engine.runs import comparing
from npf_engine.runs.schema import Run
from npf_engine.runs.sheet import Sheet, plain
from npf_engine.runs.summaries import Summary
from npf_engine.settings.reading import maybe_number
from npf_engine.studies.kinds import TRAIN
from pages.models import apart, overlay
from ui import accuracy as shown
from ui import frame, pictures, states
from ui.plots import plot
from ui.runs import badge

ABOUT = (
    "Value (ratio ± its standard error; the ratio is value over floor). A ratio near 1 is as good as another sample of "
    "the truth: what is far above it is off, a cloud far below it too narrow."
)
SAME = (
    " The floor hangs on the number of points: where these are not equal they stand beside the ratio, and only the "
    "values compare."
)
OTHERS = (
    " **These runs are of different fields, each a task of its own: none is better for a smaller number.** Divergences "
    "would be in squares of each field's own unit, so that their ratios stand alone; percents are of each field's own "
    "spread."
)
FEW = 4  # runs that stand beside one another as pictures and columns; more are lines of a table


def show(runs: Sequence[Run], summaries: Sequence[Summary]) -> None:
    """The comparison of two runs and more; ``summaries``: theirs, in the same order."""
    few = len(runs) <= FEW
    sheet = comparing.sheet(runs, summaries)
    if few:
        _cards(runs, summaries)
    st.markdown("## Accuracy" if few else "## Side by side")
    (_few if few else _many)(runs, sheet)
    _take_away(sheet)
    overlay.show(runs)
    if not few:
        return
    apart.show(runs)
    st.markdown("## Set differently")
    changed = comparing.differing(runs)
    if not changed:
        st.caption("Nothing: they have the same settings.")
        return
    columns = zip(*changed.values(), strict=True)
    cells = {head: list(map(states.plain, values)) for head, values in zip(_heads(runs), columns, strict=True)}
    st.table({"setting": list(changed)} | cells)


def _take_away(sheet: Sheet) -> None:
    """The table as a file, made at the click."""
    with st.container(horizontal=True, gap="xsmall", key="compare_files"):
        for label, end, mime, made in (
            ("CSV", "csv", "text/csv", sheet.to_csv),
            ("LaTeX", "tex", "application/x-tex", sheet.to_latex),
            ("Markdown", "md", "text/markdown", sheet.to_markdown),
        ):
            st.download_button(
                label,
                data=made,
                file_name=f"npf-runs.{end}",
                mime=mime,
                key=f"compare_{end}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
                help="A line a run: the settings that differ, all measures, verdict, seconds",
            )


def _cards(runs: Sequence[Run], summaries: Sequence[Summary]) -> None:
    for column, run, told in zip(st.columns(len(runs), border=True), runs, summaries, strict=True):
        with column, states.shown(run.name):
            st.markdown(f"## {states.plain(run.name)}")
            badge(run)
            seconds = None if told.seconds is None else f"done in {frame.duration(told.seconds)}"
            lines = [f"by {states.plain(typeset(told.why))}" if told.why else None, seconds]
            if any(lines):
                st.caption(", ".join(filter(None, lines)))
            if run.state == "done" and run.kind == TRAIN:
                plot(
                    pictures.cover(run.id),
                    f"compare_{run.id}",
                    "∇u♯ρ over F♯ρ.",
                    {key: pictures.view(run.id).clouds[key] for key in ("field", "grad_u")},
                    run.id,
                )
                frame.link("factorization", None, {"run": run.id})
            else:
                frame.run_link(run, "Open")


def _heads(runs: Sequence[Run]) -> list[str]:
    """Names for the columns, numbered where two runs of an older home share one; a table's cells are Markdown."""
    return [states.plain(name) for name in comparing.told_apart([run.name for run in runs])]


def _few(runs: Sequence[Run], sheet: Sheet) -> None:
    """The whole accuracy table of trainings, a column a run; of other kinds, their measures."""
    trained = any(run.metrics for run in runs)
    table = metrics(runs) if trained else {}
    if not trained or any(run.kind != TRAIN for run in runs):
        table = _measures(sheet) | table
    if not table:
        st.caption("None of them has an accuracy table.")
        return
    columns = zip(*table.values(), strict=True)
    st.table({"Measure": list(table)} | dict(zip(_heads(runs), map(list, columns), strict=True)))
    if trained:
        st.caption(ABOUT + (SAME if comparing.same_field(runs) else OTHERS))
        shown.explained({row["key"]: None for run in runs for row in accuracy.rows(run.metrics or {})})


def metrics(runs: Sequence[Run]) -> dict[str, list[str]]:
    """What was measured -> the text for each run."""
    one_task = comparing.same_field(runs)
    found: list[dict[str, Mapping[str, object]]] = [
        {row["what"]: row for row in accuracy.rows(run.metrics or {})} for run in runs
    ]
    names = dict.fromkeys(name for rows in found for name in rows)
    table = {}
    for name in names:
        counts = {row["n"] for rows in found if (row := rows.get(name)) is not None}
        table[name] = [cell(rows.get(name), len(counts) > 1, one_task) for rows in found]
    return table


def cell(row: Mapping[str, object] | None, counted: bool, one_task: bool = True) -> str:
    """Value and ratio; with the number of points where that is ``counted``. Of different tasks a divergence, which is
    in squares of a unit, is told by its ratio alone."""
    value, ratio, se, n = (maybe_number(row or {}, key) for key in ("value", "ratio", "se", "n"))
    if row is None or value is None:
        return "–"
    error = "" if se is None or row["split"] else f" ± {number(se, 2)}"
    points = f"; {n:,.0f} points" if counted and n is not None else ""
    if not one_task and ratio is not None and str(row["measure"]).startswith("S("):
        return f"ratio {number(ratio)}{error}{points}"
    return number(value) + ("" if ratio is None else f" ({number(ratio)}{error}{points})")


def _measures(sheet: Sheet) -> dict[str, list[str]]:
    """Column of the table -> the text for each run, of its figures, verdict and seconds."""
    columns = list(zip(sheet.head, zip(*sheet.rows, strict=True), strict=True))
    figures = [(head, cells) for head, cells in columns if any(isinstance(cell, float) for cell in cells)]
    return {head: [number(cell) if isinstance(cell, float) else "–" for cell in cells] for head, cells in figures}


def _many(runs: Sequence[Run], sheet: Sheet) -> None:
    """A line a run: the settings that differ and the measures."""
    columns = zip(sheet.head, zip(*sheet.rows, strict=True), strict=True)
    st.dataframe(
        {head: [plain(cell) if isinstance(cell, str) else cell for cell in cells] for head, cells in columns},
        hide_index=True,
        key="compare_table",
        placeholder="–",
        height=min(36 * len(runs) + 40, 500),
        column_config={"Name": st.column_config.TextColumn(pinned=True, width="medium")},
    )
