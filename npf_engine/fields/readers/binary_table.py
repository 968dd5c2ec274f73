"""Tables in .parquet and .npz: types, lengths and sizes are checked on the headers, before any data is read.

In .npz, x (n, d) and F (n, d) may stand for their columns, and z may be (rows, cols) with x1 (cols,), x2 (rows,).
"""

from __future__ import annotations

import math
import tokenize
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.columns import Column
from npf_engine.settings.limits import MAX_D, MAX_UNPACKED_BYTES, check_cells
from npf_engine.tasks.archives import DAMAGE, brief, check_zip, said

if TYPE_CHECKING:
    from pyarrow import ChunkedArray

# what NumPy raises for a header that is none
NO_ARRAY = (ValueError, SyntaxError, TypeError, KeyError, tokenize.TokenError)
_NEEDED = "numbers (integers or floats) are needed"


@dataclass(frozen=True)
class ParquetTable:
    """A parquet file whose schema was read."""

    path: Path
    names: tuple[str, ...]
    rows: int

    def read(self, columns: Sequence[Column]) -> dict[str, np.ndarray]:
        """role -> (n,) float64, NaN where a cell is null. InputError for a column that holds no numbers."""
        import pyarrow as pa
        from pyarrow import parquet

        check_cells(self.path.name, self.rows, len(columns))
        try:
            with parquet.ParquetFile(self.path) as file:
                for column in columns:
                    kind = file.schema_arrow.field(column.index).type
                    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
                        raise InputError(f"{self.path.name}: column {column.told} has the type {kind}; {_NEEDED}.")
                table = file.read(columns=[column.name for column in columns], use_threads=False)
                if table.num_rows != self.rows:
                    raise InputError(
                        f"{self.path.name} is damaged: its header promises {self.rows:,} rows, it holds "
                        f"{table.num_rows:,}; write it again."
                    )
                return {column.role: _as_float(table.column(column.name)) for column in columns}
        except (InputError, MemoryError):  # ArrowMemoryError is one of these: a limit rather than a defect
            raise
        except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, OverflowError) as error:
            raise _unreadable(self.path, "a parquet file", error) from error


def open_parquet(path: Path) -> ParquetTable:
    """Read the schema. Raises InputError for what is no parquet file or unpacks to too much."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            metadata = file.metadata
            size = sum(metadata.row_group(k).total_byte_size for k in range(metadata.num_row_groups))
            names, rows = tuple(file.schema_arrow.names), int(metadata.num_rows)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise _unreadable(path, "a parquet file", error) from error
    if size > MAX_UNPACKED_BYTES:
        raise InputError(
            f"{path.name} would unpack to {size / 1e6:,.0f} MB; the limit is {MAX_UNPACKED_BYTES / 1e6:,.0f} MB."
        )
    return ParquetTable(path, names, rows)


def _as_float(column: ChunkedArray) -> np.ndarray:
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)


@dataclass(frozen=True)
class NpzTable:
    """An .npz file whose headers were read: ``names`` are columns, ``origin`` has the array and the place of each."""

    path: Path
    names: tuple[str, ...]
    origin: tuple[tuple[str, int | None], ...]
    shapes: dict[str, tuple[int, ...]]
    problems: dict[str, str]  # of arrays that cannot be used: one that is not asked for may be what it likes

    def read(self, columns: Sequence[Column]) -> dict[str, np.ndarray]:
        """role -> (n,) float64. InputError for arrays of different lengths or more than two dimensions."""
        origins = {column.role: self.origin[column.index] for column in columns}
        for name, _ in origins.values():
            if name in self.problems:
                raise InputError(self.problems[name])
        grid = len(self.shapes[origins["z"][0]]) == 2 if "z" in origins else False
        lengths = self._grid_lengths(origins) if grid else self._lengths(columns, origins)
        check_cells(self.path.name, lengths, len(columns))
        needed = {name for name, _ in origins.values()}
        arrays = {name: read_array(self.path, name + ".npy", np.float64) for name in needed}
        if grid:
            across, down = np.meshgrid(arrays[origins["x1"][0]].ravel(), arrays[origins["x2"][0]].ravel())
            return {"x1": across.ravel(), "x2": down.ravel(), "z": arrays[origins["z"][0]].ravel()}
        out = {}
        for role, (name, part) in origins.items():
            array = arrays[name]
            out[role] = array.reshape(len(array)) if part is None else np.ascontiguousarray(array[:, part])
        return out

    def _lengths(self, columns: Sequence[Column], origins: dict[str, tuple[str, int | None]]) -> int:
        first = columns[0]
        rows = self.shapes[origins[first.role][0]][0] if self.shapes[origins[first.role][0]] else 0
        for column in columns:
            name, part = origins[column.role]
            shape = self.shapes[name]
            if part is None and not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
                raise InputError(
                    f"{self.path.name}: column {brief(name)} has the shape {_shape(shape)}; "
                    "a column is an array of n numbers."
                )
            if shape[0] != rows:
                raise InputError(
                    f"{self.path.name}: column {column.role} has {shape[0]:,} rows, but column {first.role} has "
                    f"{rows:,}; all columns must be equally long."
                )
        return rows

    def _grid_lengths(self, origins: dict[str, tuple[str, int | None]]) -> int:
        rows, across = self.shapes[origins["z"][0]]
        for role, wanted in (("x1", across), ("x2", rows)):
            shape = self.shapes[origins[role][0]]
            if shape != (wanted,):
                raise InputError(
                    f"{self.path.name}: z is a grid of {rows} x {across}, so column {role} must have {wanted} numbers; "
                    f"it has the shape {_shape(shape)}."
                )
        return rows * across


def read_array(path: Path, member: str, dtype: type[np.float32 | np.float64]) -> np.ndarray:
    """The numbers of a member whose header is sound (``array_header``). Raises InputError where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False), dtype=dtype)
    except (zipfile.BadZipFile, EOFError, OSError, *NO_ARRAY, *DAMAGE) as error:
        raise _unreadable(path, f"an .npz file (array {brief(member.removesuffix('.npy'))})", error) from error


