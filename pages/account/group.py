"""What an administrator sees: the people, their runs, and what they did."""

from __future__ import annotations

import datetime
import time

import streamlit as st

from npf_engine.runs import audit
from npf_engine.runs.access import Viewer
from npf_engine.runs.quotas import MB
from npf_engine.runs.states import ACTIVE
from npf_engine.settings import reading
from ui import cards, frame
from ui.cards import Card
from ui.runs import store

MOST = 500  # runs that are shown
MOST_CARDS = 50  # of them on a narrow screen, each with its link


def show() -> None:
    """People, runs, audit log; each of them is asked for by the store of an administrator."""
    found = store()
    runs, titles = found.everyone(), found.ledger.titles()
    st.markdown("## People")
    people = [
        {
            "name": title,
            "last here": frame.ago(time.time() - seen),
            "runs": sum(run.owner == person for run in runs),
            "in the queue": sum(run.owner == person and run.state in ACTIVE for run in runs),
            "MB": round(found.on_disk(Viewer(person)) / MB, 1),
            "id": person,
        }
        for person, title, seen in found.ledger.people()
    ]
    with cards.wide("people"):
        st.dataframe(people, hide_index=True, key="people")
    with cards.narrow("people"):
        numbers = ("runs", "in the queue", "MB")
        cards.show(
            Card(str(row["name"]), f"{row['last here']}, id {row['id']}", [f"{key} {row[key]}" for key in numbers])
            for row in people
        )
    st.markdown("## Runs of all")
    rows = [
        {
            "name": run.name,
            "owner": titles.get(run.owner, "nobody" if not run.owner else run.owner),
            "seen by": run.visibility,
            "state": run.state,
            "kind": run.kind,
            "open": f"models?run={run.id}",
        }
        for run in runs[:MOST]
    ]
    with cards.wide("all_runs"):
        opens = {"open": st.column_config.LinkColumn(display_text="Open")}
        st.dataframe(rows, hide_index=True, key="all_runs", column_config=opens)
    with cards.narrow("all_runs"):
        for row, run in list(zip(rows, runs, strict=False))[:MOST_CARDS]:
            cards.show([Card(row["name"], f"{row['owner']}, seen by {row['seen by']}", [row["state"], row["kind"]])])
            frame.link("models", "Open", {"run": run.id})
        if len(runs) > MOST_CARDS:
            st.caption(f"The newest {MOST_CARDS}; a wider screen shows more.")
    st.markdown("## Audit log")
    st.caption(f"The newest lines of `{audit.FILE}` in the home folder, to which lines are only ever added.")
    lines = [_line(line) for line in audit.newest(found.home)]
    with cards.wide("audit"):
        st.dataframe(lines, hide_index=True, key="audit")
    with cards.narrow("audit"):
        cards.show(Card(f"{line['who']} {line['what']}", line["run"], [line["when (UTC)"]]) for line in lines[:MOST])


def _line(line: dict[str, object]) -> dict[str, str]:
    at = datetime.datetime.fromtimestamp(reading.maybe_number(line, "at", 0.0), datetime.UTC)
    texts = {name: str(line.get(key) or "") for name, key in (("who", "title"), ("what", "what"), ("run", "run"))}
    return {"when (UTC)": at.isoformat(" ", "seconds").removesuffix("+00:00"), **texts}
