"""A fractal terrain in the place of one whose elevation cannot be had: of its size, and as high as its land is said to
be, or as is guessed."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

from npf_engine.fields.fractal import HURST
from npf_engine.fields.places.find import KM_PER_DEGREE, Place, heights_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.numbers import number

SEEDS = 10_000  # a place's fractal has one of so many seeds
HIGHEST = 4000.0  # metres that are guessed at most


@dataclass(frozen=True)
class StandIn:
    """relief: metres, whether it is known; side_km: of its square, as large as the place's box; told: what is known of
    both, and what is guessed."""

    seed: int
    relief: float
    side_km: float
    known: bool
    told: str


def stand_in(place: Place | None, name: str) -> StandIn:
    """The terrain that stands in for a ``place``, or for one called ``name`` of which nobody knows where it lies: the
    same for the same place, everywhere.

    Its relief is that of the gazetteer; where that has none, what a fractal of the place's size has whose law goes on
    from the built-in one: relief grows with the side to the power of its Hurst exponent.
    """
    default = FieldSpec(source="fractal")
    seed = zlib.crc32(f"{name.strip().lower()} {None if place is None else place.bounds}".encode()) % SEEDS
    if place is None:
        told = "where it lies is not known: size and relief are those of the built-in fractal"
        return StandIn(seed, default.relief, default.side_km, False, told)
    side = _side(place)
    size = f"its size, {number(side)} km on a side, is that of the place's box"
    known = heights_of(place)
    if known is not None:
        low, high = known
        told = f"{size}, and its relief that of the land there, which lies between about {low:,.0f} and {high:,.0f} m"
        return StandIn(seed, high - low, side, True, told)
    relief = min(HIGHEST, default.relief * (side / default.side_km) ** HURST)
    relief = 100.0 * max(1, round(relief / 100))
    told = (
        f"{size}; its relief, {relief:,.0f} m, is guessed from the size alone, as of mountains: change it in *Options*"
    )
    return StandIn(seed, relief, side, False, told)


def _side(place: Place) -> float:
    """Of the square, in kilometres to a tenth, that is as large as the place's box on a sphere."""
    west, south, east, north = place.bounds
    across = (east - west) % 360.0 or 360.0
    high = math.degrees(math.sin(math.radians(north)) - math.sin(math.radians(south)))
    return min(1000.0, max(0.1, round(KM_PER_DEGREE * math.sqrt(across * high), 1)))
