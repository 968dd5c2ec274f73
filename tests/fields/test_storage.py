"""Fields written and read again, and files that are none."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.storage import load_field, save_field, spec_from_dict


def test_a_terrain_field_comes_back_whole(tmp_path: Path) -> None:
    field = catalog.resolve(FieldSpec(source="jacksboro", sigma=200.0, rho="disc"))
    assert field.warnings
    path = save_field(field, tmp_path / "deep" / "field.npz")
    back = load_field(path)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        assert bool((getattr(back, name) == getattr(field, name)).all())
        assert getattr(back, name).dtype == torch.float32
    for name in ("name", "kind", "low", "high", "scaling", "units", "rho", "warnings", "d", "n"):
        assert getattr(back, name) == getattr(field, name), name
    assert back.provenance["sigma_pixels"] == 200.0
    assert back.grid is not None and field.grid is not None
    for name in ("elevation", "raw", "mask"):
        assert np.array_equal(getattr(back.grid, name), getattr(field.grid, name))
    assert back.grid.mask.dtype == bool
    assert (back.grid.west, back.grid.north) == (field.grid.west, field.grid.north)
    assert spec_from_dict(back.provenance["spec"]) == FieldSpec(source="jacksboro", sigma=200.0, rho="disc")
    assert [p.name for p in path.parent.iterdir()] == ["field.npz"], "nothing half written stays behind"


@pytest.mark.parametrize(
    "spec",
    [
        FieldSpec(source="himmelblau", n_samples=2000),
        FieldSpec(source=" Himmelblau", n_samples=2000),
        FieldSpec(source="linear", rho="disc", matrix=((2.0, 0.3), (-0.5, 1.0)), n_samples=2000),
        FieldSpec(source="expression", expression=("x**2 + 3*y**2",), low=(-1, -2), high=(1, 2), n_samples=2000),
    ],
    ids=lambda spec: spec.source,
)
def test_a_function_is_built_again(spec: FieldSpec, tmp_path: Path) -> None:
    field = catalog.resolve(spec)
    assert field.function is not None
    back = load_field(save_field(field, tmp_path / "f.npz"))
    assert back.kind == "function" and back.function is not None
    assert back.n == field.n, "the samples are the stored ones"
    assert bool((back.x_train == field.x_train).all())
    x = torch.rand(50, field.d, generator=torch.Generator().manual_seed(1)) - 0.5
    assert torch.equal(back.function(x), field.function(x))
    assert torch.allclose(back.function(back.x_test), back.y_test, rtol=1e-4, atol=1e-4)
    if field.potential is not None:
        assert back.potential is not None
        assert torch.equal(back.potential(x), field.potential(x))


def test_a_function_without_its_spec_is_not_written(tmp_path: Path) -> None:
    field = catalog.resolve(FieldSpec(source="himmelblau", n_samples=500))
    field.provenance.pop("spec")
    with pytest.raises(ValueError, match="no spec"):
        save_field(field, tmp_path / "f.npz")
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_field(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no stored field"):
        load_field(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match=r"text\.npz is not a stored field"):
        load_field(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz is not a stored field"):
        load_field(tmp_path / "other.npz")
    np.savez(tmp_path / "pickled.npz", about=np.array({"format": 1}, dtype=object))
    with pytest.raises(InputError, match=r"pickled\.npz is not a stored field"):
        load_field(tmp_path / "pickled.npz")
    path = save_field(catalog.resolve(FieldSpec(source="jacksboro")), tmp_path / "cut.npz")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cut\.npz is not a stored field"):
        load_field(path)


def test_specs_survive_json_and_later_versions() -> None:
    spec = replace(FieldSpec(), bounds=(1.0, 2.0, 3.0, 4.0), matrix=((1.0, 2.0), (3.0, 4.0)), expression=("x",))
    as_json = {**asdict(spec), "bounds": [1.0, 2.0, 3.0, 4.0], "matrix": [[1.0, 2.0], [3.0, 4.0]], "new_key": 7}
    assert spec_from_dict(as_json) == spec
