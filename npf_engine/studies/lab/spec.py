"""What the Monge lab shall run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import flatten, to_json, with_dotted
from npf_engine.settings.setting import PROCESSOR, device_setting, group, seed_setting, setting, threads_setting
from npf_engine.transport.drift_settings import DriftChoice
from npf_engine.transport.methods import registry
from npf_engine.transport.methods.method import Budget
from npf_engine.transport.methods.monotone import MonotoneChoice

LEAST_POINTS = 16


@dataclass(frozen=True)
class LabSpec(Spec):
    """Without a budget every method has its own settings (for drift-mixture those of its paper)."""

    task: str = setting(
        "drift-mixture",
        "drift-mixture, gaussian, mixtures, four-to-normal, seven-gaussians, convex, digits (32 "
        "principal components), digit-pixels, field:NAME, or the first of two files of points (.csv, .npz).",
        path=True,
    )
    target: str | None = setting(None, "The second of two files of points.", path=True)
    methods: tuple[str, ...] = setting(
        ("explicit", "implicit", "gaussian"),
        "The ways to learn a map that are compared.",
        choices=registry.names,
        longest=64,
    )
    seeds: int = setting(3, "So many runs of each method: mean, spread and the share that failed.", most=1000)
    first_seed: int = seed_setting("Of the first run: fixes every random draw.", flag="seed")
    budget_seconds: float | None = setting(
        None, "Of the clock, for each method and seed.", title="seconds", unit="seconds", most=limits.MAX_SECONDS
    )
    budget_steps: int | None = setting(
        None, "Of the gradient, for each method and seed.", title="steps", most=limits.MAX_STEPS
    )
    d: int | None = setting(
        None,
        "Of gaussian, convex and seven-gaussians, 1 to 128.",
        title="dimension",
        why="2",
        flag="dimension",
        most=limits.MAX_D,
    )
    points: int | None = setting(
        None,
        "Unseen points that all methods are measured on; empty: as many as the measure likes.",
        title="test points",
        least=LEAST_POINTS,
        most=100_000,
    )
    drift: DriftChoice = group(DriftChoice, "Constrained drifting", "For all of its schemes.")
    mgn: MonotoneChoice = group(MonotoneChoice, "Monotone gradient networks", "For C-MGN and M-MGN.")
    device: str = device_setting("cpu", PROCESSOR)
    threads: int = threads_setting(1)

    def together(self) -> None:
        """InputError where there is no method, or one twice."""
        if not self.methods:
            raise InputError(f"choose at least one method of {', '.join(registry.names())}")
        if len(set(self.methods)) < len(self.methods):
            raise InputError("a method is named twice; name each once")

    @property
    def budget(self) -> Budget:
        """What each run of a method may spend."""
        return Budget(self.budget_seconds, self.budget_steps)

    @property
    def default_name(self) -> str:
        """The task and how many methods: what a run without a name of its own is called."""
        task = self.task if self.target is None else f"{Path(self.task).stem} to {Path(self.target).stem}"
        count = len(self.methods)
        return f"{task.removeprefix('field:')}, {count} method{'s' * (count != 1)}"

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return to_json(self)

    @staticmethod
    def from_json(data: Mapping[str, object]) -> LabSpec:
        """Raises InputError for keys that are none of ours."""
        return with_dotted(LabSpec(), flatten(data))
