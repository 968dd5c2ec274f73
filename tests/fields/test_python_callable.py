"""Code in a description is refused by every door through which one comes: link, spec, bundle, stored field."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields import catalog, own
from npf_engine.fields.sources.registry import named, source_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.storage import known_functions, load_field, save_field
from npf_engine.runs.job import run_job
from npf_engine.studies.factorization.spec import from_json
from npf_engine.tasks.recorder import Recorder
from ui.link import FIELD

EVIL = """
from pathlib import Path
Path(__file__).with_name("ran").touch()
def F(x):
    return x
"""


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with evil.py, from which it could be imported; the file ``ran`` in it tells that it was."""
    (tmp_path / "evil.py").write_text(EVIL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


NAMES = (
    "evil:F",
    "evil.py:F",
    "evil.py",
    " evil:F ",
    "{folder}/evil.py:F",
    "{folder}/evil.py",
    "callable:evil:F",
    "os:system",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_description_cannot_have_code_run(evil: Path, name: str) -> None:
    source = name.format(folder=evil)
    spec = FieldSpec(source=source, low=(-1.0, -1.0), high=(1.0, 1.0))
    for door in (catalog.resolve, catalog.price):
        with pytest.raises(InputError, match=r"is code, which no description can have run"):
            door(spec)
    assert source_of(spec).functions() is None and source_of(spec).listed() == []
    found = named(spec)
    assert found is None or found.functions() is None
    assert known_functions(spec) is None
    with pytest.raises(InputError):
        catalog.resolve(FIELD.read({"source": source, "low": "[-1, -1]", "high": "[1, 1]"}))
    data = {"field": {"source": source, "low": [-1, -1], "high": [1, 1]}}
    with pytest.raises(InputError, match=r"is code|there is no"):
        run_job(from_json(data), evil / "run", Recorder())
    assert not (evil / "ran").exists()


def test_a_stored_field_that_names_code_comes_back_on_its_samples(evil: Path) -> None:
    field = own.from_function("F", lambda x: x**3 + x, FieldSpec(n_samples=200, low=(-1.0, -1.0), high=(1.0, 1.0)))
    path = save_field(field, evil / "field.npz")
    with np.load(path) as stored:
        parts = {name: stored[name] for name in stored.files}
    about = json.loads(str(parts["about"]))
    about["provenance"]["spec"] = json.loads(json.dumps(dataclasses.asdict(FieldSpec(source="evil:F"))))
    about["provenance"]["code"] = "evil.py:F"
    np.savez(path, **(parts | {"about": np.array(json.dumps(about))}))
    back = load_field(path)
    assert back.kind == "samples" and back.function is None
    assert not (evil / "ran").exists()


def test_uploads_and_places_are_not_taken_for_code() -> None:
    for source in ("upload:" + "0" * 32 + "/table.csv", "chamonix", "45.9, 6.9", "coordinates"):
        assert type(source_of(FieldSpec(source=source))).__name__ != "PythonCallable"
