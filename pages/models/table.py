"""The table of runs, a page of it at a time: filtered by text and state, sorted; the link holds page and ticks."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping, Sequence

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from npf_engine.runs.store import Run
from npf_engine.studies.factorization.spec import TrainingSpec
from ui import fieldtitle, frame

FIRST, SECOND = "run", "with"  # query parameters: the one or two runs that are ticked
WHICH = "page"  # query parameter: the page of the table, from 1
PAGE = 50  # rows: a browser that asks for a thousand waits for them
ORDERS: dict[str, Callable[[Run], float | str]] = {
    "Newest": lambda run: -run.created,
    "Name": lambda run: run.name.lower(),
    "∇u♯ρ": lambda run: _last(ratio(run, "pushforward")),
    "M♯ρ": lambda run: _last(ratio(run, "measure_preservation")),
    "Inverse": lambda run: _last(ratio(run, "inverse")),
    "Miss": lambda run: _last(miss(run)),
    "Seconds": lambda run: _last(_total(run)),
}


def show(runs: list[Run]) -> list[Run]:
    """Draw one page of the table; the runs that are ticked, at most two, on whatever page they stand."""
    found = _filtered(runs)
    if not found:
        st.info("No run matches the filter.", icon=":material/filter_alt_off:")
        return []
    known = {run.id: run for run in found}
    chosen = [name for name in (st.query_params.get(FIRST), st.query_params.get(SECOND)) if name in known]
    shown = found[_first(len(found)) :][:PAGE]
    ids = [run.id for run in shown]
    # Another list of rows is another table: ticks are by row number and would move to other runs.
    key = f"runs_{frame.key_of(str(hash(tuple(ids))))}"
    st.dataframe(
        _columns(shown),
        key=key,
        hide_index=True,
        width="stretch",
        height="content" if len(shown) < 10 else 400,
        column_config=_config(),
        on_select=lambda: _ticked(key, ids, chosen),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(name) for name in chosen if name in ids]}},  # type: ignore[typeddict-item]
        placeholder="–",
        alt="Table of runs with their state, verdict and accuracy",
    )
    if len(found) > PAGE:
        _turn(len(found))
    st.caption(
        "Numbers are ratios, value over floor: 1 is as good as another sample of the truth; Miss is a share of F's "
        "spread: 0 is best. "
        "The verdict weighs them with their standard errors."
    )
    if st.session_state.pop("ticked_more", False):
        st.info("Two runs can be compared at a time; the first two are shown.")
    return [known[name] for name in chosen]


def _ticked(key: str, ids: list[str], before: list[str]) -> None:
    """Take over the ticks of this page; those of other pages stay."""
    rows = list(st.session_state[key]["selection"]["rows"])
    names = [name for name in before if name not in ids] + [ids[row] for row in rows if row < len(ids)]
    st.session_state["ticked_more"] = len(names) > 2
    for parameter, name in zip((FIRST, SECOND), [*names, "", ""][:2], strict=True):
        if name:
            st.query_params[parameter] = name
        else:
            st.query_params.pop(parameter, None)


def _first(count: int) -> int:
    """The first row that is shown, of ``count``: the link's page, or the last one there is."""
    asked = st.query_params.get(WHICH, "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    return PAGE * (min(max(number, 1), -(-count // PAGE)) - 1)


def _turn(count: int) -> None:
    """Which rows these are, and the pages before and after."""
    first = _first(count)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="pages"):
        for label, icon, to in (
            ("Previous", ":material/chevron_left:", first - PAGE),
            ("Next", ":material/chevron_right:", first + PAGE),
        ):
            if st.button(label, icon=icon, key=f"page_{label.lower()}", disabled=not 0 <= to < count):
                st.query_params[WHICH] = str(to // PAGE + 1)
                st.rerun()
        st.markdown(f":gray[runs {first + 1:,} to {min(first + PAGE, count):,} of {count:,}]", width="content")


def _filtered(runs: list[Run]) -> list[Run]:
    left, middle, right = st.columns([3, 4, 1], vertical_alignment="bottom")
    with left:
        words = st.text_input(
            "Filter",
            key="models_filter",
            placeholder="name, field, preset or verdict",
            icon=":material/search:",
            bind="query-params",
        )
    states = list(dict.fromkeys(run.state for run in runs))
    with middle:
        wanted = st.pills("State", states, selection_mode="multi", key="models_state") if len(states) > 1 else []
    found = [run for run in runs if not wanted or run.state in wanted]
    for word in (words or "").lower().split():
        found = [run for run in found if word in _haystack(run)]
    if len(runs) <= PAGE:
        return found  # a click on a column's head sorts what is all there
    with right:
        order = st.selectbox("Sort by", list(ORDERS), key="models_order", bind="query-params")
    return found if order == "Newest" else sorted(found, key=ORDERS[order])


def _haystack(run: Run) -> str:
    parts = (
        run.name,
        fieldtitle.title_in(run.spec_json),
        _preset(run),
        run.verdict or "",
        run.source,
        run.state,
    )
    return " ".join(parts).lower()


def _columns(runs: list[Run]) -> Mapping[str, Sequence[object]]:
    return {
        "Name": [_cell(run.name) for run in runs],
        "State": [run.state for run in runs],
        "Verdict": [run.verdict for run in runs],
        "∇u♯ρ": [ratio(run, "pushforward") for run in runs],
        "M♯ρ": [ratio(run, "measure_preservation") for run in runs],
        "Inverse": [ratio(run, "inverse") for run in runs],
        "Miss": [miss(run) for run in runs],
        "Seconds": [_total(run) for run in runs],
        "Field": [_cell(fieldtitle.title_in(run.spec_json)) for run in runs],
        "Preset": [_preset(run) for run in runs],
        "Created": [datetime.datetime.fromtimestamp(run.created, datetime.UTC) for run in runs],
        "From": [run.source for run in runs],
    }


def _cell(text: str) -> str:
    """A visitor's text: the table can be saved as CSV, and spreadsheets run what begins as a formula."""
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@") else text


def ratio(run: Run, metric: str) -> float | None:
    """The ratio, value over floor, of a metric, where the run has it."""
    found = (run.metrics or {}).get(metric)
    value = found.get("ratio") if isinstance(found, dict) else None
    return float(value) if isinstance(value, int | float) else None


def miss(run: Run) -> float | None:
    """What F misses at drawn pre-images on average, over its spread, where the run has it."""
    found = (run.metrics or {}).get("inverse_miss")
    value = found.get("mean") if isinstance(found, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _total(run: Run) -> float | None:
    return (run.seconds or {}).get("total")


def _preset(run: Run) -> str:
    return str(run.spec_json.get("preset") or TrainingSpec().preset)


def _last(value: float | None) -> float:
    """For sorting: a run without the figure comes last."""
    return math.inf if value is None else value


def _config() -> Mapping[str, ColumnConfig]:
    column = st.column_config

    def ratio_of(text: str) -> ColumnConfig:
        return column.NumberColumn(help=text, format="%.2f", width="small")

    return {
        "Name": column.TextColumn(width="medium", pinned=True),
        "State": column.TextColumn(width=90),
        "Verdict": column.TextColumn(width=120),
        "∇u♯ρ": ratio_of("Pushforward: ratio of S(∇u♯ρ, F♯ρ)"),
        "M♯ρ": ratio_of("Measure preservation: ratio of S(Mξ♯ρ, ρ)"),
        "Inverse": ratio_of("Pre-images of Iψ against the true ones: ratio"),
        "Miss": ratio_of("|F(x) − v| at drawn pre-images x of v, over F's spread"),
        "Seconds": column.NumberColumn(format="%.0f", width="small", help="Of the whole training"),
        "Field": column.TextColumn(width="medium"),
        "Preset": column.TextColumn(width="small"),
        "Created": column.DatetimeColumn(format="distance", width="small"),
        "From": column.TextColumn(width="small"),
    }
