"""A setting is one declaration: help, limits and choices of every kind of run stand where the setting stands."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace

import pytest

from npf_engine.errors import InputError
from npf_engine.settings.base import Settings, Spec
from npf_engine.settings.dotted import dotted_values, flatten, to_json, with_dotted
from npf_engine.settings.setting import declared, group, groups, seed_setting, setting, widths
from npf_engine.settings.stages import InverseConfig, ValueInverseConfig
from npf_engine.studies import kinds
from npf_engine.studies.factorization.spec import TrainingSpec


@dataclass(frozen=True)
class Ladder(Settings):
    rungs: int = setting(7, "How many rungs.", most=40)
    hidden: tuple[int, ...] = widths((8, 8))
    slant: float | None = setting(None, "Degrees from upright; empty: as it stands.", least=0, most=45)
    length: float = setting(3.0, "From foot to top.", unit="metres", most=12)


@dataclass(frozen=True)
class Orchard(Spec):
    seed: int = seed_setting("Fixes what falls.")
    fruit: str = setting("apple", "What grows.", choices=("apple", "pear"))
    kinds: tuple[str, ...] = setting(("a",), "Which ones.", choices=lambda: ["a", "b", "c"], longest=2)
    place: tuple[float, float] | None = setting(None, "Where.", most=10, longest=2, form="two numbers: x, y")
    shaken: bool = setting(False, "Whether it is.")
    ladder: Ladder = group(Ladder, "Ladder", "What one stands on.")

    def together(self) -> None:
        if self.fruit == "pear" and self.ladder.rungs < 5:
            raise InputError("pears hang high; take ladder.rungs = 5 or more")


def test_every_setting_of_every_kind_has_help():
    for kind in kinds.KINDS.values():
        spec = type(kind.default())
        for key, known in declared(spec).items():
            assert known.setting.help.endswith((".", ")")), f"{kind.name}: {key}"
        assert set(groups(spec)) | {""} >= {key.rpartition(".")[0] for key in declared(spec)}


def test_every_default_is_within_its_own_limits():
    for kind in kinds.KINDS.values():
        spec = kind.default()
        assert with_dotted(spec, dotted_values(spec)) == spec
        assert {key: known.default for key, known in declared(type(spec)).items()} == dotted_values(spec)


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("seed", "12", 12),
        ("seed", 3.0, 3),
        ("fruit", "pear", "pear"),
        ("kinds", "a, c", ("a", "c")),
        ("kinds", '["b"]', ("b",)),
        ("place", "1, -2", (1.0, -2.0)),
        ("place", "none", None),
        ("shaken", "yes", True),
        ("ladder.rungs", "1e1", 10),
        ("ladder.hidden", "3,4", (3, 4)),
        ("ladder.slant", 0, 0.0),
        ("ladder.slant", None, None),
    ],
)
def test_values_are_read_as_their_type(key: str, value: object, read: object):
    found = dotted_values(with_dotted(Orchard(), {key: value}))[key]
    assert found == read and type(found) is type(read)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seed", -1, "seed must be between 0 and 2,147,483,647, not -1"),
        ("seed", True, "seed must be of type int"),
        ("seed", "many", "seed must be of type int, not 'many'"),
        ("fruit", "plum", "fruit must be one of apple, pear, not 'plum'"),
        ("kinds", ["z"], "kinds must be one of a, b, c, not 'z'"),
        ("kinds", "a,b,c", "kinds has 3 entries; at most 2"),
        ("place", [1], "place must be two numbers: x, y, not 1"),
        ("place", [1, 11], "place must be at most 10"),
        ("ladder.rungs", 0, "ladder.rungs must be positive, not 0"),
        ("ladder.rungs", 41, "ladder.rungs must be at most 40, not 41"),
        ("ladder.hidden", [0], "ladder.hidden must list at least one positive"),
        ("ladder.slant", -1, "ladder.slant must be 0 or more"),
        ("ladder.slant", "inf", "must be a finite number"),
        ("ladder.length", 0, "ladder.length must be a positive number of metres, not 0.0"),
        ("ladder", 3, "ladder is a group of settings"),
        ("ladder.colour", 3, "unknown setting 'ladder.colour'; there"),
        ("seed.deep", 3, "unknown setting"),
    ],
)
def test_a_value_that_cannot_be_is_a_sentence(key: str, value: object, words: str):
    with pytest.raises(InputError) as caught:
        with_dotted(Orchard(), {key: value})
    assert words in str(caught.value)


def test_a_spec_is_checked_as_it_is_made_and_its_values_become_their_types():
    assert Orchard(ladder=Ladder(hidden=[3, 4])).ladder.hidden == (3, 4)  # type: ignore[arg-type]
    assert type(Orchard(ladder=Ladder(slant=4)).ladder.slant) is float
    with pytest.raises(InputError, match=r"ladder\.rungs must be at most 40"):
        replace(Orchard(), ladder=Ladder(rungs=99))
    with pytest.raises(InputError, match="pears hang high"):
        Orchard(fruit="pear", ladder=Ladder(rungs=2))
    with pytest.raises(InputError, match="ladder is a group"):
        Orchard(ladder=3)  # type: ignore[arg-type]


def test_settings_that_go_together_are_changed_together():
    assert with_dotted(Orchard(ladder=Ladder(rungs=2)), {"fruit": "pear", "ladder.rungs": 9}).ladder.rungs == 9


def test_a_group_may_be_given_whole():
    assert with_dotted(Orchard(), {"ladder": Ladder(rungs=9), "seed": 1}) == Orchard(1, ladder=Ladder(rungs=9))
    with pytest.raises(InputError, match=r"ladder\.rungs must be at most 40"):
        with_dotted(Orchard(), {"ladder": Ladder(rungs=99)})


def test_json_there_and_back():
    spec = Orchard(fruit="pear", kinds=("b", "c"), place=(1.0, 2.0), ladder=Ladder(rungs=9, slant=3.5))
    assert with_dotted(Orchard(), flatten(to_json(spec))) == spec
    assert dataclasses.asdict(spec)["ladder"]["rungs"] == 9


def test_a_subclass_that_changes_a_default_keeps_what_is_known():
    mine, base = declared(ValueInverseConfig)["redraws"], declared(InverseConfig)["redraws"]
    assert (mine.default, base.default) == (0, 2)
    assert mine.setting == base.setting
    with pytest.raises(InputError, match=r"inverse\.redraws must be at most"):
        replace(kinds.get("experiment").default(), inverse=ValueInverseConfig(redraws=10**6))


def test_groups_have_their_titles():
    assert groups(TrainingSpec)["u"].title == "Potential u"
    assert list(groups(Orchard)) == ["ladder"]
