"""Which runs are ticked: the link holds them, one in ``run`` and the others in ``with``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

FIRST, OTHERS = "run", "with"  # query parameters
MOST = 100  # runs that can be compared at a time
MANY = "ticked_more"  # session: more were ticked than that


def chosen(known: Collection[str]) -> list[str]:
    """The runs of the link that there are, in the order in which they were ticked."""
    named = [st.query_params.get(FIRST, ""), *st.query_params.get(OTHERS, "").split(",")]
    return list(dict.fromkeys(run_id for run_id in named if run_id in known))[:MOST]


def unlisted(known: Collection[str]) -> str | None:
    """The run of the link that is not in the list: one that is shared by its link alone, or one that is not there."""
    named = st.query_params.get(FIRST, "")
    return named if named and named not in known else None


def changed(key: str, rows: Sequence[tuple[str, ...]], before: Sequence[int], ticked: Sequence[str]) -> None:
    """Take over a change of the table ``key``: rows that were ticked or are no longer; other pages' ticks stay.

    rows: the runs of each row; before: the rows that were ticked; ticked: the runs that were.
    """
    now = set(st.session_state[key]["selection"]["rows"])
    take(
        after(
            ticked,
            [rows[row] for row in sorted(now - set(before)) if row < len(rows)],
            [rows[row] for row in set(before) - now],
        )
    )


def after(ticked: Sequence[str], more: Sequence[Sequence[str]], less: Sequence[Sequence[str]]) -> list[str]:
    """The runs that are ticked once those of some rows were added and those of others taken away."""
    gone = {run_id for row in less for run_id in row}
    return [*(run_id for run_id in ticked if run_id not in gone), *(run_id for row in more for run_id in row)]


def take(ids: Sequence[str]) -> None:
    """Write the runs to the link, each once, at most MOST."""
    names = list(dict.fromkeys(ids))
    st.session_state[MANY] = len(names) > MOST
    for parameter, text in ((FIRST, ",".join(names[:1])), (OTHERS, ",".join(names[1:MOST]))):
        if text:
            st.query_params[parameter] = text
        else:
            st.query_params.pop(parameter, None)
