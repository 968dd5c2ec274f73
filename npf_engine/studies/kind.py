"""What a kind of run is: a spec, a function that does what it says, a typed result, and the words for all of it.

A kind is a folder of this room, ``studies/KIND/``: ``spec.py`` (what can be set), ``run.py`` (what is done),
``result.py`` (what comes out, with its verdict) and ``words.py`` (what people call it). One from outside the package
is a module that calls ``kinds.register`` (npf_engine/extensions.py says how it is found).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar, cast

from npf_engine.measures.verdict import GOOD, Verdict, level_of_row
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import dotted_values, with_dotted
from npf_engine.settings.setting import declared
from npf_engine.tasks.recorder import Recorder

T = TypeVar("T")
MOST = 1e30  # a figure beyond it is none


class Result(Protocol):
    """What a run answers. ``to_json`` is what report.json holds and ``--json`` prints, the verdict in it."""

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None where there is nothing to compare with."""

    def to_json(self) -> dict[str, object]:
        """Plain data: "verdict" and "verdict_reason" where there is a verdict, "seconds" {"total", ...}."""


SpecT = TypeVar("SpecT", bound=Spec)
ResultT = TypeVar("ResultT", bound=Result)


@dataclass(frozen=True)
class Told:
    """The result of a kind that has no type of its own for it: what its function returned."""

    data: Mapping[str, object]

    @property
    def verdict(self) -> Verdict | None:
        """As its keys "verdict" and "verdict_reason" say."""
        return verdict_in(self.data)

    def to_json(self) -> dict[str, object]:
        """The same as a dict."""
        return dict(self.data)

    @classmethod
    def of_json(cls, data: Mapping[str, object]) -> Told:
        """Inverse of ``to_json``."""
        return cls(data)


def verdict_in(data: Mapping[str, object]) -> Verdict | None:
    """The verdict that a report carries, in today's words; None for none."""
    level = level_of_row(str(data.get("verdict")))
    return None if level is None else Verdict(level, str(data.get("verdict_reason") or ""))


@dataclass(frozen=True)
class Stage:
    """What people call a stage of a run, and a sentence on what it does (empty: the title says it)."""

    title: str
    about: str = ""


