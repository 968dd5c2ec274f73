"""Runs held beside one another: the settings in which they differ."""

from __future__ import annotations

from collections.abc import Sequence

from npf_engine.runs.schema import Run
from npf_engine.settings.dotted import as_text, dotted_values, flatten
from npf_engine.studies import kinds

ASIDE = (kinds.KIND, "name")  # what tells runs apart anyway
NONE = "–"  # of a setting that a kind has not


def settings_of(run: Run) -> dict[str, str]:
    """Dotted key -> text of every setting; those that the run's version did not have as they are by default."""
    kind = kinds.find(run.kind)
    known = {} if kind is None else dotted_values(kind.default())
    given = flatten(run.spec_json)
    aside = ASIDE if kind is None or kind.names_runs else ASIDE[:1]
    return {key: as_text(value) for key, value in (known | given).items() if key not in aside}


def differing(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Dotted key -> the value of each run, of the settings that are not the same for all."""
    found = [settings_of(run) for run in runs]
    keys = dict.fromkeys(key for settings in found for key in settings)
    values = {key: [settings.get(key, NONE) for settings in found] for key in keys}
    return {key: row for key, row in values.items() if len(set(row)) > 1}
