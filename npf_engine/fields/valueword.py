"""What one value of F is called, in sentences for people: a gradient, a wind, a vector."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from npf_engine.errors import InputError
from npf_engine.fields.sources.registry import source_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.units_of_height import length_of


@dataclass(frozen=True)
class Word:
    """One value of F, and several."""

    one: str
    many: str


GRADIENT, WIND, VECTOR = Word("gradient", "gradients"), Word("wind", "winds"), Word("vector", "vectors")
NUMBER = Word("value", "values")  # of one component
STEPS = ("pixel", "grid step", "degree", "unit", "unit of length", "unit of x")  # of positions, beside all lengths
WORDS = {word.one: word for word in (GRADIENT, WIND, VECTOR)}


def value_word(spec: FieldSpec, unit: str = "", d: int = 2) -> Word:
    """The word for values (d,) of the field of ``spec`` in ``unit``: what its source says, else by the unit, which of a
    gradient is one of something per step (metres per pixel). Opens nothing; a source that is unknown has vectors."""
    if d == 1:
        return NUMBER
    told: str = VECTOR.one
    with contextlib.suppress(InputError):
        told = source_of(spec).value_word
    _, per, step = unit.rpartition(" per ")
    if told == VECTOR.one and per and (step in STEPS or length_of(step) is not None):
        return GRADIENT
    return WORDS[told]
