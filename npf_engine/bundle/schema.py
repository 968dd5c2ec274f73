"""The schema of the JSON in a bundle: what each key may hold, one place a key; unknown keys are bounded and kept.

``config`` and ``report`` are read strictly, with a sentence for the first thing that is wrong; what is in the table and
in the folders already is cleaned instead (bundle/cleaning.py).
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from npf_engine.errors import InputError
from npf_engine.settings import limits

MAX_JSON = 16 * 2**20  # bytes of one file
MAX_NODES = 400_000  # values in it: a Gaussian map has d^2
MAX_NESTED = 16
MAX_MAGNITUDE = 1e300
MAX_KEYS = 2000  # of one object
DIGITS = 18  # of a whole number; more become a real one, which may be infinite and is then refused


def _printable(text: str) -> str:
    bad = limits.unprintable(text)
    if bad:
        raise ValueError(f"holds the character {bad}, which cannot be printed")
    return text


Number = Annotated[float, Field(ge=-MAX_MAGNITUDE, le=MAX_MAGNITUDE, allow_inf_nan=False, strict=True)]
Whole = Annotated[int, Field(ge=0, le=2**53, strict=True)]
Share = Annotated[float, Field(ge=0, le=limits.MAX_SECONDS * 100, allow_inf_nan=False, strict=True)]
Word = Annotated[str, Field(max_length=limits.MAX_NAME, strict=True), AfterValidator(_printable)]
Sentence = Annotated[str, Field(max_length=limits.MAX_SENTENCE, strict=True), AfterValidator(_printable)]
Axis = Annotated[list[Number], Field(min_length=1, max_length=limits.MAX_D)]


Numbers = dict[Word, Number | None]


class Part(BaseModel):
    """An object whose known keys are typed; others are kept as they came, within the bounds of ``tree``."""

    model_config = ConfigDict(extra="allow")


class ScalingPart(Part):
    """Of config.json."""

    offset: Axis
    scale: Axis


class UnitsPart(Part):
    """Of config.json."""

    axes: Annotated[list[Word], Field(max_length=limits.MAX_D)]
    position: Annotated[list[Word], Field(max_length=limits.MAX_D)]
    value: Word


class FieldPart(Part):
    """Of config.json: the field that was trained on."""

    name: Sentence
    spec: dict[str, object]


class InfoPart(Part):
    """Of config.json: how the training went."""

    kind: Literal["samples", "function"] | None = None
    n: Whole | None = None
    seconds: dict[Word, Share | None] = {}
    warnings: Annotated[list[Sentence], Field(max_length=200)] = []
    provenance: dict[str, object] = {}


class Config(Part):
    """config.json: how to build the networks, the scaling, the conventions, the run's name and spec."""

    format: Whole
    name: Word | None = None
    d: Annotated[int, Field(ge=1, le=limits.MAX_D, strict=True)]
    dtype: Literal["float32", "float64"]
    networks: dict[str, dict[str, object]]
    scaling: ScalingPart
    units: UnitsPart
    rho: Literal["box", "disc", "gaussian", "land", "samples"]
    low: Axis
    high: Axis
    field: FieldPart
    sampler: Literal["bridge", "heun"]
    sampler_steps: Annotated[int, Field(ge=1, le=limits.MAX_SAMPLER_STEPS, strict=True)]
    guide_steps: Annotated[int, Field(ge=0, le=limits.MAX_GUIDE_STEPS, strict=True)] = 0
    redraws: Annotated[int, Field(ge=0, le=limits.MAX_REDRAWS, strict=True)] = 0
    info: InfoPart
    conventions: dict[Word, Sentence] = {}
    spec: dict[str, object] | None = None


class Measured(Part):
    """A value between its floor and its trivial answer; every number may be missing."""

    value: Number | None = None
    self_distance: Number | None = None
    paper_self_distance: Number | None = None
    ratio: Number | None = None
    se: Number | None = None
    trivial: Number | None = None
    n: Number | None = None
    eps: Number | None = None
    draws: Number | None = None


Figure = Number | Word | bool | None
Figures = dict[Word, Figure | dict[Word, Figure] | list[Figure]]


class Miss(Part):
    """How far F misses the value asked for, at drawn pre-images and after they were carried to exact ones."""

    mean: Number | None = None
    median: Number | None = None
    beyond_half: Number | None = None
    self_distance: Number | None = None
    trivial: Number | None = None
    own_error: Number | None = None
    n: Number | None = None
    known: Word | None = None
    exact: Numbers | None = None


