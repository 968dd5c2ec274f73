"""The training loop of the JAX duals: batches, rates, snapshots at geometrically spaced times; only training counts.

Settings: seconds (wall time of training), first (time of the first snapshot), ratio (from one snapshot to the next),
batch, lr, floor (cosine in the share of the time that is gone, from lr to floor * lr; 1: constant), seed,
target_dual (stop at a snapshot at or below it).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import numpy as np

from benchmarks.peers.judge import exact_dual, finite_map


class Trainer(Protocol):
    """What ``train_and_watch`` drives."""

    def potential(self) -> Any:
        """(apply, params): apply(params, x (n, d)) -> u(x) (n,)."""

    def warm_up(self, rng: np.random.Generator) -> None:
        """What comes before the first dual step; compiled already by ``compile``."""

    def compile(self) -> None:
        """Compile everything, and leave the state as it was."""

    def step(self, x: Any, y: Any, lr: float) -> dict[str, Any]:
        """One dual step; numbers to remember."""


@dataclass
class Watched:
    """Snapshots so far."""

    curve: list[dict[str, Any]] = field(default_factory=list)
    maps: list[np.ndarray] = field(default_factory=list)


def train_and_watch(
    trainer: Trainer, data: dict[str, np.ndarray], settings: dict[str, Any]
) -> tuple[list[dict[str, Any]], np.ndarray, dict[str, Any]]:
    """(curve, maps (snapshots, k, d), info)."""
    limit, ratio = float(settings["seconds"]), float(settings.get("ratio", 1.3))
    due = float(settings.get("first", limit))
    batch, rate, floor = int(settings["batch"]), float(settings["lr"]), float(settings.get("floor", 1.0))
    rng = np.random.default_rng(int(settings.get("seed", 0)))
    begin = time.perf_counter()
    trainer.compile()
    compiled = time.perf_counter() - begin
    seen = Watched()
    begin = time.perf_counter()
    trainer.warm_up(rng)
    seconds = warm = time.perf_counter() - begin
    x, y = data["x"], data["y"]
    steps, shown = 0, {}
    while seconds < limit:
        begin = time.perf_counter()
        lr = rate * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * seconds / limit)))
        shown = trainer.step(x[rng.integers(len(x), size=batch)], y[rng.integers(len(y), size=batch)], lr)
        jax.block_until_ready(shown)
        seconds += time.perf_counter() - begin
        steps += 1
        if seconds >= min(due, limit):
            due = max(due * ratio, seconds * 1.0001)
            row = _look(trainer, data, seen) | {"seconds": seconds, "steps": steps}
            row |= {k: float(v) for k, v in shown.items()}
            seen.curve.append(row)
            if row.get("dual", math.inf) <= settings.get("target_dual", -math.inf):
                break
    info = {
        "compile_seconds": compiled,
        "warm_up_seconds": warm,
        "steps": steps,
        "seconds_per_step": (seconds - warm) / max(1, steps),
        "settings": settings,
    }
    return seen.curve, np.stack(seen.maps), info


def _look(trainer: Trainer, data: dict[str, np.ndarray], seen: Watched) -> dict[str, float]:
    apply, params = trainer.potential()
    seen.maps.append(finite_map(apply, params, data["x_eval"]))
    if "x_test" not in data:
        return {}
    return exact_dual(apply, params, data["x_test"], data["y_test"])
