"""A field, or a whole training, in the query parameters of a link: only what differs from the defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.fields.sources import formula, place
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings import limits
from npf_engine.studies.factorization.spec import TrainingSpec, base_of, leaves, preset, with_values
from npf_engine.tasks import layout

FIELD = "field."


def to_query(spec: FieldSpec) -> dict[str, str]:
    """Query parameters of a field: leaf -> text, for the leaves that are not at their default."""
    default = leaves(FieldSpec())
    return {key: as_text(value) for key, value in leaves(spec).items() if value != default[key]}


def from_query(params: Mapping[str, str]) -> FieldSpec:
    """The field of a link; parameters that are no leaf of a field are left alone. Raises InputError."""
    known = leaves(FieldSpec())
    values = {FIELD + key: checked(key, value) for key, value in params.items() if key in known}
    spec = with_values(TrainingSpec(), values).field
    check_source(spec.source)
    return spec


def training_to_query(spec: TrainingSpec) -> dict[str, str]:
    """Query parameters of a training: its field, preset and solver, and the dotted leaves that differ from those."""
    base = leaves(base_of(spec)) | {"solver": preset(spec.preset).solver}
    query = to_query(spec.field)
    if spec.preset != TrainingSpec().preset:
        query["preset"] = spec.preset
    for key, value in leaves(spec).items():
        if not key.startswith(FIELD) and key != "preset" and value != base[key]:
            query[key] = as_text(value)
    return query


def training_from_query(params: Mapping[str, str]) -> TrainingSpec:
    """The training of a link: field, preset, and dotted leaves such as ``u.pair_size=500``. Raises InputError."""
    spec = preset(params.get("preset") or TrainingSpec().preset)
    known = [key for key in leaves(spec) if not key.startswith(FIELD) and key != "preset"]
    spec = with_values(spec, {key: checked(key, params[key]) for key in known if key in params})
    return with_values(spec, {FIELD + key: value for key, value in leaves(from_query(params)).items()})


def as_text(value: Any) -> str:
    """A setting as the text of a query parameter."""
    if value is None:
        return "none"
    return json.dumps(value) if isinstance(value, tuple) else str(value)


def checked(key: str, value: str) -> str:
    """The text of a query parameter. Raises InputError for one that comes from no link of ours."""
    if len(value) > limits.MAX_LINK:
        raise InputError(f"the link's {key} is longer than {limits.MAX_LINK} characters; choose the field again")
    limits.check_text(f"the link's {key}", value, limits.MAX_LINK, lines=True)
    return value


def check_source(source: str) -> None:
    """A link may name a file only where this program keeps files: it must not make the server read any other."""
    if not source.strip():
        raise InputError("the link's field has no source; choose the field again")
    limits.check_text("the link's source", source)
    limits.check_path("the link's source", source)
    source = source.strip()  # as fields.catalog reads it: what is judged here must be what is opened there
    if stored_files.is_upload(source):
        return  # by what is in it: nothing can be named that was not uploaded
    path = Path(source)
    home_of_somebody = source.startswith("~")
    if not (path.is_absolute() or len(path.parts) > 1 or path.exists() or home_of_somebody):
        return
    allowed = [layout.home(), *([Path(os.environ["NPF_DEM_DIR"])] if os.environ.get("NPF_DEM_DIR") else [])]
    if home_of_somebody or not any(path.resolve().is_relative_to(folder.resolve()) for folder in allowed):
        raise InputError(f"a link cannot open the file {limits.shown(source)}; upload it on the Field page")


def source_title(spec: FieldSpec) -> str:
    """A name for people: the file's name, the formula, the place."""
    return _title(spec.source, spec.expression, spec.bounds)


def title_in(settings: Mapping[str, Any]) -> str:
    """``source_title`` of the field in a run's settings as the table has them, whatever stands there: a list of a
    thousand runs must not make a thousand specs."""
    found = settings.get("field")
    field: Mapping[str, Any] = found if isinstance(found, dict) else {}
    source, texts, bounds = (field.get(key) for key in ("source", "expression", "bounds"))
    return _title(
        source if isinstance(source, str) else FieldSpec().source,
        tuple(map(str, texts)) if isinstance(texts, list) else (),
        tuple(bounds) if isinstance(bounds, list) and all(isinstance(edge, int | float) for edge in bounds) else None,
    )


def _title(source: str, texts: tuple[str, ...], bounds: tuple[float, ...] | None) -> str:
    if source == "expression":
        return formula.title_of(texts)
    return place.title_of(bounds) if source == "coordinates" else stored_files.title_of(source)
