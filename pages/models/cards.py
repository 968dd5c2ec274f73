"""The list of runs as cards, in the place of its table on a narrow screen: the same rows, ticks and ways on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from npf_engine.glossary import typeset
from npf_engine.numbers import number
from npf_engine.runs import finding
from pages.models import ticks
from pages.models.table import Line, View
from ui import states
from ui.runs import VERDICTS

WORDS = ("Kind", "Field", "State")  # of what is no measure, where it is shown


def show(lines: Sequence[Line], view: View, chosen: Sequence[str], opening: Callable[[Line], None]) -> None:
    """Draw a card a row; ``opening`` is called with the row whose name was pressed."""
    for place, line in enumerate(lines):
        with st.container(border=True, gap="xxsmall", key=f"card_{place}"):
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                name = f"{'Fold' if line.group.name in view.opened else 'Unfold'} " if line.sweep else ""
                mark = "★ " if view.baseline is not None and line.group.runs == (view.baseline,) else ""
                label = f":primary[**{name}{mark}{states.plain(line.group.name)}**]"
                if st.button(label, key=f"card_open_{place}", type="tertiary"):
                    opening(line)
                _tick(place, line, chosen)
            st.markdown(_about(line, view))


def _tick(place: int, line: Line, chosen: Sequence[str]) -> None:
    """Choose the row, as the table's ticks do."""
    ticked = set(line.ids) <= set(chosen)
    key = f"card_tick_{place}"
    st.session_state[key] = ticked

    def changed() -> None:
        rows = [line.ids]
        ticks.take(ticks.after(chosen, [] if ticked else rows, rows if ticked else []))

    st.checkbox("Choose", key=key, on_change=changed, width="content")


def _about(line: Line, view: View) -> str:
    """Verdict, what decides it, and the figures, as Markdown."""
    group = line.group
    parts: list[str] = []
    if group.verdict in VERDICTS:
        colour, icon = VERDICTS[group.verdict]
        parts.append(f":{colour}-badge[{icon} {group.verdict}]")
    if group.why:
        parts.append(f":gray[{states.plain(typeset(group.why))}]")
    told = _words(line, view.columns)
    figures = [
        f"{states.plain(item.title)} **{number(found.mean)}**"
        for item in view.measures.values()
        if item.title in view.columns and (found := group.spread(item.name)) is not None
    ]
    lines = [" ".join(parts), " · ".join(told), " · ".join(figures)]
    return "  \n".join(filter(None, lines))


def _words(line: Line, columns: Sequence[str]) -> list[str]:
    group = line.group
    known: Mapping[str, object] = {
        "Kind": finding.title(group.first.kind),
        "Field": group.common("subject"),
        "State": group.state,
    }
    runs = [f"{len(group.runs)} runs"] if line.sweep else []
    return runs + [states.plain(str(known[name])) for name in WORDS if name in columns and known[name]]
