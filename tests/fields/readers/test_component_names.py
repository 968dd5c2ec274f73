"""Names of eastward and northward components, in either order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields import catalog
from npf_engine.fields.readers.component_names import northward_first
from npf_engine.fields.spec import FieldSpec

PAIRS = [
    ("v", "u"),
    ("northward_wind", "eastward_wind"),
    ("vn", "ve"),
    ("v10 [m/s]", "u10 [m/s]"),
    ("V_north", "U_east"),
]
PAIRS += [("meridional", "zonal"), ("vomecrty", "vozocrtx"), ("vwnd", "uwnd"), ("Fy", "Fx"), ("n", "e")]


@pytest.mark.parametrize(("north", "east"), PAIRS)
def test_northward_names_are_known_in_their_order(north: str, east: str) -> None:
    assert northward_first(north, east) and not northward_first(east, north)


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("v", "v"), ("v10", "u100"), ("vn", "u"), ("T", "v")])
def test_other_names_stay_as_they_are_assigned(first: str, second: str) -> None:
    assert not northward_first(first, second)


@pytest.mark.parametrize(("north", "east"), [("v", "u"), ("vn", "ve"), ("a", "b")])
@pytest.mark.parametrize("crs", ["", "none"])
def test_an_assignment_with_the_northward_component_first_is_turned_round(
    tmp_path: Path, north: str, east: str, crs: str
) -> None:
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(20.0), np.arange(40.0, 60.0)))
    rows = np.column_stack([lon, lat, np.cos(lat / 5), 10 + np.sin(lon / 6)])
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",", header=f"lon,lat,{north},{east}", comments="")
    spec = FieldSpec(str(tmp_path / "a.csv"), columns=f"lon, lat -> {north}, {east}", axes="earth", crs=crs)
    field = catalog.resolve(spec)
    mean = np.array(field.shift or (0.0, 0.0)) + field.y_train.double().numpy().mean(axis=0)
    known = north != "a"
    assert (mean[0] > 9) == known and (mean[1] > 9) != known
    said = [text for text in field.warnings if text.startswith("By their names")]
    assert len(said) == known and all(f"{east} is the eastward component" in text for text in said)
