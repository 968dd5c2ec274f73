"""Gridded files opened in the locked child: NetCDF 3 and 4, HDF5, Zarr (a folder, or zipped), and GRIB where it can be.

Nothing is decoded here but names and dimensions: numbers stay on the disk until a slice of them is asked for. A file
that points to other files is refused, and a name with ``://`` is never followed.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import lzma
import resource
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded_grib import merged
from npf_engine.fields.readers.gridded_zarr import open_zarr
from npf_engine.settings.limits import MAX_FILE_BYTES
from npf_engine.tasks.archives import Bounds, brief, check_zip, said
from npf_engine.tasks.child_limits import Stopped

if TYPE_CHECKING:
    import h5py
    import xarray as xr

NETCDF = (".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".he5")
ZARR = (".zarr", ".zarr.zip")
GRIB = (".grib", ".grib2", ".grb", ".grb2")
ZIPPED = (".nc.zip", ".nc4.zip")
SUFFIXES = (*NETCDF, *ZARR, *GRIB, *ZIPPED)
SMALL = 20_000_000  # bytes of a file that a gigabyte is enough to open
OPEN_SECONDS = 5  # of the processor, to see what is in a file
TAKEN = "npf_group"  # attribute of an opened data set: what to know of which of several groups or parts it is
MOST_OBJECTS = 5_000  # groups and variables of one file that are looked at
MOST_IN_MEMORY = 300_000_000  # bytes of NetCDF files unpacked from a zip: a locked child may write no second file
_HDF5, _CLASSIC = b"\x89HDF\r\n\x1a\n", (b"CDF\x01", b"CDF\x02")


def is_gridded(path: Path) -> bool:
    """Whether the name is one that ``opened`` understands."""
    return path.name.lower().endswith(SUFFIXES)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """The data set in a file, nothing decoded; closed afterwards. Raises InputError for what cannot be opened.

    A folder may be larger than files may: what is not chosen of it is not read.
    """
    size = path.stat().st_size if path.is_file() else 1
    if size == 0:
        raise InputError(f"{path.name} is empty (0 bytes); export it again.")
    if size > MAX_FILE_BYTES:
        raise InputError(
            f"{path.name} has {size / 1e6:,.0f} MB; files of up to {MAX_FILE_BYTES / 1e6:,.0f} MB are read: cut out "
            "the times and levels that are meant (cdo, ncks), or write a Zarr folder, of which only those are read."
        )
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        warnings.simplefilter("ignore")
        if importlib.util.find_spec("xarray") is None or importlib.util.find_spec("h5netcdf") is None:
            raise InputError(
                f"{path.name} is gridded data, which needs packages that are not here: pip install "
                "'.[fields]' in the project's folder."
            )
        try:
            with _hurried():
                found = _open(path, stack)
        except InputError:
            raise
        except MemoryError as error:
            if path.is_file() and size < SMALL:  # its header asks for what no such file holds
                raise damaged(path) from error
            raise
        except Exception as error:  # five libraries' own kinds of errors, for whatever a damaged file makes of them
            raise damaged(path) from error
        try:
            yield found
        except (OSError, EOFError, zlib.error, lzma.LZMAError, struct.error, zipfile.BadZipFile, RuntimeError) as error:
            # values are read when they are asked for, and Zarr's codecs know no other error
            raise damaged(path) from error


@contextlib.contextmanager
def _hurried() -> Iterator[None]:
    """A limit of its own on the time that opening takes: damaged HDF5 can send its library round in circles."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    end = int(used.ru_utime + used.ru_stime) + OPEN_SECONDS
    if resource.RLIM_INFINITY not in (soft, hard) and end < soft:  # in a child: elsewhere nobody would be told
        resource.setrlimit(resource.RLIMIT_CPU, (end, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def explained(path: Path, stopped: Stopped) -> InputError:
    """What is said of a file at which the child was stopped: of a small one that it is damaged, which sends HDF5 round
    in circles, or ends it."""
    small = path.is_file() and path.stat().st_size < SMALL and stopped.reason in ("time", "crash")
    return damaged(path) if small and is_gridded(path) else stopped


def damaged(path: Path) -> InputError:
    """What a visitor can do; what the library says of it is for its authors."""
    return InputError(f"{path.name} is damaged or was not written whole; write it, copy it or download it again.")


def _open(path: Path, stack: contextlib.ExitStack) -> xr.Dataset:
    name = path.name.lower()
    if name.endswith(GRIB):
        return _grib(path, stack)
    if name.endswith(ZARR):
        return open_zarr(path, stack)
    if name.endswith(ZIPPED):
        return _zipped(path, stack)
    with open(path, "rb") as file:
        start = file.read(8)
    return _netcdf(path, start, path.name, stack)


def _netcdf(source: Path | io.BytesIO, start: bytes, name: str, stack: contextlib.ExitStack) -> xr.Dataset:
    import xarray as xr

    if start[:4] in _CLASSIC:
        plain = str(source) if isinstance(source, Path) else source
        return stack.enter_context(
            xr.open_dataset(plain, engine="scipy", decode_cf=False, chunks=None)  # type: ignore[arg-type]  # in memory
        )
    if start[:4] == b"CDF\x05":
        raise InputError(f"{name} is NetCDF of the 64-bit data kind (CDF-5); write it as NetCDF 4 (nccopy -k nc4).")
    if start != _HDF5:
        raise InputError(f"{name} begins neither as NetCDF 3 nor as HDF5 (NetCDF 4); export it again.")
    import h5py

    with h5py.File(source, "r") as file:
        _check_hdf5(file, name)
        group, others = _main_group(file)
        odd = _odd(file[group or "/"])
    plain = str(source) if isinstance(source, Path) else source
    try:
        ds = stack.enter_context(
            xr.open_dataset(
                plain,  # type: ignore[arg-type]  # in memory
                engine="h5netcdf",
                decode_cf=False,
                group=group,
                phony_dims="sort",
                invalid_netcdf=True,
            )
        )
    except (TypeError, KeyError, ValueError) as error:
        if not odd:
            raise
        raise InputError(
            f"{name}: {', '.join(map(brief, odd[:3]))} {'is' if len(odd) == 1 else 'are'} no numbers, but references "
            "or lists, which gridded data have not; write the field's own variables into a file without."
        ) from error
    if others:
        ds.attrs[TAKEN] = (
            f"The group {brief(group or '/')} of the file was read; {len(others)} more have fields "
            f"({', '.join(map(brief, others[:4]))}): write the one that is meant as a file of its own."
        )
    return ds


def _check_hdf5(file: h5py.File, name: str) -> None:
    """Refuse what leads out of the file, before anything of it is read."""
    import h5py

    waiting, seen = [file["/"]], 0
    while waiting:
        group = waiting.pop()
        for key in group:
            seen += 1
            if seen > MOST_OBJECTS:
                raise InputError(f"{name} holds more than {MOST_OBJECTS:,} groups and variables; keep the field alone.")
            link = group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise InputError(
                    f"{name} points to another file by its link {brief(key)}, which is never followed; write it as one "
                    "file."
                )
            if isinstance(link, h5py.SoftLink):
                continue
            item = group.get(key)
            if isinstance(item, h5py.Dataset):
                _check_dataset(item, key, name)
            elif isinstance(item, h5py.Group):
                waiting.append(item)


def _check_dataset(item: h5py.Dataset, key: str, name: str) -> None:
    elsewhere = item.external or (item.is_virtual and any(part.file_name != "." for part in item.virtual_sources()))
    if elsewhere:
        raise InputError(
            f"{name} keeps the values of {brief(key)} in other files, which are never opened; write it as one file "
            "(h5repack)."
        )


def _odd(group: h5py.Group) -> list[str]:
    """Variables of a group that are no numbers and no texts: references, lists of any length, named numbers."""
    import h5py

    found = []
    for key in group:
        item = group.get(key)
        if isinstance(item, h5py.Dataset):
            kind = item.dtype
            lists = h5py.check_vlen_dtype(kind)
            if h5py.check_ref_dtype(kind) or h5py.check_enum_dtype(kind) or (lists and lists not in (str, bytes)):
                found.append(str(key))
    return found


def _main_group(file: h5py.File) -> tuple[str | None, list[str]]:
    """The group to read, and others that hold fields too: the root, or where it has none (HDF-EOS and such) the one
    with most, the first by name."""
    import h5py

    def fields(group: h5py.Group) -> int:
        return sum(isinstance(group.get(key), h5py.Dataset) and group[key].ndim >= 2 for key in group)

    if fields(file["/"]):
        return None, []
    found: list[tuple[int, str]] = []

    def visit(key: str, item: object) -> None:
        if isinstance(item, h5py.Group) and len(found) < MOST_OBJECTS:
            found.append((-fields(item), key))

    file.visititems(visit)
    those = [key for count, key in sorted(found) if count]
    return (those[0], those[1:]) if those else (None, [])


def _zipped(path: Path, stack: contextlib.ExitStack) -> xr.Dataset:
    """NetCDF files of a zip as one data set: u and v are often written apart."""
    import xarray as xr

    members = [m for m in check_zip(path, Bounds(MOST_IN_MEMORY)) if m.filename.lower().endswith(NETCDF)]
    members = [m for m in members if not Path(m.filename).name.startswith(".")]
    if not members:
        raise InputError(f"{path.name} holds no NetCDF file (.nc); put the files with the components into it.")
    parts = []
    with zipfile.ZipFile(path) as archive:
        for member in members[:16]:
            data = archive.read(member)
            parts.append(_netcdf(io.BytesIO(data), data[:8], brief(member.filename), stack))
    _check_clocks(parts, path.name)
    try:
        return xr.merge(parts, compat="override", join="exact", combine_attrs="override")
    except (ValueError, xr.MergeError) as error:
        raise InputError(
            f"{path.name}: its files lie on different grids ({said(error)[:100]}); interpolate them to one."
        ) from error


def _check_clocks(parts: list[xr.Dataset], name: str) -> None:
    """InputError where two files count the same axis from different days: their numbers are not yet dates."""
    said: dict[str, tuple[str, str]] = {}
    for part in parts:
        for key, variable in part.variables.items():
            unit = str(variable.attrs.get("units", ""))
            clock = (unit, str(variable.attrs.get("calendar", "standard")))
            if " since " in unit and said.setdefault(str(key), clock) != clock:
                raise InputError(
                    f"{name}: one of its files counts {brief(str(key))} in {brief(said[str(key)][0])}, another in "
                    f"{brief(unit)}; write both with one unit."
                )


def _grib(path: Path, stack: contextlib.ExitStack) -> xr.Dataset:
    if importlib.util.find_spec("cfgrib") is None:
        raise InputError(
            f"{path.name} is GRIB, which needs packages that are not here: pip install cfgrib eccodes (175 MB, with "
            f"their library), or turn it into NetCDF: cdo -f nc4 copy {path.name} {path.name.partition('.')[0]}.nc."
        )
    cfgrib = importlib.import_module("cfgrib")  # an engine of xarray that is installed beside, or not
    # one data set for each kind of level: of wind at 10 m beside temperature at 2 m one would be left out in silence
    parts = cfgrib.open_datasets(str(path), decode_cf=False, backend_kwargs={"indexpath": ""})
    for part in parts:
        stack.enter_context(part)
    if not parts:
        raise InputError(f"{path.name} holds no message that is understood; turn it into NetCDF (cdo -f nc4 copy).")
    plain = [part.drop_vars([key for key, variable in part.variables.items() if not variable.ndim]) for part in parts]
    ds, told = merged(plain)
    if told:
        ds.attrs[TAKEN] = " ".join(told)
    return ds
