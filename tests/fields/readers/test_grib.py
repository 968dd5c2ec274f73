"""GRIB where its packages are: winds of several kinds of level in one file, by values that were written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from npf_engine.fields.catalog import resolve
from npf_engine.fields.readers.gridded_open import TAKEN, opened
from npf_engine.fields.spec import FieldSpec

pytestmark = pytest.mark.long  # its packages are large, and no part of the installation
Message = Callable[[Path, str, str, int, np.ndarray], None]
LON, LAT = np.meshgrid(np.arange(61) * 0.5, 60 - np.arange(41) * 0.5)
GRID = {"Ni": 61, "Nj": 41, "iDirectionIncrementInDegrees": 0.5, "jDirectionIncrementInDegrees": 0.5}
GRID |= {"latitudeOfFirstGridPointInDegrees": 60, "latitudeOfLastGridPointInDegrees": 40}
GRID |= {"longitudeOfFirstGridPointInDegrees": 0, "longitudeOfLastGridPointInDegrees": 30}


@pytest.fixture
def message() -> Message:
    """Adds a message to a file, by the packages that are here, or are not."""
    pytest.importorskip("cfgrib", reason="cfgrib is not installed")
    return partial(write, pytest.importorskip("eccodes", reason="eccodes is not installed"))


def write(ec: ModuleType, path: Path, name: str, kind: str, level: int, values: np.ndarray) -> None:
    made = ec.codes_grib_new_from_samples("regular_ll_pl_grib2")
    for key, value in {**GRID, "typeOfLevel": kind, "level": level, "shortName": name}.items():
        ec.codes_set(made, key, value)
    ec.codes_set_values(made, values.ravel())
    with open(path, "ab") as file:
        ec.codes_write(made, file)
    ec.codes_release(made)


def test_winds_at_one_height_stand_beside_what_is_at_another(tmp_path: Path, message: Message) -> None:
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


def test_winds_of_one_name_at_two_kinds_of_level_are_both_there(tmp_path: Path, message: Message) -> None:
    path = tmp_path / "a.grib2"
    for kind, level in (("isobaricInhPa", 500), ("isobaricInhPa", 850), ("hybrid", 7)):
        for name, part in (("u", level + LON), ("v", LAT - 50)):
            message(path, name, kind, level, part)
    with opened(path) as ds:
        lows = {round(float(np.nanmin(ds[name].values))) for name in ds.variables if str(name).startswith("u")}
        assert lows == {7, 500} and "u_" in ds.attrs[TAKEN] and not any(bool(ds[k].isnull().any()) for k in ds)
