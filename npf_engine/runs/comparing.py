"""Runs held beside one another: the settings in which they differ, their measures, as one table."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from npf_engine.runs import finding
from npf_engine.runs.schema import Run
from npf_engine.runs.sheet import Cell, Sheet
from npf_engine.runs.summaries import Summary
from npf_engine.settings.dotted import as_text, dotted_values, flatten
from npf_engine.studies import kinds

ASIDE = (kinds.KIND, "name")  # what tells runs apart anyway
NONE = "–"  # of a setting that a kind has not


def settings_of(run: Run) -> dict[str, str]:
    """Dotted key -> text of every setting; those that the run's version did not have as they are by default."""
    kind = kinds.find(run.kind)
    known = {} if kind is None else _defaults(kind.name)
    given = {key: as_text(value) for key, value in flatten(run.spec_json).items()}
    aside = ASIDE if kind is None or kind.names_runs else ASIDE[:1]
    return {key: text for key, text in (known | given).items() if key not in aside}


@functools.lru_cache(maxsize=32)
def _defaults(name: str) -> dict[str, str]:
    return {key: as_text(value) for key, value in dotted_values(kinds.get(name).default()).items()}


def differing(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Dotted key -> the value of each run, of the settings that are not the same for all."""
    found = [settings_of(run) for run in runs]
    keys = dict.fromkeys(key for settings in found for key in settings)
    values = {key: [settings.get(key) or NONE for settings in found] for key in keys}
    return {key: row for key, row in values.items() if len(set(row)) > 1}


def sheet(runs: Sequence[Run], summaries: Sequence[Summary]) -> Sheet:
    """A line a run: its name, the settings that differ, every measure that any of them has, verdict and seconds."""
    changed, measures = differing(runs), finding.measures(summaries)
    rows: list[tuple[Cell, ...]] = []
    for number, summary in enumerate(summaries):
        settings: list[Cell] = [values[number] for values in changed.values()]
        figures: list[Cell] = [summary.measures.get(name) for name in measures]
        rows.append((summary.name, *settings, *figures, summary.verdict, summary.seconds))
    titles = [item.title for item in measures.values()]
    return Sheet(("Name", *changed, *titles, "Verdict", "Seconds"), tuple(rows))


def one_field(runs: Sequence[Run]) -> bool:
    """Whether all are trainings that are done, on the same field."""
    if any(run.kind != kinds.TRAIN or run.state != "done" for run in runs):
        return False
    return same_field(runs)


def same_field(runs: Sequence[Run]) -> bool:
    """Whether the settings of the field are the same for all."""
    fields = [{key: text for key, text in settings_of(run).items() if key.startswith("field.")} for run in runs]
    return all(field == fields[0] for field in fields)


def told_apart(names: Sequence[str]) -> list[str]:
    """The names, the second of one that stands twice with a number behind it, and so on."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return out
