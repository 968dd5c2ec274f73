"""Models: which runs are there, how good are they, and what can be done with them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.runs import finding
from npf_engine.runs.groups import Group, grouped
from npf_engine.runs.summaries import Summary
from pages.models import cards, choice, compare, describe, detail, follow, importing, table, ticks
from ui import frame, states
from ui.runs import store


def main() -> None:
    frame.title(
        "Models", "Which runs are there, how good are they, and which do I want?", ("grad_u", "law", "M_xi", "I")
    )
    importing.show()
    describe.told()
    runs = store().summaries()
    known = {run.id: run for run in runs}
    if not runs and not _unlisted(known, ()):
        states.empty(
            "No runs yet",
            "Train a model, or import a bundle that somebody gave you.",
            "train",
            "Train a model",
            icon=":material/inventory_2:",
        )
    if not runs:
        return
    follow.until_changed(runs)
    chosen = ticks.chosen(known)
    view = st.container(horizontal=True, vertical_alignment="bottom", key="models_view")
    with view:
        words = choice.words()
    found = choice.wanted(runs, words).found(runs)
    if found:
        with view:
            groups, shown = _arranged(found, choice.baseline(known))
        lines = table.page_of(groups, shown)
        with st.container(key="models_wide"):
            table.show(lines, shown, chosen, _open)
            _caption(shown)
        with st.container(key="models_narrow"):  # in its place on a narrow screen
            cards.show(lines, shown, chosen, _open)
        table.turn(len(groups))
    else:
        st.info("No run matches the filter.", icon=":material/filter_alt_off:")
    if st.session_state.pop(ticks.MANY, False):
        st.info(f"{ticks.MOST} runs can be compared at a time; the first {ticks.MOST} are shown.")
    tags = sorted({tag for run in runs for tag in run.tags}, key=str.lower)
    if _unlisted(known, tags):
        return
    if len(chosen) == 1:
        detail.show(store().get(chosen[0]), tags)
    elif chosen:
        several = store().several(chosen)
        with st.container(horizontal=True, key="models_several"):
            describe.tag_all(several, tags)
            st.button("Untick all", icon=":material/remove_done:", key="untick", on_click=ticks.take, args=([],))
        compare.show(several, [known[run.id] for run in several])
    else:
        st.caption("Choose one run for what can be done with it, two or more to compare them.")


def _unlisted(known: Mapping[str, Summary], tags: Sequence[str]) -> bool:
    """The run of the link that stands in no list of the visitor's; whether the link names such a one and he may see
    it. It alone is shown, whatever else is ticked."""
    run_id = ticks.unlisted(known)
    if run_id is None:
        return False
    run = store().find(run_id)
    if run is None:
        st.warning(
            "This run is not here: it was deleted, the link comes from another machine, or its owner does not share "
            "it.",
            icon=":material/search_off:",
        )
        return False
    detail.show(run, tags)
    return True


def _arranged(found: list[Summary], base: Summary | None) -> tuple[list[Group], table.View]:
    """The entries in their order, and how they are shown, as the widgets say that this draws."""
    measures = finding.measures(found)
    order, reverse = choice.order(measures)
    columns = table.with_order(choice.columns(measures), order)
    if base is not None:
        choice.pin_button(base.id)
    groups = finding.ordered(grouped(found), order, reverse, measures.values())
    return groups, table.View(measures, columns, base, choice.opened(), _elsewhere(found, base))


def _elsewhere(found: list[Summary], base: Summary | None) -> int:
    """How many of the runs are about something else than the baseline."""
    return 0 if base is None else sum((run.kind, run.subject) != (base.kind, base.subject) for run in found)


def _caption(shown: table.View) -> None:
    base = shown.baseline
    st.caption(
        "∇u♯ρ, M♯ρ and Inverse are ratios, value over floor: 1, or a little less by chance, is as good as another "
        "sample of the truth; Miss is a share of F's spread: 0 is best. The verdict is that of the worst figure of the "
        "accuracy table, of which these are four; *Why* names it."
        + (f" Δ: the difference from {states.plain(base.name)}, the baseline." if base is not None else "")
        + (f" {shown.elsewhere} of the runs listed are of another field or kind: another task." * bool(shown.elsewhere))
    )


def _open(line: table.Line) -> None:
    """The page of a run; a sweep unfolds."""
    if line.sweep:
        choice.toggle(line.group.name)
        st.rerun()
    run = line.group.first
    page = frame.page_for(run.kind, run.state)
    if page == "models":
        ticks.take([run.id])
        st.rerun()
    frame.go(page, {"run": run.id})


try:
    main()
except InputError as error:
    states.problem(error)
