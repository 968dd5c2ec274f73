"""Mean and covariance of an image beside the target's: what the Gaussian divergence sees of a law, and all it sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.settings import reading
from npf_engine.settings.reading import Record
from npf_engine.transport.gaussian import covariance

MOST, AS_MANY, NUMBERS = 2**18, 256, 2**20  # points; of them for one that the metric has; numbers in them


@dataclass(frozen=True)
class Moments:
    """Errors in per cent: of the mean, of the target's spread (the root of tr C); of the covariance, |C_T - C| / |C|
    (Frobenius)."""

    mean: float
    covariance: float

    def to_json(self) -> dict[str, float]:
        """By their names."""
        return {"mean": self.mean, "covariance": self.covariance}

    @classmethod
    def of_json(cls, data: Record) -> Moments | None:
        """Inverse of ``to_json``; None for nothing. Raises InputError."""
        return cls(reading.number(data, "mean"), reading.number(data, "covariance")) if data else None


def points_for(n: int, d: int) -> int:
    """How many points of R^d tell the moments where the metric takes n: many more, for a divergence is dear and a mean
    is not; at 262,144 points the mean of a draw is off by 0.2 % of the spread."""
    return max(n, min(MOST, AS_MANY * n, NUMBERS // d))


def moment_errors(image: Tensor, y: Tensor) -> Moments:
    """Of an image (n, d) against a target's points (m, d)."""
    C = covariance(y)
    gap = (image.double().mean(0) - y.double().mean(0)).norm() / C.trace().sqrt()
    return Moments(100 * float(gap), 100 * float(torch.linalg.norm(covariance(image) - C) / torch.linalg.norm(C)))
