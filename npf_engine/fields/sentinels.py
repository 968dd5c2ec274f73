"""Values that stand for "nothing known" although the file does not say so: -9999, 1e20, 9.96921e36, ...

One is found by what it is (a number that programs write for nothing), by standing far from all other values, and by
how often. Where -9999 is a depth like its neighbours it stays.
"""

from __future__ import annotations

import numpy as np

from npf_engine.numbers import percent
from npf_engine.settings.limits import LARGEST

NINES = tuple(sign * (10.0**k - 1) for k in (3, 4, 5, 6) for sign in (1, -1))
WHOLE = (-32768.0, -32767.0, 32767.0, 65535.0, -2147483648.0, -2147483647.0, 2147483647.0, 4294967295.0)
_SUSPECT = np.array([*NINES, *WHOLE, -9999.9, -999.9, -99999.9, -8888.0, -1e10, -10000.0, -100000.0])
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
            if not _suspect(extreme):
                continue
            same = finite == extreme
            count, rest = int(same.sum()), finite[~same]
            if rest.size == 0:
                continue
            low, high = float(rest.min()), float(rest.max())
            gap, spread = min(abs(extreme - low), abs(extreme - high)), high - low
            if spread > 0 and gap > (FAR if count >= FREQUENT else FAR_ONCE) * spread:
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


def _suspect(value: float) -> bool:
    return bool((np.abs(_SUSPECT - value) <= 1e-6 * np.abs(_SUSPECT)).any())


def sentence(where: str, found: list[tuple[float, int]], size: int, masked: bool) -> str:
    """What is told of them."""
    names = ", ".join(f"{value:.7g}" for value, _ in found)
    count = sum(number for _, number in found)
    one = f"{where} holds {names} {count:,} times ({percent(count / size, 2)}), far from all other values"
    if masked:
        return f"{one}: taken as a mark for nothing known, and left out; set missing = keep where it is a value."
    return f"{one}: a mark for nothing known, perhaps; set missing = mask to leave it out."
