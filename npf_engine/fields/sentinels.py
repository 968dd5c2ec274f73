"""Values that stand for "nothing known" although the file does not say so: -9999, 1e20, 9.96921e36, ...

One is found by what it is (a number that programs write for nothing), by standing far from all other values, and by
how often. Where -9999 is a depth like its neighbours it stays.
"""

from __future__ import annotations

import numpy as np

from npf_engine.numbers import percent
from npf_engine.settings.limits import LARGEST

NINES = tuple(sign * (10.0**k - 1) for k in (3, 4, 5, 6, 7, 8) for sign in (1, -1))
EIGHTS = tuple(-8.0 * (10.0**k - 1) / 9 for k in (3, 4, 5, 6))  # -888, -8888, ...
TENTHS = tuple(sign * (10.0**k - part) for k in (3, 4, 5) for part in (0.1, 0.01) for sign in (1, -1))  # -999.9, ...
WHOLE = (
    *(-32768.0, -32767.0, -32766.0, 32767.0, 65534.0, 65535.0),
    *(-2147483648.0, -2147483647.0, 2147483647.0, 4294967295.0),
    *(-9.99e8, 9.99e8, -2e9),  # of GrADS, and of programs that round -2147483648
)
TENS = tuple(sign * 10.0**k for k in (8, 9, 10, 11, 12, 13, 14, 15) for sign in (1, -1))
_SHORT = np.array([-99.0, -99.9, -99.99])  # which may well be values: they must stand far from all others, and often
_SUSPECT = np.array([*NINES, *EIGHTS, *TENTHS, *WHOLE, *TENS, *_SHORT, -10000.0, -100000.0])
_HUGE = np.array([*(10.0**k for k in range(16, 39)), 9.96921e36, 3.4028235e38, 1.7014118e38])
FAR, FAR_ONCE = 0.1, 1.0  # gap to the nearest other value over the spread of all others: where it is frequent, or not
FREQUENT = 3
MOST = 6  # sentinels of one array


def find(values: np.ndarray, most: int = MOST) -> list[tuple[float, int]]:
    """Sentinels among numbers (any shape, NaN allowed), each with how often it stands there.

    Beyond LARGEST anything is one: no field has such values.
    """
    finite = values[np.isfinite(values)].astype(np.float64, copy=False)
    found: list[tuple[float, int]] = []
    huge = np.abs(finite) > LARGEST
    if huge.any():
        names, counts = np.unique(finite[huge], return_counts=True)
        found += [(float(v), int(n)) for v, n in zip(names[:most], counts[:most], strict=True)]
        finite = finite[~huge]
    while len(found) < most and finite.size:
        extremes = (float(finite.min()), float(finite.max()))
        for extreme in extremes:
            if not _among(extreme, _SUSPECT):
                continue
            same = finite == extreme
            count, rest = int(same.sum()), finite[~same]
            if rest.size == 0:
                continue
            low, high = float(rest.min()), float(rest.max())
            gap, spread = min(abs(extreme - low), abs(extreme - high)), high - low
            far = FAR if count >= FREQUENT and not _among(extreme, _SHORT) else FAR_ONCE
            if spread > 0 and gap > far * spread and (count >= FREQUENT or not _among(extreme, _SHORT)):
                found.append((extreme, count))
                finite = rest
                break
        else:
            break
    return found


def is_mark(value: float) -> bool:
    """Whether a value that was found is a mark that programs write, however large, and no accident beyond LARGEST."""
    near = np.abs(_HUGE - abs(value)) <= 1e-6 * _HUGE
    return abs(value) <= LARGEST or bool(near.any())


def _among(value: float, marks: np.ndarray) -> bool:
    return bool((np.abs(marks - value) <= 1e-6 * np.abs(marks)).any())


def infinite(where: str, count: int, size: int) -> str:
    """What is told of infinite values; "" where there are none."""
    if not count:
        return ""
    return f"{where} holds inf {count:,} times ({percent(count / size, 2)}): taken as nothing known."


def sentence(where: str, found: list[tuple[float, int]], size: int, masked: bool) -> str:
    """What is told of them."""
    names = ", ".join(f"{value:.7g}" for value, _ in found)
    count = sum(number for _, number in found)
    one = f"{where} holds {names} {count:,} times ({percent(count / size, 2)}), far from all other values"
    if masked:
        return f"{one}: taken as a mark for nothing known, and left out; set missing = keep where it is a value."
    return f"{one}: a mark for nothing known, perhaps; set missing = mask to leave it out."
