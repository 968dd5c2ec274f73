"""Any place of the Earth: a region of the gazetteer, a city, or a box of degrees, with its elevation fetched."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from typing import ClassVar, Self

from npf_engine.errors import InputError
from npf_engine.fields.field import Field
from npf_engine.fields.places import elevation_fetch, find, kept
from npf_engine.fields.sources.registry import register, source_of, sources
from npf_engine.fields.sources.source import ANY_NAME, TERRAIN_VALUE, Family, FieldInfo, Progress, Source
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.terrains import place_field


@register
@dataclass(frozen=True)
class Coordinates(Source):
    """``coordinates`` with bounds: west, south, east, north in degrees."""

    family: ClassVar[Family] = "place"
    terrain: ClassVar[bool] = True

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if spec.source.strip().lower() == "coordinates" else None

    @property
    def place(self) -> find.Place:
        """The box. Raises InputError where it is none."""
        if self.spec.bounds is None:
            raise InputError("The field 'coordinates' needs bounds: west, south, east, north in degrees.")
        return find.coordinates_place(self.spec.bounds)

    @property
    def title(self) -> str:
        return title_of(self.spec.bounds)

    def build(self, progress: Progress | None = None) -> Field:
        return place_field(self.place, self.spec, progress)


def title_of(bounds: tuple[float, ...] | None) -> str:
    """A box in words."""
    if bounds is None or len(bounds) != 4:
        return "coordinates"
    west, south, east, north = bounds
    return f"{south:g} to {north:g} north, {west:g} to {east:g} east"


@register
@dataclass(frozen=True)
class Place(Source):
    """A region or a city; every name that nothing else has may be one, so it is asked last."""

    rank: ClassVar[int] = ANY_NAME
    family: ClassVar[Family] = "place"
    terrain: ClassVar[bool] = True

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec)

    @functools.cached_property
    def place(self) -> find.Place:
        """The box. Raises InputError with the nearest names where there is none of this name."""
        name = self.spec.source.strip()
        region = find.find_region(name)
        if region is not None:
            return region
        built_in = ["expression", "coordinates"]
        built_in += [info.name for source in sources() if source is not Place for info in source.listed()]
        near = difflib.get_close_matches(name.lower(), built_in, n=3, cutoff=0.7)
        try:
            return find.find_place(name, self.spec.size_km)
        except InputError as error:
            # a slip in a built-in name is likelier than one in a village's
            if near and "There is no region" in str(error):
                raise InputError(f"There is no field called {name!r}; did you mean {' or '.join(near)}?") from error
            raise

    @property
    def title(self) -> str:
        return self.spec.source.strip()

    def build(self, progress: Progress | None = None) -> Field:
        return place_field(self.place, self.spec, progress)

    @classmethod
    def listed(cls) -> list[FieldInfo]:
        """The gazetteer, and what was kept by name; a place whose raster is in the cache already needs no network."""
        return [
            FieldInfo(
                place.name,
                place.title,
                "samples",
                2,
                None,
                TERRAIN_VALUE,
                not elevation_fetch.clip_path(place.bounds).is_file(),
                "place",
            )
            for place in [*find.gazetteer(), *kept.cities()]
        ]


def place_of(spec: FieldSpec) -> find.Place | None:
    """The region or city that a field is named by; None for fields of any other kind."""
    source = source_of(spec)
    if not isinstance(source, Place | Coordinates):
        return None
    try:
        return source.place
    except InputError:
        return None


def must_be_fetched(spec: FieldSpec, place: find.Place | None) -> bool:
    """Whether the elevation of the place is not on this machine yet."""
    return place is not None and not elevation_fetch.clip_path(place.bounds, spec.product).is_file()
