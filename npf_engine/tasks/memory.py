"""Freed memory kept for the next step. glibc alone; elsewhere nothing is changed."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT = 256 * 2**20  # bytes that may stay free at the heap's end
FROM_HEAP = 32 * 2**20  # the most that glibc allows: a larger tensor is still mapped by itself


def keep_freed_memory() -> bool:
    """Ask malloc not to give freed tensors of up to 32 MB back to the system; whether it agreed.

    A training step frees and takes the same tensors of some megabytes again and again. By default many are returned to
    the system each time, and every page of the next costs a fault: in 64 dimensions half the time of a gradient
    (``benchmarks/bench_heap.py``). Results are the same. It holds for the whole process until its end, which keeps up
    to 256 MB more than it needs.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Both: either of them alone stops the threshold that glibc otherwise raises by itself.
    return bool(mallopt(M_MMAP_THRESHOLD, FROM_HEAP)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
