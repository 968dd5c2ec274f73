"""Sweeps: which runs they are, what they are called, and what is refused."""

from __future__ import annotations

import pytest

from npf_engine.errors import InputError
from npf_engine.studies import sweep
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.studies.landscape.spec import LandscapeSpec


def test_all_combinations_with_names_of_their_own() -> None:
    made = sweep.read(TrainingSpec(), ["seed=0..1", "field.sigma=5, 10"])
    assert [member.label for member in made.members] == [
        "seed 0, sigma 5",
        "seed 0, sigma 10",
        "seed 1, sigma 5",
        "seed 1, sigma 10",
    ]
    assert made.title == "2 seeds; sigma 5, 10"
    last = made.named("hills")[-1].spec
    assert isinstance(last, TrainingSpec)
    assert (last.seed, last.field.sigma, last.name) == (1, 10.0, "hills, seed 1, sigma 10")


def test_settings_of_one_name_are_told_apart_and_large_seeds_have_ranges() -> None:
    made = sweep.read(TrainingSpec(), ["u.pair_size=1000,2000", "m.batch=256,512", "v.batch=128"])
    assert made.members[0].label == "pair_size 1000, m batch 256, v batch 128"
    assert len(sweep.read(TrainingSpec(), ["seed=2147483640..2147483644"]).members) == 5
    with pytest.raises(InputError, match="no range of whole numbers"):
        sweep.read(TrainingSpec(), ["seed=0..x"])


def test_lists_are_parted_by_semicolons_and_other_kinds_sweep_too() -> None:
    made = sweep.read(TrainingSpec(), ["u.hidden=64,64; 128,128"])
    assert [member.spec.u.hidden for member in made.members] == [(64, 64), (128, 128)]  # type: ignore[attr-defined]
    bracketed = sweep.read(TrainingSpec(), ["u.hidden=(64,64); [128, 128]"])
    assert [member.spec for member in bracketed.members] == [member.spec for member in made.members]
    unit = sweep.read(TrainingSpec(), ["field.height_unit=,foot"])  # an empty text is a value
    assert [member.label for member in unit.members] == ["height_unit empty", "height_unit foot"]
    cold = sweep.read(LandscapeSpec(), ["coefficient=1,2"]).named("bowl")
    assert [member.spec.name for member in cold] == ["himmelblau"] * 2  # type: ignore[attr-defined]  # g, not the run


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["seed=0"], "2 to 64 runs, not 1"),
        (["seed=0..70"], "more than 64"),
        (["seed=4..1"], "no number in it"),
        (["seed=0..20", "u.lr=1"], "key of a setting"),
        (["seed=0..20", "u.batch=1,2,3,4"], "not 84"),
        (["seed=1,1"], "the same"),
        (["field.sigma=5,5.0"], "the same"),
        (["preset=quick,paper"], "cannot be swept"),
        (["sigma"], "key=value"),
        (["u.pair_size=-1,2"], "u.pair_size"),
        (["seed="], "not 0"),
        (["seed=9999999999..10000000001"], "between 0 and 2,147,483,647"),
    ],
)
def test_what_is_no_sweep_is_one_sentence(texts: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        sweep.read(TrainingSpec(), texts)
