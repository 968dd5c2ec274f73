"""Sound gridded files for the fuzzer, small: NetCDF 3, NetCDF 4 (HDF5) and Zarr zipped, packed, masked, with time."""

from __future__ import annotations

import io
import tempfile
import zipfile
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from benchmarks.fuzzing import Target, any_bytes, in_text, in_zip
from npf_engine.errors import InputError
from npf_engine.fields import gridded_field, uploads
from npf_engine.fields.spec import FieldSpec


def targets() -> list[Target]:
    """One for each kind of file."""
    return [
        Target("a.nc", partial(netcdf, "NETCDF3_CLASSIC"), (any_bytes,), read),
        Target("b.nc", partial(netcdf, "NETCDF4"), (any_bytes,), read),
        Target("a.zarr.zip", zarrs, (in_zip(in_text), in_zip(any_bytes), any_bytes), read),
    ]


def read(path: Path) -> None:
    """A look in the locked child, and then the field, as a page takes it: a C library may end or hang its process."""
    seen = uploads.preview(path)
    assert seen.ok or seen.defects
    if seen.ok:
        try:
            gridded_field.load(path, FieldSpec(source=str(path)))
        except InputError:
            return


def _data(packed: bool):  # type: ignore[no-untyped-def]  # of xarray's types, which are there only where it is
    import xarray as xr

    numbers = np.random.default_rng(0).normal(size=(2, 2, 12, 14))
    numbers[:, :, 3, 4] = np.nan
    components = {
        name: (("time", "lat", "lon"), values, {"units": "m s-1", "standard_name": standard})
        for name, values, standard in zip(("u10", "v10"), numbers, ("eastward_wind", "northward_wind"), strict=True)
    }
    axes = {
        "time": ("time", np.array([0.0, 6.0]), {"units": "hours since 2001-02-03"}),
        "lat": ("lat", np.linspace(50, 40, 12), {"units": "degrees_north"}),
        "lon": ("lon", np.linspace(350, 363, 14), {"units": "degrees_east"}),
    }
    data = xr.Dataset(components, axes)
    if packed:
        for name in components:
            data[name].encoding = {"dtype": "i2", "scale_factor": 1e-3, "add_offset": 0.5, "_FillValue": -32767}
    return data


@lru_cache
def netcdf(form: str) -> list[bytes]:
    """Plain and packed."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for packed in (False, True):
            path = Path(folder) / "a.nc"
            engine = "scipy" if form == "NETCDF3_CLASSIC" else "h5netcdf"
            _data(packed).to_netcdf(path, format=form, engine=engine)
            out.append(path.read_bytes())
    return out


@lru_cache
def zarrs() -> list[bytes]:
    """Formats 2 and 3."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for version in (2, 3):
            root = Path(folder) / f"a{version}.zarr"
            _data(version == 2).to_zarr(root, consolidated=False, zarr_format=version)
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                for file in sorted(root.rglob("*")):
                    if file.is_file():
                        archive.write(file, file.relative_to(root))
            out.append(buffer.getvalue())
    return out
