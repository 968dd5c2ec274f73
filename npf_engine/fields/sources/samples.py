"""A program's own samples or function, and the classifier's loss: fields that no name builds again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from npf_engine.errors import InputError
from npf_engine.fields import own
from npf_engine.fields.field import Field
from npf_engine.fields.sources.registry import register
from npf_engine.fields.sources.source import Family, Functions, Progress, Source
from npf_engine.fields.spec import FieldSpec

CLASSIFIER = "classifier"


@register
@dataclass(frozen=True)
class Samples(Source):
    """``own-samples`` and ``own-function``: passed to ``npf.factorize``, never found by name."""

    family: ClassVar[Family] = "program"

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if spec.source.strip().lower() in own.NAMES else None

    @property
    def title(self) -> str:
        return self.spec.source.strip()

    def build(self, progress: Progress | None = None) -> Field:
        raise own.refuse(self.spec.source.strip().lower())


@register
@dataclass(frozen=True)
class ClassifierLoss(Source):
    """``classifier``: the stochastic gradient of a small network's loss, which its experiments sample themselves."""

    family: ClassVar[Family] = "program"

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if spec.source.strip().lower() == CLASSIFIER else None

    @property
    def title(self) -> str:
        return "A classifier's loss"

    def build(self, progress: Progress | None = None) -> Field:
        raise InputError("The field classifier is made by its experiments (npf experiment 5.3), not by name.")

    def functions(self) -> Functions | None:
        from npf_engine.fields import classifier  # which loads digits' readers: only where it is meant

        return classifier.functions(self.spec)
