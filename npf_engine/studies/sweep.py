"""A sweep: runs of one spec that differ in one setting or a few, each with a list of values; all combinations."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from npf_engine.errors import InputError
from npf_engine.numbers import typed
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import as_text, dotted_values
from npf_engine.settings.limits import MAX_NAME, shown
from npf_engine.settings.setting import declared
from npf_engine.studies import kinds

MOST = 64  # runs of one sweep
SEED = "seed"
FIXED = ("name", "preset")  # a preset is where settings start from: alone it would change nothing
RANGE = re.compile(r"(-?\d{1,30})\s*\.\.\s*(-?\d{1,30})")  # beyond the largest seed the setting itself says so
BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")  # about a list: (64, 64)
NOTHING = "empty"  # what the empty value of a text is called


@dataclass(frozen=True)
class Member:
    """A run of a sweep: its settings, and what it is told apart by (``seed 3``)."""

    label: str
    spec: Spec


@dataclass(frozen=True)
class Sweep:
    """``values``: (dotted key, its values as text) of each setting that is swept; all combinations are run.

    Raises InputError for a setting that there is not, for values that it cannot have, for one that stands twice, and
    for less than two or more than MOST runs.
    """

    base: Spec
    values: tuple[tuple[str, tuple[str, ...]], ...]

    def __post_init__(self) -> None:
        count = 1
        for key, texts in self.values:
            if key in FIXED:
                raise InputError(f"{key} cannot be swept; name a setting that changes what a run does")
            count *= len(texts)
        if not 2 <= count <= MOST:
            raise InputError(f"a sweep has 2 to {MOST} runs, not {count}; name other values")
        made = [dataclasses.replace(member.spec, **self._nameless) for member in self.members]
        if any(one == other for one, other in itertools.combinations(made, 2)):
            raise InputError(f"two runs of the sweep over {self.title} would be the same; name each value once")

    @property
    def _nameless(self) -> dict[str, str]:
        kind = kinds.of(self.base)
        return {"name": ""} if kind.names_runs and "name" in dotted_values(self.base) else {}

    @property
    def members(self) -> tuple[Member, ...]:
        """The runs, the last setting's values first."""
        kind, out = kinds.of(self.base), []
        keys = [key for key, _ in self.values]
        for texts in itertools.product(*(texts for _, texts in self.values)):
            spec = kind.with_values(self.base, dict(zip(keys, texts, strict=True)))
            values = dotted_values(spec)
            label = ", ".join(f"{word} {_short(values[key])}" for word, key in zip(_words(keys), keys, strict=True))
            out.append(Member(label, spec))
        return tuple(out)

    @property
    def title(self) -> str:
        """What is swept, in a few words: ``5 seeds``, ``sigma 5, 10, 20``."""
        parts = []
        for name, (key, texts) in zip(_words([key for key, _ in self.values]), self.values, strict=True):
            parts.append(
                f"{len(texts)} seeds" if key == SEED else f"{name} {', '.join(text or NOTHING for text in texts)}"
            )
        text = "; ".join(parts)
        return (
            text
            if len(text) <= MAX_NAME // 2
            else f"{len(self.members)} runs over {', '.join(k for k, _ in self.values)}"
        )

    def named(self, name: str) -> tuple[Member, ...]:
        """The runs with names of their own below ``name``, where specs of their kind have one."""
        if not self._nameless:
            return self.members
        return tuple(
            Member(item.label, dataclasses.replace(item.spec, name=f"{name}, {item.label}"[:MAX_NAME]))  # type: ignore[call-arg]  # it has one
            for item in self.members
        )


def _words(keys: Sequence[str]) -> list[str]:
    """The last part of each key, and as much more as tells it from the others: ``u batch`` and ``m batch``."""
    parts = [key.split(".") for key in keys]
    words = []
    for mine in parts:
        length = 1
        while length < len(mine) and sum(other[-length:] == mine[-length:] for other in parts) > 1:
            length += 1
        words.append(" ".join(mine[-length:]))
    return words


def _short(value: object) -> str:
    return typed(value) if isinstance(value, float) else as_text(value) or NOTHING


def read(base: Spec, texts: Iterable[str]) -> Sweep:
    """The sweep of ``key=a,b,c`` texts; ``0..4`` stands for the whole numbers between, and a semicolon parts the values
    of a setting that is a list itself. Raises InputError."""
    known, values = declared(type(base)), []
    for text in texts:
        key, equals, given = (part.strip() for part in text.partition("="))
        if not equals or key not in known:
            raise InputError(f"a sweep is key=value,value,... with the key of a setting, not {shown(text)}")
        lists = str(known[key].kind).startswith("tuple")
        words = [word.strip() for word in given.split(";" if ";" in given or lists else ",")]
        if known[key].kind is not str or len(words) < 2:  # a text may be empty: field.height_unit=,foot
            words = [word for word in words if word]
        if lists:
            words = [found[1] if (found := BRACKETS.fullmatch(word)) else word for word in words]
        values.append((key, tuple(itertools.chain.from_iterable(map(_range, words)))))
    return Sweep(base, tuple(values))


def _range(word: str) -> list[str]:
    found = RANGE.fullmatch(word)
    if found is None:
        if ".." in word:
            raise InputError(f"{shown(word)} is no range of whole numbers; write for example 0..4")
        return [word]
    first, last = int(found[1]), int(found[2])
    if not first <= last < first + MOST:
        raise InputError(f"{word} has no number in it, or more than {MOST}; name another range")
    return list(map(str, range(first, last + 1)))
