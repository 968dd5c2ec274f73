"""What a landscape run left: its chain over time, what it found in each basin, and the run of plain LMC beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npf_engine.numbers import number as numeral
from npf_engine.runs.store import Run
from npf_engine.sampling import sampler
from npf_engine.studies.landscape.result import Mode
from npf_engine.studies.landscape.spec import TARGET, LandscapeSpec
from pages.landscape import data
from ui import runs

KIND = "landscape"
SHOWN = 3  # coordinates of a mode that stand in its name
PLAIN = "lmc"  # the method that every other is put beside


def title(method: str) -> str:
    """What a sampler is called; its name where this version knows none."""
    found = sampler.known().get(method)
    return method if found is None else found.title


@dataclass(frozen=True)
class Chain:
    """A chain over time: steps (T,), paths (T, P, 2) in the user's units, jumped (T, P) since the moment before,
    shares (T, modes) of the particles in each basin."""

    key: str
    title: str
    steps: np.ndarray
    paths: np.ndarray
    jumped: np.ndarray
    shares: np.ndarray

    def at(self, share: float) -> int:
        """The moment at this share of the way."""
        return round(share * (len(self.steps) - 1))


def load(run: Run) -> Chain | None:
    """The chain of a run, None for a method that keeps none. Raises InputError where the run left nothing."""
    kept = data.arrays(run, "particles.npz")
    if not len(kept["steps"]):
        return None
    method = run.spec_of(LandscapeSpec).method
    return Chain(method, title(method), kept["steps"], kept["paths"], kept["jumped"], kept["shares"])


def plain(spec: LandscapeSpec) -> LandscapeSpec:
    """The spec of plain LMC from the same start with the same number of gradients."""
    usual = LandscapeSpec()  # it does not jump
    return dataclasses.replace(
        spec,
        method=PLAIN,
        law=TARGET,
        factorization=usual.factorization,
        start_at=usual.start_at,
        density=usual.density,
    )


def beside(spec: LandscapeSpec) -> Run | None:
    """The newest run of plain LMC with the settings of ``spec`` that is done or will be, a finished one first."""
    found = [run for run in runs.store().list(KIND) if run.spec == plain(spec) and (run.state == "done" or run.active)]
    return next((run for run in found if run.state == "done"), found[0] if found else None)


def mode_names(modes: Sequence[Mode]) -> list[str]:
    """Basins by their number and the place of their mode."""
    places = [", ".join(numeral(value) for value in mode.location[:SHOWN]) for mode in modes]
    places = [f"{text}, …" if len(mode.location) > SHOWN else text for text, mode in zip(places, modes, strict=True)]
    return [f"{number}: ({place})" for number, place in enumerate(places, start=1)]
