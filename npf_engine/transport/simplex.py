"""Exact discrete transport: the network simplex of POT, without the rest of POT.

``import ot`` runs its whole index, which imports scikit-learn, pandas and networkx: over a second of every training's
and every command's start. The solver itself needs none of them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np

PIVOTS = 10_000_000  # of the simplex at most, far beyond what any plan takes
_SOLVER = "ot.lp"  # where POT has had its solver since its first versions
_lock = threading.Lock()


def plan(cost: np.ndarray) -> np.ndarray:
    """The optimal plan (n, m) between n and m points of equal mass each, for the cost (n, m)."""
    return _solve(cost)[0]


def plan_and_duals(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``plan`` and its dual potentials (n,), (m,): their sum is at most the cost, and equal where mass is sent."""
    found, log = _solve(cost)
    return found, np.asarray(log["u"]), np.asarray(log["v"])


def optimal_cost(cost: np.ndarray) -> float:
    """What the optimal plan costs: the mean over its mass."""
    return float(_solve(cost)[1]["cost"])


def _solve(cost: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The plan, and what POT says of it."""
    return _emd()([], [], cost, numItermax=PIVOTS, log=True)


@functools.cache
def _emd() -> Callable[..., tuple[np.ndarray, dict[str, np.ndarray]]]:
    """POT's solver."""
    with _lock:
        if "ot" not in sys.modules:
            with contextlib.suppress(ImportError, AttributeError), _index_left_out("ot"):
                return importlib.import_module(_SOLVER).emd
        return importlib.import_module("ot").emd


@contextlib.contextmanager
def _index_left_out(package: str) -> Iterator[None]:
    """Within, modules of ``package`` can be imported without its ``__init__`` having run; afterwards the interpreter
    knows of none of them, so that whoever imports the package gets a whole one; but not another thread that does so
    meanwhile, which is why nothing else here imports it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ImportError(f"there is no {package}")
    sys.modules[package] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]
