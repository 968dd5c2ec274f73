"""Settings that a form leaves out change nothing of the field; those that it shows are read."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from npf_engine.fields import catalog, relevant
from npf_engine.fields.spec import FieldSpec

# Another value of each setting but the source's name.
OTHER: dict[str, object] = {
    "sigma": 3.0,
    "slope": "per-metre",
    "product": "SRTM3",
    "max_samples": 5000,
    "size_km": 5.0,
    "bounds": (0.0, 40.0, 1.0, 41.0),
    "voids": "mask",
    "water": "keep",
    "noise_seed": 7,
    "relief": 300.0,
    "side_km": 40.0,
    "height_unit": "foot",
    "crs": "EPSG:3857",
    "missing": "keep",
    "band": 2,
    "encoding": "mapbox",
    "pixel_size": 30.0,
    "columns": "x, y -> u, v",
    "along": "earth",
    "axes": "earth",
    "t": 2.0,
    "matrix": ((1.0, 0.0), (0.0, 2.0)),
    "time": "#1",
    "level": "#1",
    "member": "#1",
    "n_samples": 900,
    "low": (-1.0, -1.0),
    "high": (2.0, 2.0),
    "rho": "gaussian",
    "split_seed": 3,
    "unit": "m/s",
    "components": "u,v",
    "scalar": "t",
    "smooth": 2.0,
    "second": "other.tif",
    "expression": ("x^4 + y^2",),
}
FIELDS = {
    "formula": FieldSpec(source="expression", expression=("sin(3*x) + y^2",), n_samples=600),
    "analytic": FieldSpec(source="himmelblau", n_samples=600),
    "flow": FieldSpec(source="double-gyre", n_samples=600),
    "terrain": FieldSpec(source="jacksboro", max_samples=4000, sigma=2.0),
}


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_left_out_changes_nothing(name: str) -> None:
    spec = FIELDS[name]
    assert OTHER.keys() == relevant.ALL - {"source"}
    assert not [key for key, value in OTHER.items() if value == getattr(FieldSpec(), key)]
    left_out = {key: value for key, value in OTHER.items() if key not in relevant.settings(spec)}
    assert len(left_out) > 10
    one, other = catalog.resolve(spec), catalog.resolve(dataclasses.replace(spec, **left_out))
    assert torch.equal(one.x_train, other.x_train) and torch.equal(one.y_test, other.y_test)
    assert (one.units, one.warnings, one.rho) == (other.units, other.warnings, other.rho)
    named = catalog.resolve(dataclasses.replace(spec, unit="knots"))
    assert (named.units, named.warnings) != (one.units, one.warnings) and "unit" in relevant.settings(spec)


def test_what_is_shown_is_what_the_source_reads() -> None:
    assert {"expression", "n_samples", "low"} <= relevant.settings(FIELDS["formula"])
    assert "sigma" in relevant.settings(FIELDS["terrain"]) and "t" in relevant.settings(FIELDS["flow"])
    fractal = {"relief", "side_km"}
    assert fractal <= relevant.settings(FieldSpec(source="fractal")) - relevant.settings(FIELDS["terrain"])
    assert "matrix" in relevant.settings(FieldSpec(source="linear"))
    assert {"product", "size_km"} <= relevant.settings(FieldSpec(source="Chamonix"))
    table = relevant.settings(FieldSpec(source="a/b.csv"))
    assert {"columns", "crs"} <= table and not {"expression", "time"} & table
    assert "time" in relevant.settings(FieldSpec(source="winds"))
