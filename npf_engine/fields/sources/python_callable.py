"""Code that a description names (``flow.py:F``, ``module:function``): never run, whoever wrote the description.

A description comes from a link, a form, a bundle or somebody's spec.json. Whoever types a command or calls the library
names code there (library/own_code.py), and the field that comes of it is built before any description is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from npf_engine.errors import InputError
from npf_engine.fields.field import Field
from npf_engine.fields.price import Price
from npf_engine.fields.sources.registry import register
from npf_engine.fields.sources.source import Family, Progress, Source
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import shown

_CODE = re.compile(
    r"callable:.*|.*\.py[cwio]?|.*\.py:[\w.]*|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", re.IGNORECASE | re.DOTALL
)


@register
@dataclass(frozen=True)
class PythonCallable(Source):
    """A name of code, refused."""

    family: ClassVar[Family] = "program"

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if _CODE.fullmatch(spec.source.strip()) else None

    @property
    def title(self) -> str:
        return self.spec.source.strip()

    def build(self, progress: Progress | None = None) -> Field:
        raise self._refusal()

    def price(self) -> Price:
        raise self._refusal()

    def _refusal(self) -> InputError:
        return InputError(
            f"The field {shown(self.title)} is code, which no description can have run; name it on the command line "
            "(npf train --callable flow.py:F --low -1 -1 --high 1 1) or pass the function to npf.factorize."
        )
