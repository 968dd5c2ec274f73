"""Up to where each figure of the accuracy table is good, and what a model has of it beyond chance.

Beyond chance is one-sided at 99.5 % (measures/measured.py): a ratio is divided by its doubt, and its noise is taken off
a sliced distance, a misplaced mass and a hole before the floor is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from npf_engine.measures.accuracy import Accuracy
from npf_engine.measures.measured import Measured

# (good, usable): the ratio at most this
LIMITS = {"pushforward": (1.25, 2.0), "measure_preservation": (1.6, 3.0), "inverse": (1.5, 2.5)}
# (good, usable): value - floor in percent of the variance. Gallery models have 0.02 to 0.2; a tenth is a bad map still.
SHARES = {"pushforward_sliced": (1.0, 10.0), "measure_preservation_sliced": (1.0, 10.0)}
# (good, usable): percent of the mass of M#rho that is in a wrong cell, the floor taken off in squares, and its widest
# hole, value - floor in percent of the spread of rho; in many dimensions a floor is wide, so by HOLE too. Trainings
# that look even have 4 to 7 and 5 to 6
MISPLACED, WIDE, HOLE = (8.0, 25.0), (7.5, 30.0), 1.5
# (good, usable) of the root mean square of M_xi - M_theta over the spread of M; gallery models have 0.014 to 0.024
MAP_ERROR = (0.04, 0.2)
NO_FLOOR = (0.1, 0.5)  # (good, usable) of the way to the trivial answer, where the floor is 0 and there is no ratio
RECONSTRUCTION = (0.2, 0.75)  # of the error of F's mean
MISS = (0.25, 0.75)  # |F(x) - v| at drawn pre-images: over the spread of F, over a random place's
LOCAL, GAPS = "measure_preservation_local", "measure_preservation_hole"


@dataclass(frozen=True)
class Beyond:
    """figure: what there is beyond chance, in the unit of the row's value, or a ratio; limit: good up to it."""

    figure: float
    limit: float


def beyond(metrics: Accuracy, name: str) -> Beyond | None:
    """Of the row ``name`` of the table; None where it was not measured, or is held against no limit."""
    row: object = getattr(metrics, name)
    if isinstance(row, Measured):
        return of_law(name, row)
    if name == "inverse_miss" and metrics.inverse_miss is not None:
        return Beyond(metrics.inverse_miss.mean, MISS[0])
    if name == "map_error" and metrics.map_error is not None:
        return Beyond(metrics.map_error.value, MAP_ERROR[0])
    rebuilt = metrics.reconstruction
    if name == "reconstruction" and rebuilt is not None and rebuilt.trivial:
        return Beyond(rebuilt.l2 / rebuilt.trivial, RECONSTRUCTION[0])
    return None


def of_law(name: str, row: Measured) -> Beyond | None:
    """The same of a row that has a floor."""
    if name in LIMITS:
        return None if row.ratio is None else Beyond(row.ratio / row.doubt, LIMITS[name][0])
    if name in SHARES:
        return Beyond(surely(row), SHARES[name][0])
    if name == LOCAL:
        return Beyond(misplaced(row), MISPLACED[0])
    if name == GAPS:
        return Beyond(surely(row) if row.surely_above(HOLE) else 0.0, WIDE[0])
    return None


def surely(row: Measured) -> float:
    """What a value has above its floor beyond chance, 0 where it has nothing."""
    return max(0.0, row.excess - row.noise)


def misplaced(row: Measured) -> float:
    """The same of the mass in a wrong cell, where chance adds to each cell's true difference in squares."""
    value = row.value - row.noise
    return math.sqrt(max(0.0, value * value - row.floor * row.floor)) if value > 0 else 0.0
