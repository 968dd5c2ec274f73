"""What people call a field, from its spec or from what a row of the table says of it."""

from __future__ import annotations

from collections.abc import Mapping

from npf_engine.fields import stored_files
from npf_engine.fields.sources import formula, place
from npf_engine.fields.spec import FieldSpec


def source_title(spec: FieldSpec) -> str:
    """A name for people: the file's name, the formula, the place."""
    return _title(spec.source, spec.expression, spec.bounds, spec.time)


def title_in(settings: Mapping[str, object]) -> str:
    """``source_title`` of the field in a run's settings as the table has them, whatever stands there: a list of a
    thousand runs must not make a thousand specs."""
    found = settings.get("field")
    field: Mapping[str, object] = found if isinstance(found, dict) else {}
    source, texts, bounds, time = (field.get(key) for key in ("source", "expression", "bounds", "time"))
    return _title(
        source if isinstance(source, str) else FieldSpec().source,
        tuple(map(str, texts)) if isinstance(texts, list) else (),
        tuple(bounds) if isinstance(bounds, list) and all(isinstance(edge, int | float) for edge in bounds) else None,
        time if isinstance(time, str) else "",
    )


def at_time(title: str, time: str) -> str:
    """The title of gridded data with the time that was chosen, where one was."""
    return f"{title}, time {time}" if time and time not in ("0", "#0") else title


def _title(source: str, texts: tuple[str, ...], bounds: tuple[float, ...] | None, time: str) -> str:
    if source == "expression":
        return formula.title_of(texts)
    return place.title_of(bounds) if source == "coordinates" else at_time(stored_files.title_of(source), time)