class Metrics(Part):
    """The accuracy table of report.json. A figure that has no class here is numbers and words by name."""

    __pydantic_extra__: dict[str, Figures | Figure] = Field(init=False)

    pushforward: Measured | None = None
    measure_preservation: Measured | None = None
    measure_preservation_implicit: Measured | None = None
    pushforward_sliced: Measured | None = None
    measure_preservation_sliced: Measured | None = None
    measure_preservation_local: Measured | None = None
    measure_preservation_hole: Measured | None = None
    inverse: Measured | None = None
    reconstruction: Numbers | None = None
    map_error: Numbers | None = None
    inverse_cosine: Numbers | None = None
    inverse_l2: Numbers | None = None
    inverse_miss: Miss | None = None
    test_dual: Numbers | None = None


class Report(Part):
    """report.json: what ``train --json`` printed."""

    metrics: Metrics
    verdict: Word | None = None
    verdict_reason: Sentence | None = None
    seconds: dict[Word, Share | None] | None = None
    device: Word | None = None
    threads: Whole | None = None
    seed: Whole | None = None
    fingerprint: Word | None = None


class Environment(Part):
    """environment.json: the software and the kind of machine."""

    npf_engine: Word | None = None
    python: Word | None = None
    system: Word | None = None
    machine: Word | None = None
    device: Word | None = None
    threads: Whole | None = None
    packages: dict[Word, Word | None] = {}


def parse(where: str, data: bytes) -> dict[str, object]:
    """The JSON object in ``data``, its size, depth, numbers and texts bounded. Raises InputError that begins with
    ``where``, the file and its bundle."""
    if len(data) > MAX_JSON:
        raise InputError(f"{where} has {len(data) / 2**20:.0f} MB of JSON, which no bundle needs; it is refused")
    try:
        found = json.loads(data, parse_int=_whole)
    except (ValueError, RecursionError):
        raise InputError(f"{where} is not JSON; the bundle is damaged, download it again") from None
    if not isinstance(found, dict):
        raise InputError(f"{where} holds no settings; the bundle was not written by this program")
    problem = tree(found)
    if problem:
        raise InputError(f"{where}: {problem}; the bundle was not written by this program")
    return found


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= DIGITS else float(text)


def tree(data: object) -> str | None:
    """What is wrong with a JSON value as a whole: too deep, too many values, a number that is none, a text that cannot
    be printed; None where nothing is."""
    count, stack = 0, [(data, "", 0)]
    while stack:
        value, path, depth = stack.pop()
        count += 1
        if count > MAX_NODES:
            return f"more than {MAX_NODES:,} values"
        if depth > MAX_NESTED:
            return f"{path[:80]} is nested more than {MAX_NESTED} deep"
        if isinstance(value, str):
            bad = limits.unprintable(value, lines=True)
            if bad or len(value) > limits.MAX_SENTENCE:
                say = f"holds the character {bad}" if bad else f"is a text of {len(value):,} characters"
                return f"{path[:80] or 'it'} {say}"
        elif isinstance(value, dict):
            if len(value) > MAX_KEYS:
                return f"{path[:80] or 'it'} has {len(value):,} keys"
            for key, item in value.items():
                if len(key) > limits.MAX_NAME or limits.unprintable(key):
                    return f"{path[:80] or 'it'} has the key {limits.shown(key)}"
                stack.append((item, f"{path}.{key}".lstrip("."), depth + 1))
        elif isinstance(value, list):
            stack += [(item, path, depth + 1) for item in value]
        elif isinstance(value, int | float) and not isinstance(value, bool) and not plain(value):
            return f"{path[:80] or 'it'} is a number that is not finite"
    return None


def plain(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= MAX_MAGNITUDE


def check(where: str, model: type[BaseModel], data: dict[str, object]) -> None:
    """InputError, one sentence, for the first key of ``data`` that is not what ``model`` says."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("function-", "dict[", "constr")))
        given = "" if first["type"] == "missing" else f", not {limits.shown(first['input'])}"
        message = str(first["msg"]).removeprefix("Value error, ")
        raise InputError(
            f"{where}: {key[:120]}: {message[:1].lower() + message[1:][:120]}{given}; "
            "the bundle was not written by this program"
        ) from None
