"""A field and a training in a link: there and back, and what a link may not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from npf_engine.errors import InputError
from npf_engine.fields.spec import FieldSpec
from npf_engine.studies.factorization.spec import preset, with_values
from ui import fieldlink

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
    assert fieldlink.from_query(fieldlink.to_query(spec)) == spec


def test_default_field_needs_no_parameters():
    assert fieldlink.to_query(FieldSpec()) == {}


def test_training_comes_back_from_its_link():
    spec = with_values(
        preset("paper"),
        {"u.hidden": (8, 4), "seed": 3, "field.source": "swirl", "conjugate.tolerance": 1e-5, "name": "A & B = ü"},
    )
    query = fieldlink.training_to_query(spec)
    assert fieldlink.training_from_query(query) == spec
    assert set(query) == {"preset", "u.hidden", "seed", "source", "conjugate.tolerance", "name"}


@pytest.mark.parametrize("values", [{}, {"m.activation": "silu"}, {"m.hidden": (128, 128), "u.hidden": (8, 4)}])
def test_a_published_training_comes_back_with_settings_that_the_fast_one_has(values: dict):
    spec = with_values(preset("quick"), {"solver": "published", **values})
    query = fieldlink.training_to_query(spec)
    assert fieldlink.training_from_query(query) == spec
    assert set(query) == {"solver", *values}


def test_other_parameters_are_left_alone():
    assert fieldlink.training_from_query({"run": "x", "utm": "y"}) == preset("quick")


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
        fieldlink.training_from_query(query)


def test_link_opens_no_file_but_those_kept_here(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept = own_home / "uploads" / "dem.tif"
    kept.parent.mkdir()
    kept.write_bytes(b"x")
    assert fieldlink.from_query({"source": str(kept)}).source == str(kept)
    other = tmp_path / "secret.csv"
    other.write_text("x1,F1\n")
    for source in (str(other), str(own_home / ".." / "secret.csv"), "/etc/passwd", "../secret.csv"):
        with pytest.raises(InputError, match="cannot open the file"):
            fieldlink.from_query({"source": source})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    # spaces are nothing to the reader of fields, and ~ is a folder to it
    for source in ("secret.csv", " secret.csv", "secret.csv ", "~/secret.csv", f" {other}", "./secret.csv"):
        with pytest.raises(InputError, match="cannot open the file"):
            fieldlink.from_query({"source": source})
    (own_home / "~").mkdir()
    monkeypatch.chdir(own_home)  # a server that stands in its own home: ~/ is no folder of that name
    with pytest.raises(InputError, match="cannot open the file"):
        fieldlink.from_query({"source": "~/secret.csv"})
    monkeypatch.setenv("NPF_DEM_DIR", str(tmp_path))
    assert fieldlink.from_query({"source": str(other)}).source == str(other)
