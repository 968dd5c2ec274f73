"""Which step of a dimension a text means: a number from 0, a value, a date, a name.

A number that is one step by its count and another by its value is refused: nothing says which was meant.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from npf_engine.errors import InputError
from npf_engine.settings.limits import shown

MOST_ALIKE = 4  # steps of one name that are named by their numbers
MOST_DATES = 60  # of a dimension, that say what its steps are
NEAR = 1e-4  # share by which a value may miss a label, which has six digits


def step_of(kind: str, dim: str, labels: Sequence[str], wanted: str) -> int:
    """The number of the step of dimension ``dim`` that ``wanted`` means: ``#3`` or 3 (negative from the end), a value
    with or without its unit, a date or the beginning of one; "" for the first. Raises InputError."""
    text = " ".join(wanted.split())
    if kind == "time":
        text = re.sub(r" 00:00(:00)?$", "", text.replace("T", " "))  # labels of whole days have no hours
    if not text:
        return 0
    if re.fullmatch(r"#\s*-?\d{1,9}", text):
        counted = _counted(int(text[1:]), len(labels))
        if counted is None:
            raise InputError(f"{kind} is {shown(wanted)}; {dim} has the steps 0 to {len(labels) - 1}.")
        return counted
    valued = _valued(kind, labels, text)
    counted = _counted(int(text), len(labels)) if re.fullmatch(r"-?\d{1,9}", text) else None
    if counted is not None and valued is not None and counted != valued:
        raise InputError(
            f"{kind} {shown(wanted)} may mean step {counted} of {dim} ({labels[counted]}), or {labels[valued]}, which "
            f"is step {valued}: write #{counted} or #{valued}."
        )
    found = counted if counted is not None else valued
    if found is None:
        few = ", ".join(labels if len(labels) <= 4 else [*labels[:3], "...", labels[-1]])
        raise InputError(
            f"{kind} {shown(wanted)} is none of the {len(labels):,} steps of {dim}: {few}; or give a step as #0."
        )
    return found


def each_of(kind: str, dim: str, labels: Sequence[str]) -> str:
    """What one step is called: month, year or day where the dimension or its dates say so, else its kind."""
    named = re.fullmatch(r"(year|season|month|week|day|hour)s?", dim.lower())
    if kind == "time" and named:
        return named[1]
    dates = [re.match(r"(\d{1,5})-(\d\d)-(\d\d)", label) for label in labels[:MOST_DATES]]
    if kind != "time" or len(dates) < 2 or not all(dates):
        return kind
    parts = [(int(date[1]), int(date[2]), int(date[3])) for date in dates if date]
    pairs = list(itertools.pairwise(parts))
    months = {12 * (b[0] - a[0]) + b[1] - a[1] for a, b in pairs}
    if months in ({1}, {12}):
        return "month" if months == {1} else "year"
    if all(b[2] - a[2] == 1 or (b[2] == 1 and a[2] >= 28) for a, b in pairs):
        return "day"
    return kind


def alike(kind: str, dim: str, labels: Sequence[str], index: int) -> str:
    """The sentence on several steps of one name, "" where the one that was taken has its own."""
    same = [k for k, label in enumerate(labels) if label == labels[index]]
    if len(same) < 2:
        return ""
    few = ", ".join(f"#{k}" for k in same[:MOST_ALIKE]) + (", ..." if len(same) > MOST_ALIKE else "")
    return f"{len(same):,} steps of {dim} are called {labels[index]} ({kind} {few}): #{index} was taken."


def _counted(number: int, size: int) -> int | None:
    """A step by its number, from the end where it is negative."""
    return number % size if -size <= number < size else None


def _valued(kind: str, labels: Sequence[str], text: str) -> int | None:
    """The step whose label is this text, or the same number, or begins with it (and no digit goes on)."""
    plain = text.lower()
    for k, label in enumerate(labels):
        if label.lower() == plain:
            return k
    number = _number(text) if kind != "time" else None
    if number is not None:
        gaps = [
            (abs(number - value), k)
            for k, label in enumerate(labels)
            if (value := _number(label)) is not None and _one_unit(text, label)
        ]
        gap, nearest = min(gaps, default=(float("inf"), 0))
        if gap <= NEAR * max(abs(number), 1e-12):
            return nearest
        if re.fullmatch(r"[-+\d.eE]+", text):
            return None  # a number begins no other number
    for k, label in enumerate(labels):
        if label.lower().startswith(plain) and re.match(r"[\d.]", label[len(plain) :]) is None:
            return k
    return None


def _one_unit(text: str, label: str) -> bool:
    """Whether a value and a label have the same unit behind their numbers, where both have one."""
    mine, other = (re.sub(r"^\s*[-+\d.eE]+\s*", "", part).strip().lower() for part in (text, label))
    return not mine or not other or mine == other


def _number(text: str) -> float | None:
    found = re.match(r"\s*([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)", text)
    return float(found[1]) if found else None
