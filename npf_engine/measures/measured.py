"""A measured value: never alone, always between its floor and its trivial answer, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy import special

from npf_engine.settings import reading

SURE = 0.995  # one-sided: a figure counts against a run only where it is over a limit with this confidence


def margin(draws: int | None) -> float:
    """How many standard errors make sure, where the standard error itself comes from this many draws (Student's t).

    3.5 for 8 draws, 2.7 for 64; the normal quantile where the number is not known, infinite for a single draw.
    """
    if draws is None:
        return float(special.stdtrit(10**6, SURE))
    return math.inf if draws < 2 else float(special.stdtrit(draws - 1, SURE))


@dataclass(frozen=True)
class Measured:
    """value: what was measured; floor: the same of two draws of the reference (JSON: self_distance); trivial: what a
    method that learned nothing scores; se: the standard error of ``ratio``; n: points of a cloud; eps of a Sinkhorn
    divergence; draws: how many independent ones the means are of. None where it has no sense."""

    value: float
    floor: float
    trivial: float | None = None
    se: float | None = None
    n: int | None = None
    eps: float | None = None
    draws: int | None = None

    @staticmethod
    def of_draws(rows: Sequence[tuple[float, float, float]], n: int, eps: float | None) -> Measured:
        """From (value, floor, trivial) of each draw.

        ratio = mean value / mean floor; se by the delta method for a ratio of means, the draws being paired.
        """
        data = torch.tensor(rows, dtype=torch.float64)
        value, floor, trivial = (float(v) for v in data.mean(0))
        se = None
        if floor > 0 and len(rows) > 1:
            se = float((data[:, 0] - value / floor * data[:, 1]).std() / math.sqrt(len(rows)) / floor)
        return Measured(value, floor, trivial, se, n, eps, len(rows))

    @staticmethod
    def of_json(item: Mapping[str, object] | None) -> Measured | None:
        """From the contract's metric object; None where it was not measured or has no floor."""
        if not item or item.get("value") is None or item.get("self_distance") is None:
            return None
        return Measured(
            float(reading.number(item, "value")),
            float(reading.number(item, "self_distance")),
            trivial=reading.maybe_number(item, "trivial"),
            se=reading.maybe_number(item, "se"),
            n=reading.maybe_whole(item, "n"),
            eps=reading.maybe_number(item, "eps"),
            draws=reading.maybe_whole(item, "draws"),
        )

    def to_json(self) -> dict[str, float | int | None]:
        """The contract's metric object."""
        return {
            "value": self.value,
            "self_distance": self.floor,
            "ratio": self.ratio,
            "se": self.se,
            "trivial": self.trivial,
            "n": self.n,
            "eps": self.eps,
            "draws": self.draws,
        }

    @property
    def ratio(self) -> float | None:
        """value / floor; None for a floor of zero."""
        return self.value / self.floor if self.floor > 0 else None

    @property
    def gap(self) -> float | None:
        """Where the value lies between its floor, 0, and its trivial answer, 1; None where those cannot be told
        apart."""
        if self.trivial is None or not math.isfinite(self.trivial) or self.trivial <= self.floor:
            return None
        return (self.value - self.floor) / (self.trivial - self.floor)

    @property
    def excess(self) -> float:
        """value - floor: an estimate of the true distance of the two laws, which for the floor is zero."""
        return self.value - self.floor

    @property
    def noise(self) -> float:
        """How far above its true value ``excess`` may be by chance: its standard error times ``margin``."""
        if self.draws is not None and self.draws < 2:
            return math.inf
        return 0.0 if not self.se else self.se * self.floor * margin(self.draws)

    @property
    def doubt(self) -> float:
        """The factor by which the ratio may be off by chance: exp of its relative standard error times ``margin``.

        A ratio far above its limit owes its standard error to the floor, which is wild and multiplied by it: 15.9 +-
        4.1 of four draws is surely above 2, and value - noise would not say so. As a factor, chance cannot make it 2.
        A single draw has no standard error and proves nothing, as ``margin`` has it.
        """
        if self.draws is not None and self.draws < 2:
            return math.inf
        if not self.se or not self.ratio or self.ratio <= 0:
            return 1.0
        exponent = self.se / self.ratio * margin(self.draws)
        return math.exp(exponent) if exponent < 700 else math.inf

    def surely_above(self, ratio: float) -> bool:
        """Whether the ratio is above this limit beyond chance."""
        return self.value / self.doubt > ratio * self.floor

    def surely_below(self, ratio: float) -> bool:
        """Whether the ratio is below this limit beyond chance."""
        return self.value * self.doubt < ratio * self.floor

    def sees_trivial(self, ratio: float) -> bool:
        """Whether the trivial answer itself would surely be above this limit; where not, this figure cannot tell the
        map from one that learned nothing. The trivial answer's relative noise is taken to be the value's."""
        if self.trivial is None or self.value <= 0:
            return False
        return self.trivial / self.doubt > ratio * self.floor
