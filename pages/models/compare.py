"""Runs side by side: their measures, what was set differently, their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from npf_engine.figures import accuracy
from npf_engine.numbers import number
from npf_engine.runs import comparing
from npf_engine.runs.schema import Run
from npf_engine.settings.reading import maybe_number
from npf_engine.studies.kinds import TRAIN
from ui import frame, pictures, states
from ui.plots import plot
from ui.runs import badge

FEW = 4  # runs that stand beside one another as pictures and columns; more are lines of a table


def show(runs: Sequence[Run]) -> None:
    """The comparison of two runs and more."""
    few = len(runs) <= FEW
    if few:
        _cards(runs)
    st.markdown("##### Accuracy")
    (_few if few else _many)(runs)
    st.markdown("##### Set differently")
    changed = comparing.differing(runs)
    if not changed:
        st.caption("Nothing: they have the same settings.")
    elif few:
        cells = {
            head: list(map(states.plain, values))
            for head, values in zip(_heads(runs), zip(*changed.values(), strict=True), strict=True)
        }
        st.table({"setting": list(changed)} | cells)
    else:
        st.dataframe({"Name": [run.name for run in runs]} | changed, hide_index=True, key="compare_settings")


def _cards(runs: Sequence[Run]) -> None:
    for column, run in zip(st.columns(len(runs), border=True), runs, strict=True):
        with column, states.shown(run.name):
            st.markdown(f"#### {states.plain(run.name)}")
            badge(run)
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
    return [states.plain(run.name) for run in runs]  # a table's cells are Markdown


def _few(runs: Sequence[Run]) -> None:
    """The whole accuracy table, a column a run."""
    table = metrics(runs)
    if table:
        columns = zip(*table.values(), strict=True)
        st.table({"": list(table)} | dict(zip(_heads(runs), map(list, columns), strict=True)))
        st.caption(
            "Value (ratio ± standard error; the ratio is value over floor). Lower is better; a ratio of 1 is perfect."
        )
    else:
        st.caption("None of them has an accuracy table.")


def metrics(runs: Sequence[Run]) -> dict[str, list[str]]:
    """What was measured -> the text for each run; verdict and seconds last."""
    found: list[dict[str, Mapping[str, object]]] = [
        {row["what"]: row for row in accuracy.rows(run.metrics or {})} for run in runs
    ]
    names = dict.fromkeys(name for rows in found for name in rows)
    table = {name: [_cell(rows.get(name)) for rows in found] for name in names}
    if any(run.seconds for run in runs):
        table["Verdict"] = [states.plain(run.verdict or "–") for run in runs]
        table["Time"] = [frame.duration((run.seconds or {}).get("total")) for run in runs]
    return table


def _cell(row: Mapping[str, object] | None) -> str:
    value, ratio, se = (maybe_number(row or {}, key) for key in ("value", "ratio", "se"))
    if value is None:
        return "–"
    error = "" if se is None else f" ± {number(se, 2)}"
    return number(value) + ("" if ratio is None else f" ({number(ratio)}{error})")


def _many(runs: Sequence[Run]) -> None:
    """A line a run."""
    table = metrics(runs)
    if table:
        st.dataframe({"Name": [run.name for run in runs]} | table, hide_index=True, key="compare_measures")
    else:
        st.caption("None of them has an accuracy table.")
