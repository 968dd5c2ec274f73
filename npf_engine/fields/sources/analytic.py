"""Fields with a formula and a name: ``himmelblau``, ``swirl``, ``linear``, ..."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

from npf_engine.fields import analytic
from npf_engine.fields.field import Field
from npf_engine.fields.price import Price, function_price
from npf_engine.fields.sources.registry import register
from npf_engine.fields.sources.source import FieldInfo, Functions, Progress, Source, ValueWord
from npf_engine.fields.spec import FieldSpec

OPERATIONS, FLOW_OPERATIONS = 40, 400  # of a formula, about


@register
@dataclass(frozen=True)
class Analytic(Source):
    """An entry of ``fields.analytic.INFO``; rho, low, high, matrix and n_samples of the description apply."""

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        name = spec.source.strip().lower()
        return cls(dataclasses.replace(spec, source=name)) if name in analytic.INFO else None

    @property
    def title(self) -> str:
        return analytic.INFO[self.spec.source].title

    def build(self, progress: Progress | None = None) -> Field:
        return analytic.build(self.spec, progress)

    @classmethod
    def listed(cls) -> list[FieldInfo]:
        n = FieldSpec().n_samples
        return [
            FieldInfo(name, about.title, "function", about.d, n, about.units, False, "analytic")
            for name, about in analytic.INFO.items()
        ]

    @property
    def value_word(self) -> ValueWord:
        return "gradient" if analytic.INFO[self.spec.source].gradient else "vector"

    def functions(self) -> Functions | None:
        return analytic.functions(self.spec)

    def price(self) -> Price:
        d = max(analytic.INFO[self.spec.source].d, len(self.spec.low), len(self.spec.matrix))
        more = 2 * d * d if self.spec.source == "linear" else 0
        flow = bool(analytic.INFO[self.spec.source].uses)
        return function_price(self.spec.n_samples, d, FLOW_OPERATIONS if flow else OPERATIONS + more)
