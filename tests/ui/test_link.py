"""The settings of any kind of run in a link: there and back, and what a link may not do."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from npf_engine.errors import InputError
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.setting import declared
from npf_engine.studies import kinds
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.factorization.spec import preset, with_values
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.studies.recolor.spec import RecolorSpec
from pages.landscape import experiment_setup
from ui.link import FIELD, TRAINING, Link

SPECS = [
    FieldSpec(),
    FieldSpec(source="fractal", noise_seed=7, sigma=0.0),
    FieldSpec(source="coordinates", bounds=(6.5, 45.5, 7.5, 46.0), rho="land"),
    FieldSpec(
        source="expression", expression=("x^2 + 3*y", "sin(x) & 'quoted, text'"), low=(-1.0, -2.0), high=(1.0, 2.0)
    ),
    FieldSpec(source="linear", matrix=((1.0, 2.0), (0.5, -3.25)), rho="gaussian"),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.source)
def test_field_comes_back_from_its_link(spec: FieldSpec):
    assert FIELD.read(FIELD.write(spec)) == spec


def test_default_field_needs_no_parameters():
    assert FIELD.write(FieldSpec()) == {}


def test_training_comes_back_from_its_link():
    spec = with_values(
        preset("paper"),
        {"u.hidden": (8, 4), "seed": 3, "field.source": "swirl", "conjugate.tolerance": 1e-5, "name": "A & B = ü"},
    )
    query = TRAINING.write(spec)
    assert TRAINING.read(query) == spec
    assert set(query) == {"preset", "u.hidden", "seed", "source", "conjugate.tolerance", "name"}


@pytest.mark.parametrize("values", [{}, {"m.activation": "silu"}, {"m.hidden": (128, 128), "u.hidden": (8, 4)}])
def test_a_published_training_comes_back_with_settings_that_the_fast_one_has(values: dict):
    spec = with_values(preset("quick"), {"solver": "published", **values})
    query = TRAINING.write(spec)
    assert TRAINING.read(query) == spec
    assert set(query) == {"solver", *values}


def test_other_parameters_are_left_alone():
    assert TRAINING.read({"run": "x", "utm": "y"}) == preset("quick")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"sigma": "wide"}, "sigma"),
        ({"u.batch": "0"}, "u.batch"),
        ({"preset": "best"}, "preset"),
        ({"source": " "}, "source"),
        ({"source": "x" * 5000}, "longer"),
        ({"bounds": "1,2"}, "bounds"),
    ],
)
def test_bad_values_are_sentences(query: dict[str, str], word: str):
    with pytest.raises(InputError, match=word):
        TRAINING.read(query)


def test_link_opens_no_file_but_those_kept_here(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept = own_home / "uploads" / "dem.tif"
    kept.parent.mkdir()
    kept.write_bytes(b"x")
    assert FIELD.read({"source": str(kept)}).source == str(kept)
    other = tmp_path / "secret.csv"
    other.write_text("x1,F1\n")
    for source in (str(other), str(own_home / ".." / "secret.csv"), "/etc/passwd", "../secret.csv"):
        with pytest.raises(InputError, match="cannot open the file"):
            FIELD.read({"source": source})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    # spaces are nothing to the reader of fields, and ~ is a folder to it
    for source in ("secret.csv", " secret.csv", "secret.csv ", "~/secret.csv", f" {other}", "./secret.csv"):
        with pytest.raises(InputError, match="cannot open the file"):
            FIELD.read({"source": source})
    (own_home / "~").mkdir()
    monkeypatch.chdir(own_home)  # a server that stands in its own home: ~/ is no folder of that name
    with pytest.raises(InputError, match="cannot open the file"):
        FIELD.read({"source": "~/secret.csv"})
    monkeypatch.setenv("NPF_DEM_DIR", str(tmp_path))
    assert FIELD.read({"source": str(other)}).source == str(other)


OTHERS = [
    (LandscapeSpec(), LandscapeSpec()),
    (LandscapeSpec(name="mixture", method="lmc", start=(1.0, -2.5), tau=1e-4, particles=7), LandscapeSpec()),
    (LandscapeSpec(name="expression", expression="x^2 + y", low=(-1, -1), high=(2, 2)), LandscapeSpec()),
    (experiment_preset("5.5", "quick", seed=3), experiment_preset("5.5", "quick")),
]


@pytest.mark.parametrize(("spec", "base"), OTHERS)
def test_a_link_says_what_differs_and_nothing_else(spec, base):
    link = Link(lambda heads: base)
    query = link.write(spec)
    assert link.read(query) == spec
    assert (query == {}) == (spec == base)


def test_settings_of_several_groups_come_at_once():
    base = experiment_preset("5.5", "quick")
    link = Link(lambda heads: base)
    # Either alone would leave too few samples for the networks, and be refused.
    changed = dataclasses.replace(
        base, particles=dataclasses.replace(base.particles, count=20, warmup=20_000, first=0, every=2)
    )
    assert link.read(link.write(changed)) == changed


def test_bad_links_are_told():
    landscape = Link(lambda heads: LandscapeSpec())
    with pytest.raises(InputError, match="tau must be of type"):
        landscape.read({"tau": "fast"})
    with pytest.raises(InputError, match="method must be one of"):
        landscape.read({"method": "magic"})
    with pytest.raises(InputError, match="longer than"):
        landscape.read({"expression": "x+" * 4000})
    assert landscape.read({"utm_source": "mail"}) == LandscapeSpec()


def test_a_link_starts_from_what_its_heads_name():
    form = experiment_setup.FORM.link
    assert form.read({"experiment": "5.5", "preset": "paper"}) == experiment_preset("5.5", "paper", device="auto")
    spec = experiment_preset("5.4", seed=3, device="auto")
    assert form.write(spec) == {"experiment": "5.4", "seed": "3"} and form.read(form.write(spec)) == spec
    with pytest.raises(InputError, match="experiment must be one of"):
        form.read({"experiment": "6"})


def test_no_setting_that_may_be_a_file_opens_one_that_is_not_kept_here(own_home: Path, tmp_path: Path):
    secret = tmp_path / "secret.csv"
    secret.write_text("x1,F1\n")
    for kind in kinds.KINDS.values():
        link = Link(lambda heads, kind=kind: kind.default())
        for key, known in declared(kind.spec_type).items():
            if known.setting.path:
                for name in (str(secret), f"field:{secret}", "../secret.csv"):
                    with pytest.raises(InputError, match="cannot open the file"):
                        link.read({key: name})
    assert Link(lambda heads: RecolorSpec()).read({"source": "sunset"}).source == "sunset"
