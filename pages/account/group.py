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
from ui import frame
from ui.runs import store

MOST = 500  # runs that are shown


def show() -> None:
    """People, runs, audit log; each of them is asked for by the store of an administrator."""
    found = store()
    runs, titles = found.everyone(), found.ledger.titles()
    st.markdown("## People")
    st.dataframe(
        [
            {
                "name": title,
                "last here": frame.ago(time.time() - seen),
                "runs": sum(run.owner == person for run in runs),
                "in the queue": sum(run.owner == person and run.state in ACTIVE for run in runs),
                "MB": round(found.on_disk(Viewer(person)) / MB, 1),
                "id": person,
            }
            for person, title, seen in found.ledger.people()
        ],
        hide_index=True,
        key="people",
    )
    st.markdown("## Runs of all")
    st.dataframe(
        [
            {
                "name": run.name,
                "owner": titles.get(run.owner, "nobody" if not run.owner else run.owner),
                "seen by": run.visibility,
                "state": run.state,
                "kind": run.kind,
                "open": f"models?run={run.id}",
            }
            for run in runs[:MOST]
        ],
        hide_index=True,
        key="all_runs",
        column_config={"open": st.column_config.LinkColumn(display_text="Open")},
    )
    st.markdown("## Audit log")
    st.caption(f"The newest lines of `{audit.FILE}` in the home folder, to which lines are only ever added.")
    st.dataframe([_line(line) for line in audit.newest(found.home)], hide_index=True, key="audit")


def _line(line: dict[str, object]) -> dict[str, str]:
    at = datetime.datetime.fromtimestamp(reading.maybe_number(line, "at", 0.0), datetime.UTC)
    texts = {name: str(line.get(key) or "") for name, key in (("who", "title"), ("what", "what"), ("run", "run"))}
    return {"when (UTC)": at.isoformat(" ", "seconds").removesuffix("+00:00"), **texts}
