"""Where (x, F(x)) comes from: what every source of fields says of itself.

A source is one frozen class in one file. ``parse`` tells whether a description is its own, ``build`` makes the Field;
everything else that asks "what kind of field is this?" asks the source.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from torch import Tensor

from npf_engine.fields.field import Field, Kind
from npf_engine.fields.price import Price, raster_price
from npf_engine.fields.spec import FieldSpec

Progress = Callable[[float, float, str], None]
Functions = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor] | None]
Family = Literal["built in", "place", "file", "formula", "program"]
ValueWord = Literal["gradient", "wind", "vector"]
Group = Literal["terrain", "winds", "raster folder", "analytic", "place"]
# Who is asked first: exact names, then files, then rasters of a folder by name, then any name that may be a place.
NAMES, FILES, FOLDER, ANY_NAME = 0, 10, 20, 30
TERRAIN_VALUE = "metres per pixel"


@dataclass(frozen=True)
class FieldInfo:
    """A field that can be had by its name. n is None where it is known only after the field was built or fetched."""

    name: str
    title: str
    kind: Kind
    d: int
    n: int | None
    units: str
    needs_network: bool
    group: Group


@dataclass(frozen=True)
class Source(ABC):
    """A description that was understood, and what can be had of it.

    rank: when it is asked (NAMES first, ANY_NAME last); family: how a visitor comes to it; terrain: whether F is the
    slope of a grid, so that the options of rasters apply; fixed: whether the name alone says what it is.
    """

    spec: FieldSpec
    rank: ClassVar[int] = NAMES
    family: ClassVar[Family] = "built in"
    terrain: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        """The source that ``spec`` describes, or None where it is of another kind. Opens nothing."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What people call it."""

    @abstractmethod
    def build(self, progress: Progress | None = None) -> Field:
        """The Field. progress(done, total, text) may raise to stop. Raises InputError with one sentence."""

    @property
    def value_word(self) -> ValueWord:
        """What a value of F is: the gradient of a scalar that is known, a wind, or a vector."""
        return "gradient" if self.terrain else "vector"

    @classmethod
    def listed(cls) -> list[FieldInfo]:
        """The fields that this source offers by name."""
        return []

    def functions(self) -> Functions | None:
        """(F, potential or None) in model positions without drawing samples; None where F is known on samples only."""
        return None

    def price(self) -> Price:
        """What building it costs. Raises InputError where it is beyond the limits."""
        return raster_price(self.spec)
