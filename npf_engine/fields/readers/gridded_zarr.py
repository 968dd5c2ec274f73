"""Zarr, a folder or zipped, opened in the locked child: where Zarr's event loop may open no socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers import gridded_codecs as codecs
from npf_engine.tasks.archives import Bounds, brief, check_zip

if TYPE_CHECKING:
    import xarray as xr

MOST_CHUNKS = 100_000  # files of a zipped Zarr
ZARRS_ZERO = "_fill_of_zarr"  # attribute that is given to variables whose fill value nobody chose


def open_zarr(path: Path, stack: contextlib.ExitStack) -> xr.Dataset:
    """The data set of a Zarr group, nothing decoded. Raises InputError."""
    import xarray as xr

    stack.callback(asyncio.set_event_loop_policy, asyncio.get_event_loop_policy())
    asyncio.set_event_loop_policy(_WithoutSockets())
    if path.is_dir():
        _check_folder(path)
        codecs.check_folder(path)
        return _told_fill(stack.enter_context(xr.open_zarr(str(path), decode_cf=False, chunks=None, consolidated=None)))
    members = check_zip(path, Bounds(files=MOST_CHUNKS))
    for member in members:
        parts = Path(member.filename.replace("\\", "/")).parts
        if ".." in parts or member.filename.startswith(("/", "\\")):
            raise InputError(f"{path.name} holds a path that leads out of it ({brief(member.filename)}); zip it again.")
    roots = [m.filename for m in members if Path(m.filename).name in (".zgroup", "zarr.json", ".zmetadata")]
    if not roots:
        raise InputError(f"{path.name} holds no Zarr group (.zgroup or zarr.json); zip the whole folder.")
    with zipfile.ZipFile(path) as archive:
        codecs.check_archive(path, archive)
    root = str(Path(min(roots, key=lambda name: name.count("/"))).parent)
    from zarr.storage import ZipStore

    store = ZipStore(str(path), mode="r")
    stack.callback(store.close)
    group, consolidated = (None, None) if root == "." else (root, False)
    return _told_fill(
        stack.enter_context(xr.open_zarr(store, group=group, decode_cf=False, chunks=None, consolidated=consolidated))
    )


def _told_fill(ds: xr.Dataset) -> xr.Dataset:
    """Mark the fill values of 0 that Zarr 2 writes by itself: xarray takes them for nothing known (xarray 4930)."""
    for variable in ds.variables.values():
        packed = {"scale_factor", "add_offset"} & set(variable.attrs)
        if not packed and np.array_equal(variable.attrs.get("_FillValue", 1), 0):
            variable.attrs[ZARRS_ZERO] = variable.attrs.pop("_FillValue")
    return ds


def _check_folder(path: Path) -> None:
    if not any((path / name).is_file() for name in (".zgroup", "zarr.json", ".zmetadata")):
        raise InputError(f"{path.name} is a folder without a Zarr group in it (.zgroup or zarr.json); name its root.")


class _Pipe:
    """One end of a pipe where an event loop expects a socket: a locked child may open none."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def fileno(self) -> int:
        return self.handle

    def recv(self, size: int) -> bytes:
        return os.read(self.handle, size)

    def send(self, data: bytes) -> int:
        return os.write(self.handle, data)

    def close(self) -> None:
        os.close(self.handle)


class _Loop(asyncio.SelectorEventLoop):
    """The loop that Zarr reads by, woken through a pipe."""

    _ssock: _Pipe
    _csock: _Pipe
    _internal_fds: int

    def _make_self_pipe(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        self._ssock, self._csock = _Pipe(reading), _Pipe(writing)
        self._internal_fds += 1
        self._add_reader(reading, self._read_from_self)  # type: ignore[attr-defined]  # of asyncio's selector loop


class _WithoutSockets(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return _Loop()
