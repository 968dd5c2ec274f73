"""What a page calls a value of a model's field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.errors import InputError
from npf_engine.fields.valueword import VECTOR, Word, value_word
from npf_engine.studies import kinds
from npf_engine.studies.factorization.spec import TrainingSpec

if TYPE_CHECKING:
    from npf_engine.polar import PolarFactorization


def word(model: PolarFactorization) -> Word:
    """What a value of the model's field is called on its pages: a gradient, a wind, a vector; a value for d = 1."""
    try:
        spec = kinds.spec_of({"field": model.field_spec}, TrainingSpec).field
    except InputError:
        return VECTOR
    return value_word(spec, model.units.value, model.d)