@dataclass(frozen=True)
class Words:
    """What pages and the command line call a kind of run and its parts.

    title: of one run; summary: what its command does, as its ``--help`` says; stages: words for the stages that can be
    told in advance, and for parts of them (``u: pairing``); kept: what a run that is stopped keeps; symbols: those of
    the glossary that stand on its page; command: its name on the command line, where not the kind's own.
    """

    title: str
    summary: str = ""
    stages: Mapping[str, Stage] = field(default_factory=dict)
    kept: str = "What is done so far is kept."
    symbols: tuple[str, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Measure:
    """A number of a report by which runs are compared.

    title: the head of its column; about: what it is; at: where the report has it, a dotted path, or a function of the
    report. better: -1 where less is better, 1 where more is, 0 where neither is. shown: unless somebody hides it.
    """

    name: str
    title: str
    about: str
    at: str | Callable[[Mapping[str, object]], float | None]
    better: int = -1
    shown: bool = True

    def of(self, report: Mapping[str, object]) -> float | None:
        """Its value in a report; None where that has none."""
        if not isinstance(self.at, str):
            return self.at(report)
        value: object = report
        for part in self.at.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return _finite(value)


def _finite(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and abs(value) < MOST else None  # type: ignore[arg-type, operator]  # a number


@dataclass(frozen=True)
class Kind(Generic[SpecT, ResultT]):
    """One kind of run.

    ``spec`` is a class of ``settings.base.Spec``, with ``seed`` and mostly ``name`` among its settings; it may have a
    property ``default_name``. ``run`` is a function
    ``(spec, recorder, folder) -> Result``; one that returns a mapping answers ``Told``. ``result`` is the Result's
    class, with ``of_json`` as the inverse of ``to_json``. These three may be given as "module:name", imported when
    somebody needs them: a list of runs must not load what only one of them needs.

    ``stages`` are shown before they begin; a stop waits a moment for those in ``saving``, and for those that ask
    whether a checkpoint is due. ``files`` are patterns of the result files in the run folder; ``bundled``: what a run
    leaves is a model, its bundle. ``naming`` is what a run without a name is called, with leaves and
    properties (``{spec.way}``) in braces; where
    ``{name}`` is among them, that leaf is not the run's name. ``change`` is a function ``(spec, values) -> spec``
    where setting values one by one is not all there is to it. ``measures``: the numbers of a report that runs are
    compared by; where none are named, all that stand at its top. ``subject``: what a run is about (a field, a task, a
    picture), with leaves in braces, or "module:name" of a function of its settings as JSON. ``decided``: a function of
    a report, or its "module:name", which says in a few words what keeps it from a better verdict; where none is named,
    or it says nothing, the reason of the verdict does.
    """

    name: str
    words: Words
    spec: str | type[SpecT]
    run: str | Callable[..., ResultT | Mapping[str, object]]
    result: str | type[ResultT] = "npf_engine.studies.kind:Told"
    stages: tuple[str, ...] = ()
    saving: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    bundled: bool = False
    naming: str = ""
    change: str | Callable[[SpecT, Mapping[str, object]], SpecT] | None = None
    measures: tuple[Measure, ...] = ()
    subject: str = ""
    decided: str | Callable[[Mapping[str, object]], str] = ""

    @property
    def title(self) -> str:
        """What one run of it is called."""
        return self.words.title

    @property
    def spec_type(self) -> type[SpecT]:
        """The class of its specs."""
        return named(self.spec)

    def is_of(self, spec: object) -> bool:
        """Whether ``spec`` is one of its specs; nothing is imported to find out that it is not."""
        name = self.spec.rpartition(":")[2] if isinstance(self.spec, str) else self.spec.__name__
        return name == type(spec).__name__ and self.spec_type is type(spec)

    def default(self) -> SpecT:
        """The spec with every setting at its default."""
        return self.spec_type()

    def with_values(self, spec: SpecT, values: Mapping[str, object]) -> SpecT:
        """The spec with dotted keys replaced, checked. Raises InputError."""
        if self.change is not None:
            return named(self.change)(spec, dict(values))
        return with_dotted(spec, values)

    def do(self, spec: SpecT, recorder: Recorder, folder: Path, **at_hand: object) -> ResultT | Told:
        """Do what ``spec`` says, with its files in ``folder``. Raises InputError and Cancelled."""
        made = named(self.run)(spec, recorder, folder, **at_hand)
        return Told(made) if isinstance(made, Mapping) else made

    def result_of(self, report: Mapping[str, object]) -> ResultT:
        """The result that report.json tells. Raises KeyError, TypeError or ValueError where it tells none."""
        made: ResultT = named(self.result).of_json(report)  # type: ignore[attr-defined]  # a class method of each
        return made

    def measured(self, report: Mapping[str, object]) -> dict[str, float]:
        """Name -> value of the numbers in a report that runs of this kind are compared by."""
        if not self.measures:
            numbers = {name: _finite(value) for name, value in report.items() if name != "seconds"}
        else:
            numbers = {item.name: item.of(report) for item in self.measures}
        return {name: value for name, value in numbers.items() if value is not None}

    def subject_of(self, settings: Mapping[str, object]) -> str:
        """What a run with these settings, as JSON has them, is about."""
        if ":" in self.subject:
            return str(named(self.subject)(settings))  # type: ignore[operator]  # a function by its name
        return self.subject.format_map(_Leaves(settings))

    def why(self, report: Mapping[str, object]) -> str:
        """What keeps a run with this report from a better verdict; empty for one that is good or has none."""
        found = verdict_in(report)
        if found is None or found.level == GOOD:
            return ""
        return (named(self.decided)(report) if self.decided else "") or found.reason  # type: ignore[operator]  # as above

    @property
    def names_runs(self) -> bool:
        """Whether the leaf ``name`` is the name of the run."""
        return "{name}" not in self.naming

    def device_of(self, told: Mapping[str, object]) -> str:
        """The device that a spec as JSON asks for; ``cpu`` where nothing but the processor can do this kind's work."""
        found = declared(self.spec_type).get("device")
        if found is None or not {"cuda", "mps"} & set(found.names()):
            return "cpu"
        return str(told.get("device", "auto"))

    def default_name(self, spec: SpecT) -> str:
        """What a run of this spec without a name of its own is called."""
        values: dict[str, object] = dotted_values(spec) | {"spec": spec}
        made = self.naming.format(**values) if self.naming else getattr(spec, "default_name", "")
        return str(made or self.title)

    def run_name(self, spec: SpecT) -> str:
        """The name of a run of this spec."""
        own = str(getattr(spec, "name", "")).strip() if self.names_runs else ""
        return own or self.default_name(spec)


class _Leaves(dict[str, object]):
    """Settings by their names; nothing for one that is not there."""

    def __missing__(self, name: str) -> str:
        return ""


def named(what: str | T) -> T:
    """What ``module:name`` stands for; anything but a text stands for itself."""
    if not isinstance(what, str):
        return what
    module, _, name = what.partition(":")
    return cast(T, getattr(importlib.import_module(module), name))
