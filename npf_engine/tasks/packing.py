"""Values on their way between two processes: JSON for what is small, raw ``.npy`` for arrays, never pickle."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np


def pack(value: object, arrays: list[np.ndarray]) -> object:
    """``value`` as JSON; its arrays are appended to ``arrays``. Raises TypeError for what cannot travel."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, list):
        return [pack(part, arrays) for part in value]
    if isinstance(value, tuple):
        return {"tuple": [pack(part, arrays) for part in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): pack(part, arrays) for key, part in value.items()}}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: pack(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"type": type_name(type(value)), "fields": fields}
    raise TypeError(f"a {type(value).__name__} cannot be handed to another process")


def unpack(data: object, arrays: Sequence[np.ndarray], types: Mapping[str, type]) -> object:
    """What ``pack`` was given; dataclasses of ``types`` only. Raises KeyError for any other."""
    if isinstance(data, list):
        return [unpack(part, arrays, types) for part in data]
    if not isinstance(data, dict):
        return data
    if "path" in data:
        return Path(data["path"])
    if "array" in data:
        return arrays[data["array"]]
    if "tuple" in data:
        return tuple(unpack(part, arrays, types) for part in data["tuple"])
    if "dict" in data:
        return {key: unpack(part, arrays, types) for key, part in data["dict"].items()}
    fields = {key: unpack(part, arrays, types) for key, part in data["fields"].items()}
    return types[data["type"]](**fields)


def paths_in(data: object) -> list[str]:
    """The paths of a packed value."""
    if isinstance(data, list):
        return [path for part in data for path in paths_in(part)]
    if not isinstance(data, dict):
        return []
    if "path" in data:
        return [data["path"]]
    return [path for part in data.values() for path in paths_in(part)]


def type_name(kind: type) -> str:
    """By what name a dataclass travels."""
    return f"{kind.__module__}:{kind.__qualname__}"


def write_arrays(arrays: Sequence[np.ndarray], file: BinaryIO) -> None:
    """The arrays one after another as ``.npy``."""
    for array in arrays:
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    file.flush()


def read_arrays(file: BinaryIO, count: int) -> list[np.ndarray]:
    """``count`` arrays of numbers, no larger than the file. Raises ValueError for anything else."""
    size = os.fstat(file.fileno()).st_size
    found = []
    for _ in range(count):
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("an answer in another format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        number = math.prod(shape)
        if fortran or dtype.kind not in "biuf" or file.tell() + number * dtype.itemsize > size:
            raise ValueError("an answer that is no array of numbers, or not complete")
        found.append(np.fromfile(file, dtype, number).reshape(shape))
    return found
