"""How well chains mix: split R-hat and the effective sample size, rank-normalised (Vehtari and others 2021).

Both look at chains alone. Chains that all sit in the same one of several modes agree with each other: neither figure
can see a mode that no chain has found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npf_engine.settings import reading
from npf_engine.settings.reading import Record

SHORTEST = 8  # frames of a chain, below which there is nothing to tell


@dataclass(frozen=True)
class Mixing:
    """The worst over the coordinates: r_hat, and ess (bulk) of all draws together; chains, frames of each."""

    r_hat: float
    ess: float
    chains: int
    frames: int

    def to_json(self) -> dict[str, object]:
        """By their names."""
        return {"r_hat": self.r_hat, "ess": self.ess, "chains": self.chains, "frames": self.frames}

    @classmethod
    def of_json(cls, data: Record) -> Mixing:
        """Inverse of ``to_json``."""
        r_hat, ess = (float(reading.number(data, key)) for key in ("r_hat", "ess"))
        return cls(r_hat, ess, reading.whole(data, "chains"), reading.whole(data, "frames"))


def mixing(x: np.ndarray) -> Mixing | None:
    """Of frames x (T, P, d): P chains at T moments, one lag apart. None where they are too few or do not move."""
    frames, chains, d = x.shape
    if frames < SHORTEST or chains < 2:
        return None
    found = [(r_hat(x[:, :, k]), effective(x[:, :, k])) for k in range(d)]
    if not np.isfinite(found).all():
        return None
    return Mixing(max(r for r, _ in found), min(e for _, e in found), chains, frames)


def r_hat(x: np.ndarray) -> float:
    """The larger of split R-hat of the ranks of x (T, P) and of its distances from the median."""
    folded = np.abs(x - np.median(x))
    return max(_r_hat(_normal(_split(x))), _r_hat(_normal(_split(folded))))


def effective(x: np.ndarray) -> float:
    """The effective sample size of x (T, P) in the bulk: by the autocorrelations of its ranks, summed in pairs for as
    long as they fall and are positive (Geyer 1992)."""
    z = _normal(_split(x))
    frames, chains = z.shape
    centred = z - z.mean(axis=0)
    size = 2 ** int(np.ceil(np.log2(2 * frames)))
    power = np.abs(np.fft.rfft(centred, n=size, axis=0)) ** 2
    covariance = np.fft.irfft(power, n=size, axis=0)[:frames].mean(axis=1) / frames
    within = covariance[0] * frames / (frames - 1)
    total = covariance[0] + z.mean(axis=0).var(ddof=1)
    if not total > 0:
        return float("nan")
    rho = 1 - (within - covariance * frames / (frames - 1)) / total
    rho[0] = 1.0
    pairs = rho[: 2 * (frames // 2)].reshape(-1, 2).sum(axis=1)
    negative = np.nonzero(pairs <= 0)[0]
    kept = np.minimum.accumulate(pairs[: negative[0] if len(negative) else len(pairs)])
    beyond = max(float(rho[2 * len(kept)]), 0.0) if 2 * len(kept) < len(rho) else 0.0
    time = max(2 * kept.sum() - 1 + beyond, 1 / np.log10(frames * chains))
    return float(frames * chains / time)


def _split(x: np.ndarray) -> np.ndarray:
    """Each chain as two halves: (T // 2, 2 P)."""
    half = len(x) // 2
    return np.concatenate([x[:half], x[-half:]], axis=1)


def _normal(x: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks of all x (T, P)."""
    from scipy import stats  # a third of a second of every start of a worker

    ranks = stats.rankdata(x, method="average").reshape(x.shape)
    return np.asarray(stats.norm.ppf((ranks - 0.375) / (x.size + 0.25)))


def _r_hat(z: np.ndarray) -> float:
    """sqrt of the variance of all over that within chains, of z (T, P)."""
    frames = len(z)
    between, within = frames * z.mean(axis=0).var(ddof=1), z.var(axis=0, ddof=1).mean()
    return float(np.sqrt(between / within / frames + (frames - 1) / frames)) if within > 0 else float("nan")
