"""The table of runs, a page of it at a time: which columns, what stands in them, ticks, paging. The link holds all."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from npf_engine.glossary import typeset
from npf_engine.runs import finding
from npf_engine.runs.finding import NAME, NEWEST
from npf_engine.runs.groups import Group
from npf_engine.runs.sheet import plain
from npf_engine.runs.summaries import Summary
from npf_engine.studies.kind import Measure
from pages.models import ticks
from ui import frame

WHICH = "page"  # query parameter: the page of the table, from 1
PAGE = 50  # rows: a browser that asks for a thousand waits for them
OPEN = "Open"
# Columns that are no measures: whether they are shown unless somebody hides them.
FIXED = {
    "Verdict": True,
    "Why": True,
    "State": True,
    "Kind": True,
    "Seconds": True,
    "Seed": True,
    "Field": True,
    "Tags": True,
    "Notes": True,
    "Preset": False,
    "Created": True,
    "From": True,
}
MEASURES_AFTER = "Kind"
COUNTED_AFTER = "Verdict"  # how many runs a sweep has, where there is one


@dataclass(frozen=True)
class Line:
    """A row of the table: a single run, a sweep, or a run of an open sweep (``below``)."""

    group: Group
    below: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The runs that a tick of this row takes."""
        return tuple(run.id for run in self.group.runs)

    @property
    def sweep(self) -> bool:
        """Whether it stands for several."""
        return self.group.swept and not self.below


@dataclass(frozen=True)
class View:
    """How the table is shown: which columns, beside which baseline, which sweeps are open; elsewhere: how many runs
    are about something else than the baseline."""

    measures: Mapping[str, Measure]
    columns: Sequence[str]
    baseline: Summary | None
    opened: Sequence[str]
    elsewhere: int = 0


def with_order(columns: Sequence[str], order: str) -> list[str]:
    """The columns with the one that the list is sorted by among the first, where it is one."""
    if order in (NEWEST, NAME):
        return list(columns)
    rest = [name for name in columns if name != order]
    at = rest.index(COUNTED_AFTER) + 1 if COUNTED_AFTER in rest else 0
    return [*rest[:at], order, *rest[at:]]


def names(measures: Mapping[str, Measure]) -> dict[str, bool]:
    """The columns that there may be, in their order -> whether they are shown unless somebody hides them."""
    found: dict[str, bool] = {}
    for name, shown in FIXED.items():
        found[name] = shown
        if name == MEASURES_AFTER:
            found |= {item.title: item.shown for item in measures.values()}
    return found


def page_of(groups: Sequence[Group], view: View) -> list[Line]:
    """The rows of the page that the link names."""
    first = _first(len(groups))
    return lines_of(groups[first : first + PAGE], view)


def show(lines: Sequence[Line], view: View, chosen: list[str], opening: Callable[[Line], None]) -> None:
    """Draw a page of the table; ticks go to the link, ``opening`` is called with the row whose button was pressed."""
    # Another list of rows is another table: ticks are by row number and would move to other runs.
    # A run that stands in two rows is ticked in both.
    doubled = bool(view.opened) or (view.baseline is not None and view.baseline.sweep is not None)
    parts = [*(line.ids for line in lines), tuple(view.columns), *([tuple(chosen)] if doubled else [])]
    key = f"runs_{frame.key_of(str(hash(tuple(parts))))}"
    ticked = [number for number, line in enumerate(lines) if set(line.ids) <= set(chosen)]
    st.dataframe(
        cells(lines, view),
        key=key,
        hide_index=True,
        width="stretch",
        height="content" if len(lines) < 10 else 400,
        column_config=_config(view, key, any(line.sweep for line in lines)),
        on_select=lambda: ticks.changed(key, [line.ids for line in lines], ticked, chosen),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": ticked}},  # type: ignore[typeddict-item]
        placeholder="–",
        alt="Table of runs with their kind, state, verdict and measures",
    )
    pressed = st.session_state.get(f"{key}_open")
    if pressed is not None and 0 <= pressed["row"] < len(lines):
        opening(lines[pressed["row"]])


def lines_of(groups: Sequence[Group], view: View) -> list[Line]:
    """The rows of these entries: the baseline before all, the runs of an open sweep below it."""
    lines = []
    if view.baseline is not None:
        lines.append(Line(Group(view.baseline.name, (view.baseline,), False)))
    for group in groups:
        if group.runs == (view.baseline,):
            continue
        lines.append(Line(group))
        if group.swept and group.name in view.opened:
            lines += [Line(Group(run.name, (run,), False), below=True) for run in group.runs]
    return lines


def cells(lines: Sequence[Line], view: View) -> Mapping[str, Sequence[object]]:
    """Column -> what stands in it. A sweep has the mean, and beside it its spread and number where one is shown."""
    groups = [line.group for line in lines]
    sweeps = any(line.sweep for line in lines)
    columns: dict[str, Sequence[object]] = {"Name": [_name(line, view) for line in lines]}
    columns[OPEN] = [_button(line, view) for line in lines]
    counts = [_count(group) for group in groups]
    if sweeps and COUNTED_AFTER not in view.columns:
        columns["Runs"] = counts
    for name in view.columns:
        item = next((item for item in view.measures.values() if item.title == name), None)
        if item is None:
            columns[name] = [_fixed(name, group) for group in groups]
        else:
            columns |= _measured(item, groups, view.baseline, sweeps)
        if sweeps and name == COUNTED_AFTER:
            columns["Runs"] = counts
    return columns


