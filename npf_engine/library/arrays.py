"""What callers hand over, numpy or torch, as float64 rows; and answers in the kind that was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar, overload

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.settings.limits import LARGEST, shown

# In the kind in which it is asked comes the answer: an array for an array, a tensor for a tensor.
ArrayT = TypeVar("ArrayT", np.ndarray, Tensor)
Plain: TypeAlias = np.ndarray | Sequence[float] | Sequence[Sequence[float]]  # what is answered with an array
ArrayLike: TypeAlias = Tensor | Plain
Sampler: TypeAlias = Callable[[int, torch.Generator], Tensor]  # (n, generator) -> (n, d)
SMALLEST = 1.0 / LARGEST  # of a spread: its square must stay far inside float32


def rows(name: str, value: object, d: int | None = None, least: int = 1) -> np.ndarray:
    """``value`` as a new (n, d) array in double precision: numpy or torch, whole numbers too, strided or read-only.

    d: the number of columns that is needed; least: of rows. Raises InputError, one sentence that begins with ``name``,
    for what is no matrix of finite numbers of at most LARGEST.
    """
    array = _numbers(name, value)
    if array.ndim != 2:
        hint = f"; for one dimension pass {name}[:, None]" if array.ndim == 1 else ""
        raise InputError(f"{name} has shape {array.shape}; pass an array (n, d), one row a sample{hint}")
    if not array.shape[1]:
        raise InputError(f"{name} has no columns; pass an array (n, d) with d of 1 or more")
    if d is not None and array.shape[1] != d:
        raise InputError(f"{name} has {array.shape[1]} columns and {d} are needed, one a dimension")
    if array.shape[0] < least:
        raise InputError(f"{name} has {array.shape[0]:,} rows; pass {least:,} or more")
    _check_size(name, array)
    return array


def points(name: str, value: object, d: int) -> np.ndarray:
    """One point (d,) or several (n, d), checked as ``rows``; the shape says which it was."""
    array = _numbers(name, value)
    return rows(name, array[None], d)[0] if array.ndim == 1 else rows(name, array, d)


def vector(name: str, value: object, d: int | None = None) -> np.ndarray:
    """(d,) float64 from a number (d = 1) or a sequence of numbers. Raises InputError."""
    array = np.atleast_1d(_numbers(name, value))
    if array.ndim != 1 or (d is not None and len(array) != d):
        wanted = "one number a dimension" if d is None else f"{d} numbers"
        raise InputError(f"{name} has shape {array.shape}; pass {wanted}")
    _check_size(name, array)
    return array


def spread_check(name: str, array: np.ndarray) -> None:
    """InputError where all rows of (n, d) are so near each other that squares of their differences are lost."""
    spread = float(array.std(axis=0).max())
    if 0 < spread < SMALLEST:
        raise InputError(
            f"{name} varies by {spread:.2g} only, and squares of that are lost in 32 bits; pass it in a smaller unit, "
            f"so that it varies by more than {SMALLEST:g}"
        )


@overload
def like(given: Tensor, answer: Tensor) -> Tensor: ...


@overload
def like(given: Plain, answer: Tensor) -> np.ndarray: ...


def like(given: ArrayLike, answer: Tensor) -> Tensor | np.ndarray:
    """The answer as numpy, or where a tensor was given as a tensor on its device."""
    answer = answer.detach()
    return answer.to(given.device) if isinstance(given, Tensor) else answer.cpu().numpy()


def _numbers(name: str, value: object) -> np.ndarray:
    """``value`` copied to float64, in its own shape. Raises InputError for what is not real numbers."""
    if isinstance(value, Tensor):
        value = value.detach()
        if value.is_sparse:
            value = value.to_dense()
        if value.is_complex():
            raise InputError(_complex(name))
        return np.array(value.cpu().to(torch.float64).numpy(), dtype=np.float64, order="C")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputError(f"{name} has masked entries; fill them in or leave their rows out")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} is no array ({error}); pass an array (n, d)") from None
    if array.dtype.kind == "c":
        raise InputError(_complex(name))
    if array.dtype.kind not in "buif":
        what = "words" if array.dtype.kind in "SU" else f"values of type {array.dtype}"
        raise InputError(f"{name} holds {what}, for example {shown(_first(array))}; pass real numbers")
    return np.array(array, dtype=np.float64, order="C")


def _first(array: np.ndarray) -> object:
    return array.reshape(-1)[0] if array.size else array


def _complex(name: str) -> str:
    return f"{name} is complex; pass real numbers, for example np.column_stack([{name}.real, {name}.imag])"


def _check_size(name: str, array: np.ndarray) -> None:
    """InputError for the first entry that is not finite or beyond LARGEST."""
    bad = ~(np.abs(array) <= LARGEST)  # a NaN compares false
    if not bad.any():
        return
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    value = float(array[at])
    place = f"{name}[{', '.join(map(str, at))}]"
    count = int(bad.sum())
    more = f", the first of {count:,} such entries" if count > 1 else ""
    if not np.isfinite(value):
        raise InputError(f"{place} is {value:g}{more}; pass finite numbers")
    raise InputError(f"{place} is {value:g}{more}; pass numbers of at most {LARGEST:g}, for example in a larger unit")
