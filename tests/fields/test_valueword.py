"""What a value of F is called: by what its source says, and by its unit."""

from __future__ import annotations

import pytest

from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.valueword import GRADIENT, VECTOR, WIND, Word, value_word


@pytest.mark.parametrize(
    ("spec", "unit", "word"),
    [
        (FieldSpec(), "metres per pixel", GRADIENT),
        (FieldSpec(source="winds"), "m/s", WIND),
        (FieldSpec(source="era5.nc"), "m/s", VECTOR),
        (FieldSpec(source="era5.nc"), "metres per second", VECTOR),
        (FieldSpec(source="era5.nc", scalar="z"), "m per km", GRADIENT),
        (FieldSpec(source="drifters.csv"), "km per h", VECTOR),
        (FieldSpec(source="rain.nc"), "kg per m3", VECTOR),
        (FieldSpec(source="heights.csv"), "metres per pixel", GRADIENT),
        (FieldSpec(source="heights.csv"), "units of z per grid step", GRADIENT),
        (FieldSpec(source="plate.nc"), "K per mm", GRADIENT),
        (FieldSpec(source="plate.vti"), "K per unit of x", GRADIENT),
        (FieldSpec(source="drifters.csv"), "m/s", VECTOR),
        (FieldSpec(source="two.tif", components="1,2"), "", VECTOR),
        (FieldSpec(source="two.tif"), "", GRADIENT),
        (FieldSpec(source="himmelblau"), "", GRADIENT),
        (FieldSpec(source="double-gyre"), "", VECTOR),
        (FieldSpec(source="expression", expression=("x*y",), low=(0.0, 0.0), high=(1.0, 1.0)), "", GRADIENT),
        (FieldSpec(source="expression", expression=("x", "y"), low=(0.0, 0.0), high=(1.0, 1.0)), "", VECTOR),
    ],
)
def test_the_word_is_that_of_what_f_is(spec: FieldSpec, unit: str, word: Word) -> None:
    assert value_word(spec, unit) == word
