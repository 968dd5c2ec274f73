"""Flags are made of the declarations of settings, and ``--set`` says the same."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from npf_engine.cli import flags, main
from npf_engine.cli.parser import Parser, build_parser
from npf_engine.cli.train import training_spec
from npf_engine.errors import InputError
from npf_engine.settings.base import Settings, Spec
from npf_engine.settings.dotted import with_dotted
from npf_engine.settings.paths import whole_path
from npf_engine.settings.setting import NO_FLAG, group, seed_setting, setting, widths
from npf_engine.studies import kinds


@dataclass(frozen=True)
class Oven(Settings):
    degrees: float = setting(180.0, "How hot, 100 % of the time.", most=300)
    trays: tuple[int, ...] = widths((3, 2), "Tarts a tray.")
    rack: str = setting("middle", "Which one.", flag="rack", choices=("low", "middle"))


@dataclass(frozen=True)
class Tart(Spec):
    filling: str = setting("plum", "What is in it.", choices=("plum", "pear"), why="August")
    seed: int = seed_setting("Fixes the crumbs.")
    recipe: str = setting("", "A file with all of it.", path=True)
    corner: tuple[float, ...] = setting((), "Where it is cut.")
    spices: tuple[str, ...] = setting((), "What is over it.", choices=("salt", "mace"))
    hidden: int = setting(1, "No flag.", flag=NO_FLAG)
    oven: Oven = group(Oven, "Oven", "What it is baked in.")


def typed(*words: str) -> Tart:
    parser = Parser(prog="bake")
    flags.add_settings(parser, Tart(), {"filling": "FILLING"})
    return with_dotted(Tart(), flags.typed(Tart, parser.parse_args([*words])))


def test_every_setting_has_a_flag_and_set_says_the_same():
    words = ["pear", "--seed", "3", "--corner", "-1e-1", "2", "--spices", "salt,mace", "--rack", "low"]
    words += ["--oven.degrees", "200", "--oven.trays", "4", "5"]
    spec = typed(*words)
    assert spec == Tart("pear", 3, corner=(-0.1, 2.0), spices=("salt", "mace"), oven=Oven(200.0, (4, 5), "low"))
    pairs = ["seed=3", "corner=[-0.1, 2]", "spices=salt, mace", "oven.rack=low", "oven.degrees=2e2", "oven.trays=4,5"]
    assert typed("pear", "--set", *pairs) == spec
    assert typed("pear", "--spices", "salt", "mace").spices == ("salt", "mace")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["plum", "--seed", "x"], "--seed: invalid int value: 'x'"),
        (["quince"], "filling must be one of plum, pear"),
        (["plum", "--oven.degrees", "400"], "oven.degrees must be at most 300, not 400"),
        (["plum", "--hidden", "2"], "unrecognized arguments: --hidden"),
        (["plum", "--set", "seed"], "key=value"),
        (["plum", "--set", "oven=2"], "oven is a group of settings"),
        (["plum", "--set", "icing=2"], "unknown setting 'icing'; there are filling, seed"),
    ],
)
def test_what_cannot_be_is_a_sentence(words: list[str], says: str):
    with pytest.raises(InputError) as caught:
        typed(*words)
    assert says in str(caught.value)


def test_help_has_every_setting_with_its_default_and_its_reason(capsys: pytest.CaptureFixture[str]):
    parser = argparse.ArgumentParser(prog="bake")
    flags.add_settings(parser, Tart())
    text = " ".join(parser.format_help().split())
    assert "--filling {plum,pear} What is in it. (default plum; August)" in text
    assert "--rack {low,middle}, --oven.rack {low,middle} Which one. (default middle)" in text
    assert "Oven: What it is baked in." in text and "How hot, 100 % of the time. (default 180)" in text
    assert "--hidden" not in text


def test_a_file_is_kept_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "dem.csv").write_text("")
    (tmp_path / "himmelblau").write_text("")
    monkeypatch.chdir(tmp_path)
    whole = str(tmp_path / "here" / "dem.csv")
    assert typed("plum", "--recipe", os.path.join("here", "dem.csv")).recipe == whole
    assert typed("plum", "--set", "recipe=here/dem.csv").recipe == whole
    for words in (["train", "here/dem.csv"], ["train", "himmelblau", "--set", "field.source=here/dem.csv"]):
        assert training_spec(build_parser().parse_args(words)).field.source == whole
    assert training_spec(build_parser().parse_args(["train", "himmelblau"])).field.source == "himmelblau"
    assert whole_path("field:here/dem.csv") == f"field:{whole}"
    assert whole_path("here/none.csv") == "here/none.csv"
    (tmp_path / "currents.zarr").mkdir()  # a folder that is read as a file
    assert training_spec(build_parser().parse_args(["train", "currents.zarr"])).field.source == str(
        tmp_path / "currents.zarr"
    )


def test_every_kind_takes_seed_device_threads_and_out():
    parser = build_parser()
    for kind in kinds.KINDS.values():
        name = kind.words.command or kind.name
        positional = {"train": ["swirl"], "recolor": ["day", "sunset"], "landscape": ["mixture"], "lab": ["gaussian"]}
        positional["reproduce"] = ["table-1"]
        words = [name, *positional.get(name, ["5.3"]), "--out", "x", "--json"]
        args = parser.parse_args([*words, "--seed", "7", "--device", "cpu", "--threads", "2"])
        given = flags.typed(kind.spec_type, args)
        spec = with_dotted(kind.default(), {key: value for key, value in given.items() if key != "name"})
        assert (spec.device, spec.threads) == ("cpu", 2)
        assert 7 in (getattr(spec, "seed", None), getattr(spec, "first_seed", None)) and args.out == "x" and args.json


def test_a_device_that_the_work_cannot_use_is_refused(capsys: pytest.CaptureFixture[str]):
    assert main(["lab", "gaussian", "--device", "cuda"]) == 2
    assert capsys.readouterr().err.strip() == "device must be one of auto, cpu, not 'cuda'"
