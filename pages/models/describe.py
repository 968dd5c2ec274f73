"""Tags and notes of runs, kept beside them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from npf_engine.runs.marks import MAX_TAGS, checked_tags
from npf_engine.runs.schema import Run
from npf_engine.settings.limits import MAX_SENTENCE
from ui import states
from ui.runs import store

KEPT = "described"  # session: the run whose tags and notes have just been kept


def told() -> None:
    """Say once that tags and notes are kept."""
    name = st.session_state.pop(KEPT, None)
    if name is not None:
        st.toast(f"Tags and notes of {states.plain(name)} are kept.", icon=":material/check:")


def edit(run: Run, known: Sequence[str]) -> None:
    """Tags and notes of one run; ``known``: the tags that others have."""
    if run.source == "gallery" or not store().may_change(run):
        return
    with st.form(f"describe_{run.id}", border=False):
        tags = st.multiselect(
            "Tags",
            sorted({*known, *run.tags}, key=str.lower),
            list(run.tags),
            key=f"tags_{run.id}",
            accept_new_options=True,
            max_selections=MAX_TAGS,
            placeholder="type a word and press Enter",
        )
        notes = st.text_area("Notes", run.notes, key=f"notes_{run.id}", max_chars=MAX_SENTENCE, height=80)
        if st.form_submit_button("Keep", icon=":material/save:", key=f"describe_keep_{run.id}"):
            with states.told():
                store().describe(run.id, tags, notes)
                st.session_state[KEPT] = run.name
                st.rerun()


def tag_all(runs: Sequence[Run], known: Sequence[str]) -> None:
    """Give all of these runs a tag."""
    own = [run for run in runs if run.source != "gallery" and store().may_change(run)]
    with st.popover("Tag them", icon=":material/label:", key="tag_all"), st.form("tag_all_form", border=False):
        tags = st.multiselect("Tags to add", list(known), key="tag_all_tags", accept_new_options=True)
        if st.form_submit_button("Add", type="primary", key="tag_all_add"):
            with states.told():
                # as they are now, which may be since somebody else tagged; checked before the first is written
                wanted = {run.id: checked_tags([*store().get(run.id).tags, *tags]) for run in own}
                for run_id, every in wanted.items():
                    store().describe(run_id, every)
                st.rerun()
