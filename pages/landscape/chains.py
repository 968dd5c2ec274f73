"""What a landscape run left: its chains over time, and what it found in each basin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npf_engine.runs.store import Run
from pages.landscape import data

METHODS = {
    "lmc-npf": "LMC-NPF",
    "lmc-npf-corrected": "LMC-NPF, corrected",
    "lmc": "Plain LMC",
    "tempering": "Parallel tempering",
    "nuts": "No-U-Turn sampler",
}


@dataclass(frozen=True)
class Chain:
    """A chain over time: steps (T,), particles x (T, P, 2) in the user's units, jumped (T, P) since the moment before,
    shares (T, modes) of the particles in each basin."""

    key: str
    title: str
    steps: np.ndarray
    x: np.ndarray
    jumped: np.ndarray
    shares: np.ndarray | None

    @property
    def jumps(self) -> bool:
        """Whether any particle ever jumped."""
        return bool(self.jumped.any())


def load(run: Run) -> list[Chain]:
    """The run's chain, and that of plain LMC beside it. Raises InputError where the run left none."""
    trace = data.arrays(run, "trace.npz")
    method = str(run.settings.get("method", run.spec.method))
    found = [_chain(trace, "", method)]
    if "lmc_x" in trace:
        found.append(_chain(trace, "lmc_", "lmc"))
    return found


def _chain(trace: data.Arrays, prefix: str, method: str) -> Chain:
    x = trace[f"{prefix}x"]
    jumped = trace.get(f"{prefix}jumped", np.zeros(x.shape[:2], dtype=bool))
    return Chain(method, METHODS[method], trace[f"{prefix}steps"], x, jumped, trace.get(f"{prefix}shares"))


def mode_names(modes: list[dict[str, Any]]) -> list[str]:
    """A basin by the place of its mode."""
    return ["(" + ", ".join(f"{value:.3g}" for value in mode["location"]) + ")" for mode in modes]
