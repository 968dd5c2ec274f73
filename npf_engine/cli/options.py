"""What can be set for the commands that run nothing: how many draws, from which seed, on how many threads."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.base import Spec
from npf_engine.settings.limits import MAX_SAMPLES
from npf_engine.settings.setting import group, seed_setting, setting, threads_setting


@dataclass(frozen=True)
class PreviewOptions(Spec):
    """Of ``preview``."""

    field: FieldSpec = group(FieldSpec, "Field", "Settings of the field.")


@dataclass(frozen=True)
class EvaluateOptions(Spec):
    """Of ``evaluate``. field: what differs from the field that the model was trained on."""

    draws: int = setting(64, "Draws of every figure.", why="a standard error needs two", least=2, most=10_000)
    seed: int = seed_setting("Seed of the draws.")
    threads: int = threads_setting()
    field: FieldSpec = group(FieldSpec, "Field", "Settings of the field that differ from the training's.", flags=False)


@dataclass(frozen=True)
class InvertOptions(Spec):
    """Of ``invert``."""

    samples: int = setting(500, "How many positions to draw.", most=MAX_SAMPLES)
    seed: int = seed_setting("Seed of the draws.")
    threads: int = threads_setting()
