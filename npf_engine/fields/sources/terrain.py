"""Terrain that is always there: the embedded one, and a fractal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from npf_engine.fields.field import Field
from npf_engine.fields.fractal import SIDE
from npf_engine.fields.sources.registry import register
from npf_engine.fields.sources.source import TERRAIN_VALUE, FieldInfo, Progress, Source
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.terrains import fractal_field, jacksboro_field

TITLES = {"jacksboro": "Jacksboro fault, Tennessee (embedded)", "fractal": "Fractal terrain with a seed"}
PIXELS = {"jacksboro": 344 * 403, "fractal": SIDE * SIDE}


@register
@dataclass(frozen=True)
class Terrain(Source):
    """``jacksboro`` and ``fractal``."""

    terrain: ClassVar[bool] = True

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if spec.source.strip().lower() in TITLES else None

    @property
    def name(self) -> str:
        """jacksboro or fractal."""
        return self.spec.source.strip().lower()

    @property
    def title(self) -> str:
        return TITLES[self.name]

    def build(self, progress: Progress | None = None) -> Field:
        make = jacksboro_field if self.name == "jacksboro" else fractal_field
        return make(self.spec, progress)

    @classmethod
    def listed(cls) -> list[FieldInfo]:
        return [
            FieldInfo(name, title, "samples", 2, PIXELS[name], TERRAIN_VALUE, False, "terrain")
            for name, title in TITLES.items()
        ]
