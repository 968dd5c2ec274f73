"""Scores of digits by hand: ten clusters on a ring stand for them, each image's neighbours are then known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.studies.lab.digit_judge import DigitJudge

N = 300
LABELS = torch.arange(N) % 10
ANGLE = 2 * math.pi * torch.arange(10) / 10
MIDDLES = torch.stack([40 + 10 * ANGLE.cos(), 3 + 2 * ANGLE.sin()], 1)


def codes(n: int = N) -> Tensor:
    return MIDDLES[LABELS[:n]] + 0.02 * torch.randn(n, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def judge() -> DigitJudge:
    return DigitJudge(codes(), LABELS)


def test_a_third_is_held_out_and_the_others_are_known(judge: DigitJudge) -> None:
    known = torch.from_numpy(judge.classifier._fit_X)
    assert len(known) == 200 and judge.held.shape == (100, 2) and judge.accuracy == 1.0
    assert len(torch.cat([known.float(), judge.held]).unique(dim=0)) == N, "none is both"
    with pytest.raises(InputError, match="300 real ones, not 299"):
        DigitJudge(codes(299), LABELS[:299])
    wrong = DigitJudge(codes(), torch.where(LABELS % 2 == 1, LABELS, 0))  # the even ones are told to be zeros
    assert wrong.accuracy == 1.0
    assert DigitJudge(codes(), LABELS[torch.randperm(N, generator=torch.Generator().manual_seed(0))]).accuracy < 0.3


def test_recognised_counts_and_entropy_by_hand(judge: DigitJudge) -> None:
    found = judge.recognise(MIDDLES[[0, 0, 0, 3]])
    assert found.recognised == 1.0 and found.counts == (3, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    assert found.entropy == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert judge.recognise(MIDDLES).entropy == pytest.approx(math.log(10))


def test_an_image_is_recognised_where_nine_of_ten_neighbours_agree() -> None:
    """On a line: of the ten places nearest to 0, one or two have another label."""
    place = torch.arange(N).float()[:, None]
    for others, recognised in ((1, 1.0), (2, 0.0)):
        judge = DigitJudge(place, LABELS)
        labels = np.ones(60, dtype=int)
        labels[:others] = 2
        judge.classifier.fit(place[:60].numpy(), labels)
        found = judge.recognise(torch.zeros(1, 1))
        assert found.recognised == recognised and found.counts[1] == 1


def test_the_gaussian_map_gives_noise_the_digits_mean_and_covariance(judge: DigitJudge) -> None:
    cloud = judge.gaussian(torch.randn(20_000, 2, generator=torch.Generator().manual_seed(5))).double()
    real = codes().double()
    torch.testing.assert_close(cloud.mean(0), real.mean(0), atol=0.2, rtol=0)
    torch.testing.assert_close(cloud.T.cov(), real.T.cov(), atol=0.5, rtol=0.05)