def open_npz(path: Path) -> NpzTable:
    """Read the headers of the arrays. Raises InputError for zip bombs, pickles, wrong types, damaged members and names
    that stand there twice."""
    members = check_zip(path)
    shapes: dict[str, tuple[int, ...]] = {}
    problems: dict[str, str] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name == member.filename:
            continue
        if name in shapes:  # which of them was meant nobody knows, and NumPy would take the last
            raise InputError(f"{path.name} holds the array {brief(name)} twice; keep one of them.")
        shapes[name], problem = array_header(path, member)
        if problem:
            problems[name] = problem
    names: list[str] = []
    origin: list[tuple[str, int | None]] = []
    for name, shape in shapes.items():
        if name in ("x", "F") and len(shape) == 2:
            width = min(shape[1], MAX_D + 1)  # one too many is enough to be told
            names += [f"{name}{k + 1}" for k in range(width)]
            origin += [(name, k) for k in range(width)]
        else:
            names.append(name)
            origin.append((name, None))
    if not shapes:
        raise InputError(f"{path.name} holds no arrays; save it with numpy.savez(file, x1=..., F1=...).")
    return NpzTable(path, tuple(names), tuple(origin), shapes, problems)


def array_header(path: Path, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], str]:
    """The shape of an array, and a sentence on what is wrong with it ("" if nothing)."""
    where = f"{path.name}: column {brief(member.filename.removesuffix('.npy'))}"
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            if version not in ((1, 0), (2, 0)):
                return (), f"{where} is a structured array; save each column as an array of its own."
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
            start = stream.tell()
    except (zipfile.BadZipFile, EOFError, OSError, *DAMAGE) as error:
        return (), f"{where} cannot be unpacked ({said(error)}); the file is damaged: write it again."
    except NO_ARRAY as error:
        return (), f"{where} is not a readable NumPy array ({said(error)}); pickles are never opened."
    if dtype.hasobject:
        return shape, f"{where} holds pickled Python objects, which are never opened; save it as an array of numbers."
    if dtype.kind not in "iuf":
        return shape, f"{where} has the type {dtype}; {_NEEDED}."
    if not shape:
        return shape, f"{where} is a single number; a column is an array of n numbers."
    # without this a header could make NumPy allocate what the file does not hold
    if math.prod(shape) * dtype.itemsize != member.file_size - start:
        return shape, f"{where} is damaged: its header promises {_shape(shape)} numbers, the file holds another amount."
    return shape, ""


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "()"


def _unreadable(path: Path, what: str, error: Exception) -> InputError:
    return InputError(f"{path.name} cannot be read as {what} ({said(error)[:160]}); write or download it again.")
