"""What of the list is shown: filters, order, columns, the baseline. All of it stands in the link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from npf_engine.measures.verdict import LEVELS
from npf_engine.runs import finding
from npf_engine.runs.finding import Wanted
from npf_engine.runs.summaries import Summary
from npf_engine.studies.kind import Measure
from pages.models import table
from ui import states

PILLS = 8  # more are chosen from a list
BASELINE, OPENED = "baseline", "open"  # query parameters: a run; sweeps, one a line


def wanted(runs: Sequence[Summary], words: str) -> Wanted:
    """The filters beside the words; those that would tell nothing apart are left out."""
    titles = {finding.title(kind): kind for kind in dict.fromkeys(run.kind for run in runs)}
    states = list(dict.fromkeys(run.state for run in runs))
    verdicts = [level for level in LEVELS if any(run.verdict == level for run in runs)]
    tags = sorted({tag for run in runs for tag in run.tags}, key=str.lower)
    with st.container(horizontal=True, key="models_filters"):
        kinds = _pills("Kind", list(titles), "models_kind")
        state = _pills("State", states, "models_state")
        verdict = _pills("Verdict", verdicts, "models_verdict")
        chosen = _pills("Tags", tags, "models_tag", least=1)
    return Wanted(words, [titles[name] for name in kinds], state, verdict, chosen)


def words() -> str:
    """What is searched for."""
    return (
        st.text_input(
            "Filter",
            key="models_filter",
            placeholder="name, field, preset, verdict, tag or note",
            icon=":material/search:",
            bind="query-params",
            width=360,
        )
        or ""
    )


def _pills(label: str, options: list[str], key: str, least: int = 2) -> list[str]:
    if len(options) < least:
        return []
    if len(options) > PILLS:
        return list(st.multiselect(label, options, key=key, bind="query-params", width=260))
    chosen = st.pills(
        label,
        options,
        selection_mode="multi",
        format_func=states.plain,  # a label is Markdown, and a tag is anybody's word
        key=key,
        bind="query-params",
        width="content",
    )
    return list(chosen or [])


def order(measures: Mapping[str, Measure]) -> tuple[str, bool]:
    """What the list is sorted by, and whether from the other end."""
    left = st.selectbox(
        "Sort by", list(finding.orders(measures.values())), key="models_order", bind="query-params", width=190
    )
    return left, st.toggle("Reverse", key="models_reverse", bind="query-params")


def columns(measures: Mapping[str, Measure]) -> list[str]:
    """The columns that are shown, in their order."""
    known = table.names(measures)
    default = [name for name, shown in known.items() if shown]
    with st.popover("Columns", icon=":material/view_column:", key="columns_ask"):
        chosen = st.multiselect("Columns", list(known), default, key="models_columns", bind="query-params", width=320)
    return [name for name in known if name in chosen]


def baseline(runs: Mapping[str, Summary]) -> Summary | None:
    """The run that all others are held against."""
    return runs.get(st.query_params.get(BASELINE, ""))


def pin(run_id: str | None) -> None:
    """Make a run the baseline, or none."""
    if run_id is None:
        st.query_params.pop(BASELINE, None)
    else:
        st.query_params[BASELINE] = run_id


def pinned(run_id: str) -> bool:
    """Whether the run is the baseline."""
    return st.query_params.get(BASELINE) == run_id


def pin_button(run_id: str) -> None:
    """Make the run the baseline, or none where it is."""
    label, icon, to = (
        ("Unpin the baseline", ":material/keep_off:", None)
        if pinned(run_id)
        else ("Pin as baseline", ":material/keep:", run_id)
    )
    st.button(
        label,
        icon=icon,
        key=f"pin_{run_id}",
        on_click=pin,
        args=(to,),
        help="It stays at the top of the table, and each measure is shown beside its difference from this run's.",
    )


def opened() -> list[str]:
    """The sweeps whose runs are shown below them."""
    return [name for name in st.query_params.get(OPENED, "").split("\n") if name]


def toggle(sweep: str) -> None:
    """Unfold a sweep, or fold it."""
    names = opened()
    names = [name for name in names if name != sweep] if sweep in names else [*names, sweep]
    if names:
        st.query_params[OPENED] = "\n".join(names)
    else:
        st.query_params.pop(OPENED, None)
