"""Two runs side by side: their accuracy, what was set differently, their pictures."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from npf_engine.figures import accuracy
from npf_engine.numbers import number
from npf_engine.runs.store import Run
from npf_engine.settings.dotted import dotted_values
from npf_engine.settings.reading import maybe_number
from npf_engine.studies.kinds import TRAIN
from ui import frame, pictures, states
from ui.plots import plot
from ui.runs import badge


def show(one: Run, other: Run) -> None:
    """The comparison of two runs."""
    pair = (one, other)
    columns = st.columns(2, border=True)
    for column, run in zip(columns, pair, strict=True):
        with column:
            st.markdown(f"#### {states.plain(run.name)}")
            badge(run)
            if run.state == "done" and run.kind == TRAIN:
                with states.told():
                    plot(
                        pictures.cover(run.id),
                        f"compare_{run.id}",
                        "∇u♯ρ over F♯ρ.",
                        {key: pictures.view(run.id).clouds[key] for key in ("field", "grad_u")},
                        run.id,
                    )
                frame.link("factorization", None, {"run": run.id})
            else:
                st.caption("No model to show.")
    heads = _heads(one, other)
    st.markdown("##### Accuracy")
    table = metrics(one, other)
    if table:
        st.table({"": list(table), heads[0]: [a for a, _ in table.values()], heads[1]: [b for _, b in table.values()]})
        st.caption(
            "Value (ratio ± standard error; the ratio is value over floor). Lower is better; a ratio of 1 is perfect."
        )
    else:
        st.caption("Neither of the two is finished.")
    st.markdown("##### Set differently")
    changed = differences(one, other)
    if changed:
        st.table(
            {
                "setting": list(changed),
                heads[0]: [states.plain(a) for a, _ in changed.values()],
                heads[1]: [states.plain(b) for _, b in changed.values()],
            }
        )
    else:
        st.caption("Nothing: the two have the same settings.")


def _heads(one: Run, other: Run) -> tuple[str, str]:
    first, second = states.plain(one.name), states.plain(other.name)  # a table's cells are Markdown
    return (first, second) if first != second else (f"{first} (1)", f"{second} (2)")


def metrics(one: Run, other: Run) -> dict[str, tuple[str, str]]:
    """What was measured -> the text for either run; verdict and seconds last."""
    found: list[dict[str, Mapping[str, object]]] = [
        {row["what"]: row for row in accuracy.rows(run.metrics or {})} for run in (one, other)
    ]
    names = dict.fromkeys([*found[0], *found[1]])
    table = {name: (_cell(found[0].get(name)), _cell(found[1].get(name))) for name in names}
    if one.metrics or other.metrics:
        table["Verdict"] = (states.plain(one.verdict or "–"), states.plain(other.verdict or "–"))
        totals = [(run.seconds or {}).get("total") for run in (one, other)]
        table["Time"] = (frame.duration(totals[0]), frame.duration(totals[1]))
    return table


def _cell(row: Mapping[str, object] | None) -> str:
    value, ratio, se = (maybe_number(row or {}, key) for key in ("value", "ratio", "se"))
    if value is None:
        return "–"
    error = "" if se is None else f" ± {number(se, 2)}"
    return number(value) + ("" if ratio is None else f" ({number(ratio)}{error})")


def differences(one: Run, other: Run) -> dict[str, tuple[str, str]]:
    """Dotted key -> the two values, for the settings that differ; the name aside."""
    first, second = dotted_values(one.spec), dotted_values(other.spec)
    return {
        key: (str(first[key]), str(second[key]))
        for key in first
        if key in second and first[key] != second[key] and key != "name"
    }
