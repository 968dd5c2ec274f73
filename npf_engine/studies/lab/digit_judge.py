"""How good generated digits are: does a classifier recognise them, and are all ten there.

Every figure stands between its floor, unseen real digits in the place of the generated ones, and its trivial answer,
the closed-form Gaussian map, which has the digits' mean and covariance and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.transport.gaussian import gaussian_map

NEIGHBOURS = 10
AGREEMENT = 0.9  # of the neighbours' labels, for a digit to count as recognised
KNOWN = 6000  # digits that the classifier knows


@dataclass(frozen=True)
class Recognition:
    """recognised: share of images whose ten nearest real digits agree to 90 %; entropy of the predicted classes in nats
    (ten equal classes: log 10 = 2.303); counts (10,): images of each class."""

    recognised: float
    entropy: float
    counts: tuple[int, ...]


class DigitJudge:
    """A nearest-neighbour classifier on codes: unlike a network it is unsure away from what it knows.

    codes (n, k), labels (n,) of real digits: the first are known to the classifier, the last third is held out for the
    floor and as reference. Raises InputError for fewer than 300 digits.
    """

    def __init__(self, codes: Tensor, labels: Tensor, seed: int = 0) -> None:
        if len(codes) < 300:
            raise InputError(f"judging digits needs at least 300 real ones, not {len(codes)}")
        from sklearn.neighbors import KNeighborsClassifier  # imports for a second

        order = torch.randperm(len(codes), generator=seeds.generator(seed, "digits.split"))
        cut = 2 * len(codes) // 3
        known, held = order[:cut][:KNOWN], order[cut:]
        self.classifier = KNeighborsClassifier(NEIGHBOURS).fit(codes[known].numpy(), labels[known].numpy())
        self.held = codes[held]
        guess = self.classifier.predict(self.held[:2000].numpy())
        self.accuracy = float(np.mean(guess == labels[held][:2000].numpy()))
        S, m = gaussian_map(
            torch.randn(20_000, codes.shape[1], generator=seeds.generator(seed, "digits.gaussian")), codes
        )
        self.gaussian = lambda x: (x.double() @ S.T + m).float()

    def recognise(self, codes: Tensor) -> Recognition:
        """Of codes (n, k)."""
        shares = self.classifier.predict_proba(codes.numpy())
        counts = np.bincount(self.classifier.classes_[shares.argmax(1)], minlength=10)
        p = counts[counts > 0] / counts.sum()
        recognised = float((shares.max(1) >= AGREEMENT - 1e-9).mean())
        return Recognition(recognised, float(-(p * np.log(p)).sum()), tuple(int(c) for c in counts))
