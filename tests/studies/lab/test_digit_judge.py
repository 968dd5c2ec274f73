"""Scores of digits by hand: ten clusters on a ring stand for them, each image's neighbours are then known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.divergences import default_eps
from npf_engine.errors import InputError
from npf_engine.studies.lab import digit_judge
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


def test_scores_are_of_the_sample_the_held_out_digits_and_the_gaussian_map(
    judge: DigitJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    seen: list[tuple[Tensor, Tensor, float]] = []

    def sample(n: int, seed: int) -> Tensor:
        asked.append((n, seed))
        return MIDDLES[[seed % 10]].expand(n, 2)

    def divergence(cloud: Tensor, reference: Tensor, eps: float) -> float:
        seen.append((cloud, reference, eps))
        return (3.0, 2.0, 9.0)[(len(seen) - 1) % 3]

    monkeypatch.setattr(digit_judge, "sinkhorn_divergence", divergence)
    found: dict[str, Any] = judge.scores(sample, n=1000)
    assert asked == [(50, 1), (50, 2), (50, 3)], "half of what is held out, and another draw each time"
    assert found["counts"] == (0, 50, 0, 0, 0, 0, 0, 0, 0, 0) and found["accuracy"] == 1.0
    assert found["recognised"]["value"] == found["recognised"]["real"] == 1.0 > found["recognised"]["gaussian"]
    assert found["entropy"]["value"] == 0.0 and found["entropy"]["most"] == pytest.approx(2.302585)
    assert found["entropy"]["real"] == judge.recognise(judge.held[:50]).entropy > found["entropy"]["gaussian"] > 0
    row = found["pushforward"]
    assert (row["value"], row["self_distance"], row["trivial"], row["n"], row["draws"]) == (3.0, 2.0, 9.0, 50, 2)
    assert row["eps"] == seen[3][2] == pytest.approx(default_eps(seen[3][1]))
    for (image, reference, _), (other, *_), (plain, *_) in (seen[:3], seen[3:]):
        assert torch.equal(torch.cat([reference, other]).sort(0).values, judge.held.sort(0).values), "its two halves"
        assert float(image.std(0).max()) < 1e-4 and plain.shape == (50, 2)
        assert float((plain.mean(0) - judge.held.mean(0)).abs().max()) < 4
    assert not torch.equal(seen[0][1], seen[3][1]) and not torch.equal(seen[2][0], seen[5][0])
    assert judge.scores(sample, n=20, draws=1)["pushforward"]["n"] == 20
