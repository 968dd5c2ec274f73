"""GRIB where its packages are: winds of several kinds of level in one file, by values that were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields.catalog import resolve
from npf_engine.fields.spec import FieldSpec

pytest.importorskip("cfgrib", reason="cfgrib is not installed")
ec = pytest.importorskip("eccodes", reason="eccodes is not installed")
LON, LAT = np.meshgrid(np.arange(61) * 0.5, 60 - np.arange(41) * 0.5)
GRID = {"Ni": 61, "Nj": 41, "iDirectionIncrementInDegrees": 0.5, "jDirectionIncrementInDegrees": 0.5}
GRID |= {"latitudeOfFirstGridPointInDegrees": 60, "latitudeOfLastGridPointInDegrees": 40}
GRID |= {"longitudeOfFirstGridPointInDegrees": 0, "longitudeOfLastGridPointInDegrees": 30}


def message(path: Path, name: str, kind: str, level: int, values: np.ndarray) -> None:
    made = ec.codes_grib_new_from_samples("regular_ll_pl_grib2")
    for key, value in {**GRID, "typeOfLevel": kind, "level": level, "shortName": name}.items():
        ec.codes_set(made, key, value)
    ec.codes_set_values(made, values.ravel())
    with open(path, "ab") as file:
        ec.codes_write(made, file)
    ec.codes_release(made)


def test_winds_at_one_height_stand_beside_what_is_at_another(tmp_path: Path) -> None:
    path = tmp_path / "a.grib2"
    message(path, "2t", "heightAboveGround", 2, 280 + LAT / 10)
    for name, part in (("10u", 10 + LON), ("10v", LAT - 50)):
        message(path, name, "heightAboveGround", 10, part)
    for level in (500, 850):
        for name, part in (("u", level + LON), ("v", LAT - 50)):
            message(path, name, "isobaricInhPa", level, part)
    field = resolve(FieldSpec(source=str(path), axes="earth"))
    np.testing.assert_allclose(np.ptp(field.y_train.numpy(), axis=0), (30.0, 20.0), atol=0.01)
    assert field.provenance["variables"] == ["u10", "v10"] and field.units.value == "m/s"
    field = resolve(FieldSpec(source=str(path), axes="earth", components="u,v", level="850"))
    assert abs(float(field.y_train[:, 0].min()) + (field.shift or (0.0, 0.0))[0] - 850.0) < 0.01
