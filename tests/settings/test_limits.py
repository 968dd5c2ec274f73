"""One budget of numbers, asked by every door: link, form, command line, settings in JSON, and the library."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from npf_engine.cli import main
from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields.catalog import price
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings import limits
from npf_engine.settings.dotted import dotted_values, with_dotted
from npf_engine.studies import kinds
from npf_engine.studies.factorization.spec import TrainingSpec, preset
from npf_engine.studies.factorization.spec import with_values as training_with
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.studies.recolor.spec import RecolorSpec
from ui.link import TRAINING, Link

HUGE = "1" + "0" * 400
# leaf -> a value beyond the limits and a word of the sentence
BEYOND: list[tuple[str, str, str]] = [
    ("field.sigma", "1e6", "sigma must be at most 1,000"),
    ("field.sigma", "1e300", "sigma must be at most 1,000"),
    ("field.split_seed", "1e30", "split_seed must be between"),
    ("field.n_samples", HUGE, "n_samples"),
    ("field.max_samples", "1e12", "max_samples must be at most"),
    ("field.bounds", "[" * 3000, "field.bounds"),
    ("field.bounds", "[1, 2, 3]", "four numbers"),
    ("field.bounds", "[1, 2, 3, nan]", "field.bounds"),
    ("field.source", "x" * 300, "a part of 300 bytes"),
    ("field.source", "a\x00b", "U+0000"),
    ("field.source", "a\ud800b", "U+D800"),
    ("field.source", "safe\u202egnp.tif", "U+202E"),
    ("field.expression", json.dumps(["x" * 2001]), "expression has 2,001 characters"),
    ("field.low", json.dumps([0.0] * 600), "low has 600 entries"),
    ("field.n_samples", "inf", "n_samples"),
    ("field.sigma", "nan", "sigma"),
    ("u.hidden", "[100000]", "width 100,000"),
    ("m.hidden", "[8000, 8000]", "64,000,000 weights"),
    ("v.hidden", json.dumps([8] * 40), "40 entries"),
    ("inverse.fourier", "1e8", "inverse.fourier must be at most 16"),
    ("inverse.sampler_steps", "1e12", "inverse.sampler_steps must be at most 10,000"),
    ("seed", "-1", "seed must be between 0"),
    ("report.n", "1e6", "report.n must be at most 20,000"),
    ("name", "a\x1b[31m", "U+001B"),
    ("name", "n" * 500, "name has 500 characters"),
]


def from_link(key: str, value: str) -> None:
    TRAINING.read({key.removeprefix("field."): value})


def from_form(key: str, value: str) -> None:
    training_with(preset("quick"), {key: value})


def from_json(key: str, value: str) -> None:
    first, _, second = key.partition(".")
    kinds.spec_from_json({first: {second: value}} if second else {first: value})


def from_command_line(key: str, value: str) -> None:
    from npf_engine.cli.parser import build_parser
    from npf_engine.cli.train import training_spec

    training_spec(build_parser().parse_args(["train", "swirl", "--set", f"{key}={value}"]))


DOORS: list[Callable[[str, str], None]] = [from_link, from_form, from_json, from_command_line]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("key", "value", "words"), BEYOND)
def test_every_door_refuses_what_is_beyond_the_limits(
    door: Callable[[str, str], None], key: str, value: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        door(key, value)
    sentence = str(caught.value)
    assert words.rpartition(".")[2] in sentence or words in sentence, sentence
    assert "\n" not in sentence and len(sentence) < 400


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sigma", 1e6),
        ("sigma", float("nan")),
        ("n_samples", 10**12),
        ("split_seed", 10**30),
        ("source", "x" * 300),
        ("bounds", (1.0, 2.0, 3.0)),
        ("low", (float("inf"),)),
        ("source", "a\0b"),
        ("expression", ("x" * 3000,)),
    ],
)
def test_the_library_refuses_them_as_the_spec_is_made(key: str, value: Any) -> None:
    with pytest.raises(InputError, match=key):
        FieldSpec(**{key: value})


@pytest.mark.parametrize(
    "make",
    [
        lambda: LandscapeSpec(particles=10**9),
        lambda: LandscapeSpec(seed=10**400),
        lambda: LandscapeSpec(particles=100_000, steps=10_000_000),
        lambda: LandscapeSpec(expression="x" * 3000),
        lambda: LabSpec(seeds=10**6),
        lambda: LabSpec(d=10**6),
        lambda: LabSpec(task="t" * 300),
        lambda: RecolorSpec(seed=10**40),
        lambda: TrainingSpec(seed=10**400),
        lambda: dataclasses.replace(TrainingSpec(), threads=10**6),
    ],
)
def test_every_kind_of_run_asks_them(make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert len(str(caught.value)) < 300


def test_links_of_every_kind_of_run_ask_them() -> None:
    for kind in kinds.KINDS.values():
        base = kind.default()
        with pytest.raises(InputError, match="seed"):
            Link(lambda heads, base=base: base).read({("first_seed" if kind.name == "lab" else "seed"): "1e30"})


@pytest.mark.parametrize(
    "words",
    [
        ["landscape", "himmelblau", "--particles", "1000000000"],
        ["landscape", "himmelblau", "--seed", "1" + "0" * 40],
        ["lab", "gaussian", "--seeds", "100000000"],
        ["recolor", "day", "sunset", "--out", "x.png", "--seed", "-1"],
        ["invert", "nowhere.zip", "--gradient", "1", "2", "--samples", "999999999999", "--out", "x.npz"],
        ["evaluate", "nowhere.zip", "swirl", "--draws", "999999999999"],
        ["experiment", "5.3", "--set", "u.hidden=[100000]"],
        ["experiment", "5.3", "--set", "u.batch=-3"],
        ["train", "swirl", "--seed", "1" + "0" * 30],
    ],
)
def test_flags_ask_them(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert ("at most" in said or "between" in said or "width" in said or "positive" in said) and said.count("\n") == 1


def test_what_is_harmless_alone_is_refused_together() -> None:
    large = FieldSpec(source="expression", expression=("sin(x512)+x1*x2",), n_samples=3_000_000)
    with pytest.raises(InputError, match="at most 100,000,000"):
        price(large)
    assert not price(dataclasses.replace(large, n_samples=100_000)).small, "a link to it builds nothing by itself"
    with pytest.raises(InputError, match=r"1.54e\+09 numbers; at most 100,000,000"):
        catalog.resolve(large)
    with pytest.raises(InputError, match="numbers; at most"):
        FieldSpec(source="rastrigin", low=(-1.0,) * 500, high=(1.0,) * 500, n_samples=1_000_000)
    with pytest.raises(InputError, match="smoothing"):
        FieldSpec(sigma=1000.0, max_samples=20_000_000)


@pytest.mark.parametrize("name", ["jacksboro", "fractal", "himmelblau", "linear", "doubling"])
def test_the_fields_of_the_program_are_small(name: str) -> None:
    assert price(FieldSpec(source=name)).small


def test_presets_lie_within_the_limits() -> None:
    for name in ("quick", "paper"):
        training_with(preset(name), {"solver": "published"})
    for experiment in ("5.3", "5.4", "5.5"):
        from npf_engine.studies.classifier.presets import experiment_preset

        experiment_preset(experiment, "paper")


def test_refused_values_are_shown_short_and_printable() -> None:
    for value in (10**5000, "\x00" * 500, "\ud800", {"a": ["b" * 99]}, "\u202e"):
        told = limits.shown(value)
        assert len(told) <= limits.MAX_SHOWN and told.isprintable(), value


@pytest.mark.parametrize("text", ["1e400 2", "1e20 2", "nan 2", "1", "1 2 3", "one 2", "9" * 5000, "\x00 1"])
def test_vectors_of_a_link_are_finite_and_bounded(text: str) -> None:
    with pytest.raises(InputError, match="the gradient"):
        limits.vector("the gradient", text, 2)


@pytest.mark.parametrize("formula", [".1e309", "x * 1e308", "x ^ 1e300", "x + 9e99"])
def test_numbers_that_float32_lacks_are_told(formula: str) -> None:
    with pytest.raises(InputError, match="finite number"):
        catalog.resolve(FieldSpec(source="expression", expression=(formula, "y"), n_samples=200))


def test_a_build_can_be_stopped_between_chunks() -> None:
    class Left(Exception):
        pass

    seen: list[float] = []

    def progress(done: float, total: float, text: str) -> None:
        seen.append(done)
        if done:
            raise Left

    with pytest.raises(Left):
        catalog.resolve(FieldSpec(source="himmelblau", n_samples=200_000), progress)
    assert seen == [0.0, 1.0]


def test_every_number_of_every_spec_has_a_most() -> None:
    """A leaf without an entry falls under the general limits: none is without one."""
    for kind in kinds.KINDS.values():
        spec = kind.default()
        for key, value in dotted_values(spec).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                with pytest.raises(InputError, match=key):
                    with_dotted(spec, {key: 10**400})