def _count(group: Group) -> str:
    """How many runs a sweep has, and how many of them its means are of."""
    done = sum(run.state == "done" for run in group.runs)
    return str(done) if done == len(group.runs) else f"{done} of {len(group.runs)}"


def _measured(
    item: Measure, groups: Sequence[Group], baseline: Summary | None, sweeps: bool
) -> dict[str, Sequence[object]]:
    spreads = [group.spread(item.name) for group in groups]
    columns: dict[str, Sequence[object]] = {item.title: [found and found.mean for found in spreads]}
    if sweeps:
        columns[f"± {item.title}"] = [found and found.std for found in spreads]
    if baseline is not None:
        base = baseline.measures.get(item.name)
        columns[f"Δ {item.title}"] = [
            None if found is None or base is None or group.runs == (baseline,) else found.mean - base
            for found, group in zip(spreads, groups, strict=True)
        ]
    return columns


def _name(line: Line, view: View) -> str:
    if view.baseline is not None and line.group.runs == (view.baseline,) and not line.below:
        return f"★ {line.group.name}"
    return f"↳ {line.group.name}" if line.below else plain(line.group.name)


def _button(line: Line, view: View) -> str:
    if not line.sweep:
        return OPEN
    return "Fold" if line.group.name in view.opened else "Unfold"


def _fixed(name: str, group: Group) -> object:
    """What stands in a column that is no measure; of a sweep, what its runs have in common."""
    if name == "Kind":
        return finding.title(group.first.kind)
    if name == "Created":
        return datetime.datetime.fromtimestamp(group.first.created, datetime.UTC)
    if name in ("State", "Verdict", "Seconds"):
        return getattr(group, name.lower())
    if name == "Why":
        return plain(typeset(group.why)) or None
    found = group.common({"Field": "subject", "From": "source"}.get(name, name.lower()))
    if name == "Tags":
        return [plain(tag) for tag in found] if isinstance(found, tuple) else []
    return plain(found) if isinstance(found, str) else found


def _first(count: int) -> int:
    """The first row that is shown, of ``count``: the link's page, or the last one there is."""
    asked = st.query_params.get(WHICH, "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    return PAGE * (min(max(number, 1), -(-count // PAGE)) - 1)


def turn(count: int) -> None:
    """Which of ``count`` entries these are, and the pages before and after, where there are any."""
    if count <= PAGE:
        return
    first = _first(count)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="pages"):
        for label, icon, to in (
            ("Previous", ":material/chevron_left:", first - PAGE),
            ("Next", ":material/chevron_right:", first + PAGE),
        ):
            if st.button(label, icon=icon, key=f"page_{label.lower()}", disabled=not 0 <= to < count):
                st.query_params[WHICH] = str(to // PAGE + 1)
                st.rerun()
        st.markdown(f":gray[{first + 1:,} to {min(first + PAGE, count):,} of {count:,}]", width="content")


def _config(view: View, key: str, sweeps: bool) -> Mapping[str, ColumnConfig]:
    column = st.column_config
    found: dict[str, ColumnConfig] = {
        # Name, page and verdict are seen together on a screen of 420 pixels.
        "Name": column.TextColumn(width=165, pinned=True),
        OPEN: column.ButtonColumn("Page", width=75, type="secondary", key=f"{key}_open", help="The run's own page"),  # type: ignore[dict-item]
        "Runs": column.TextColumn(
            width="small", help="Runs of the sweep that are done, of how many; the means are of these"
        ),
        "Kind": column.TextColumn(width=90),
        "State": column.TextColumn(width=160 if sweeps else 72, help="Of a sweep: how many of its runs are in which"),
        "Verdict": column.TextColumn(width=82, help="Of a sweep: the lowest of its runs'"),
        "Why": column.TextColumn(
            width=150,
            help="The figure that keeps the verdict from being better: what it has beyond chance, and up to where that "
            "is good. Empty where no figure is over its limit. Of a sweep: of its worst run",
        ),
        "Seconds": column.NumberColumn(format="%.0f", width="small", help="Of the whole run; of a sweep: of all"),
        "Seed": column.NumberColumn(format="%d", width="small"),
        "Field": column.TextColumn(width="medium", help="What the run is about: a field, a task, a picture"),
        "Tags": column.ListColumn(width="small"),
        "Notes": column.TextColumn(width="medium"),
        "Preset": column.TextColumn(width="small"),
        "Created": column.DatetimeColumn(format="distance", width="small"),
        "From": column.TextColumn(width="small"),
    }
    for item in view.measures.values():
        best = {-1: "; less is better", 1: "; more is better"}.get(item.better, "")
        about = f"{item.about or item.title}{best}"
        found[item.title] = column.NumberColumn(help=about, format="%.4g", width="small")
        found[f"± {item.title}"] = column.NumberColumn(
            help=f"Standard deviation over the runs of a sweep. {about}", format="%.2g", width="small"
        )
        found[f"Δ {item.title}"] = column.NumberColumn(
            help=f"Difference from the baseline. {about}", format="%+.3g", width="small"
        )
    return found
