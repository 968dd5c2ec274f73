"""The table of runs: sorted by a click on a column's head, filtered by text and state; the link holds the ticks."""

from __future__ import annotations

import datetime
from typing import Any

import streamlit as st

from npf_engine.runs.store import Run
from ui import fieldlink, frame

FIRST, SECOND = "run", "with"  # query parameters: the one or two runs that are ticked


def show(runs: list[Run]) -> list[Run]:
    """Draw the table; the runs that are ticked, at most two."""
    shown = _filtered(runs)
    if not shown:
        st.info("No run matches the filter.", icon=":material/filter_alt_off:")
        return []
    ids = [run.id for run in shown]
    chosen = [name for name in (st.query_params.get(FIRST), st.query_params.get(SECOND)) if name in ids]
    # Another list of rows is another table: ticks are by row number and would move to other runs.
    key = f"runs_{frame.key_of(str(hash(tuple(ids))))}"
    st.dataframe(
        _columns(shown),
        key=key,
        hide_index=True,
        width="stretch",
        height="content" if len(shown) < 10 else 400,
        column_config=_config(),
        on_select=lambda: _ticked(key, ids),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(name) for name in chosen]}},  # type: ignore[typeddict-item]
        placeholder="–",
        alt="Table of runs with their state, verdict and accuracy",
    )
    st.caption(
        "Ratios are value over self-distance: 1 is as good as another sample of the truth. "
        "The verdict weighs them with their standard errors."
    )
    if st.session_state.pop("ticked_more", False):
        st.info("Two runs can be compared at a time; the first two are shown.")
    known = {run.id: run for run in shown}
    return [known[name] for name in chosen]


def _ticked(key: str, ids: list[str]) -> None:
    rows = list(st.session_state[key]["selection"]["rows"])
    st.session_state["ticked_more"] = len(rows) > 2
    names = [ids[row] for row in rows if row < len(ids)][:2]
    for parameter, name in zip((FIRST, SECOND), [*names, "", ""][:2], strict=True):
        if name:
            st.query_params[parameter] = name
        else:
            st.query_params.pop(parameter, None)


def _filtered(runs: list[Run]) -> list[Run]:
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        words = st.text_input(
            "Filter",
            key="models_filter",
            placeholder="name, field, preset or verdict",
            icon=":material/search:",
            bind="query-params",
        )
    states = list(dict.fromkeys(run.state for run in runs))
    with right:
        wanted = st.pills("State", states, selection_mode="multi", key="models_state") if len(states) > 1 else []
    found = [run for run in runs if not wanted or run.state in wanted]
    for word in (words or "").lower().split():
        found = [run for run in found if word in _haystack(run)]
    return found


def _haystack(run: Run) -> str:
    parts = (
        run.name,
        fieldlink.source_title(run.spec.field),
        run.spec.preset,
        run.verdict or "",
        run.source,
        run.state,
    )
    return " ".join(parts).lower()


def _columns(runs: list[Run]) -> dict[str, list[Any]]:
    return {
        "Name": [run.name for run in runs],
        "State": [run.state for run in runs],
        "Verdict": [run.verdict for run in runs],
        "∇u♯ρ": [ratio(run, "pushforward") for run in runs],
        "M♯ρ": [ratio(run, "measure_preservation") for run in runs],
        "Inverse": [ratio(run, "inverse") for run in runs],
        "Seconds": [(run.seconds or {}).get("total") for run in runs],
        "Field": [fieldlink.source_title(run.spec.field) for run in runs],
        "Preset": [run.spec.preset for run in runs],
        "Created": [datetime.datetime.fromtimestamp(run.created, datetime.UTC) for run in runs],
        "From": [run.source for run in runs],
    }


def ratio(run: Run, metric: str) -> float | None:
    """Value over self-distance of a metric, where the run has it."""
    found = (run.metrics or {}).get(metric)
    value = found.get("ratio") if isinstance(found, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _config() -> dict[str, Any]:
    column = st.column_config
    number: dict[str, Any] = {"format": "%.2f", "width": "small"}
    return {
        "Name": column.TextColumn(width="medium", pinned=True),
        "State": column.TextColumn(width=90),
        "Verdict": column.TextColumn(width=120),
        "∇u♯ρ": column.NumberColumn(help="Pushforward: S(∇u♯ρ, F♯ρ) over its self-distance", **number),
        "M♯ρ": column.NumberColumn(help="Measure preservation: S(Mξ♯ρ, ρ) over its self-distance", **number),
        "Inverse": column.NumberColumn(
            help="Pre-images of Iψ against the true ones, over their self-distance", **number
        ),
        "Seconds": column.NumberColumn(format="%.0f", width="small", help="Of the whole training"),
        "Field": column.TextColumn(width="medium"),
        "Preset": column.TextColumn(width="small"),
        "Created": column.DatetimeColumn(format="distance", width="small"),
        "From": column.TextColumn(width="small"),
    }
