"""The registry of kinds of run: those of this room, and those that somebody registers from outside."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import cast

from npf_engine import extensions
from npf_engine.errors import InputError
from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import dotted_values, flatten, to_json
from npf_engine.studies.classifier.words import KIND as EXPERIMENT
from npf_engine.studies.factorization.words import KIND as TRAINING
from npf_engine.studies.factorization.words import TRAIN as TRAIN
from npf_engine.studies.kind import Kind as Kind
from npf_engine.studies.kind import Result, ResultT
from npf_engine.studies.kind import SpecT as SpecT
from npf_engine.studies.lab.words import KIND as LAB
from npf_engine.studies.landscape.words import KIND as LANDSCAPE
from npf_engine.studies.recolor.words import KIND as RECOLOR
from npf_engine.studies.reproduction.words import KIND as REPRODUCTION

AnyKind = Kind[Spec, Result]  # of which spec and result shows when they are there
KIND = "kind"  # key of spec.json
KINDS: dict[str, AnyKind] = {}


def register(kind: Kind[SpecT, ResultT]) -> None:
    """Make a kind known to the queue, the command line and the pages of this process. Raises ValueError for a name
    that another kind has."""
    known = cast(AnyKind, kind)
    if KINDS.get(kind.name, known) != known:
        raise ValueError(f"there is a kind of run {kind.name!r} already; give this one another name")
    KINDS[kind.name] = known


for _kind in (TRAINING, LANDSCAPE, EXPERIMENT, LAB, RECOLOR, REPRODUCTION):
    KINDS[_kind.name] = cast(AnyKind, _kind)


def known() -> Mapping[str, AnyKind]:
    """All kinds by name, those of extensions too."""
    extensions.load()
    return KINDS


def find(name: str) -> AnyKind | None:
    """The kind called ``name``; None for one that this version does not know."""
    return known().get(name)


def get(name: str) -> AnyKind:
    """The kind called ``name``. Raises InputError for one that this version does not know."""
    kind = find(name)
    if kind is None:
        why = "; ".join([*extensions.problems(), "update the program, or name its module in NPF_EXTENSIONS"])
        raise InputError(f"this version knows no run of kind {limits.shown(name)}, only {', '.join(KINDS)}; {why}")
    return kind


def of(spec: object) -> AnyKind:
    """The kind that a spec belongs to. Raises InputError where it is none's."""
    for kind in known().values():
        if kind.is_of(spec):
            return kind
    raise InputError(f"{type(spec).__name__} is no spec of a run")


def name_in(data: Mapping[str, object]) -> str:
    """The name of the kind in the JSON of a spec; versions before wrote none for a training."""
    return str(data.get(KIND) or TRAIN)


def spec_to_json(spec: Spec) -> dict[str, object]:
    """Nested dict of plain values, with the kind's name in it."""
    return {KIND: of(spec).name} | to_json(spec)


def spec_from_json(data: Mapping[str, object]) -> Spec:
    """Inverse of spec_to_json: a spec of the kind's own class. Unknown kinds, unknown keys and bad values raise
    InputError."""
    kind = get(name_in(data))
    return kind.with_values(kind.default(), flatten(_settings(data)))


def lenient_spec(data: Mapping[str, object]) -> Spec:
    """The spec in ``data``; settings that this version does not know or accept keep their default.

    A row of an older version must not take the whole list down. Raises InputError for an unknown kind alone.
    """
    kind = get(name_in(data))
    with contextlib.suppress(InputError, TypeError, AttributeError):  # a group that is no object, a key that is none
        return spec_from_json(data)
    spec = kind.default()
    for key in dotted_values(spec):
        value: object = data
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            with contextlib.suppress(InputError):
                spec = kind.with_values(spec, {key: value})
    return spec


def spec_of(data: Mapping[str, object], cls: type[SpecT]) -> SpecT:
    """As ``lenient_spec``, which must be a ``cls``. Raises InputError where it is another kind's."""
    spec = lenient_spec(data)
    if not isinstance(spec, cls):
        raise InputError(f"these are the settings of a run of kind {name_in(data)!r}, and not a {cls.__name__}")
    return spec


def _settings(data: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in data.items() if key != KIND}
