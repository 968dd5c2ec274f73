"""A typed formula: a potential, or the components of F."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

from npf_engine.fields import expression
from npf_engine.fields.field import Field
from npf_engine.fields.price import Price, function_price
from npf_engine.fields.sources.registry import register
from npf_engine.fields.sources.source import Family, Functions, Progress, Source, ValueWord
from npf_engine.fields.spec import FieldSpec

NAME = "expression"


@register
@dataclass(frozen=True)
class Formula(Source):
    """``expression`` with its texts and, where given, low and high."""

    family: ClassVar[Family] = "formula"

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(dataclasses.replace(spec, source=NAME)) if spec.source.strip().lower() == NAME else None

    @property
    def title(self) -> str:
        return title_of(self.spec.expression)

    def build(self, progress: Progress | None = None) -> Field:
        return expression.build(self.spec, progress)

    @property
    def value_word(self) -> ValueWord:
        return "gradient" if len(self.spec.expression) == 1 else "vector"

    def functions(self) -> Functions | None:
        return expression.functions(self.spec)

    def price(self) -> Price:
        texts = self.spec.expression
        return function_price(self.spec.n_samples, expression.dimension(texts, self.spec.low), sum(map(len, texts)))


def title_of(texts: tuple[str, ...]) -> str:
    """A formula as people write it."""
    if not texts:
        return NAME
    return "F = " + ("∇(" + texts[0] + ")" if len(texts) == 1 else ", ".join(texts))
