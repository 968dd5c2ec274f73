"""The colours of a recoloured picture against the palette's: which draws are compared, and their table by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import batched_sinkhorn_divergence, default_eps
from npf_engine.fields.pictures import Picture
from npf_engine.studies.recolor import measure
from npf_engine.studies.recolor.transfer import sample_colours
from npf_engine.transport.gaussian import gaussian_map


def picture(seed: int, low: int, high: int) -> Picture:
    rgb = np.random.default_rng(seed).integers(low, high, (12, 15, 3))
    return Picture((rgb + 0.4 * rgb[:, :, ::-1]).clip(0, 255).astype(np.uint8))


SOURCE, PALETTE, RESULT = picture(0, 0, 90), picture(1, 100, 250), picture(2, 60, 230)


@pytest.mark.parametrize("seed", [0, 3])
def test_each_draw_is_of_its_own_pixels(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of a run is that of its draws, summed up; no two clouds of a picture are the same draw."""
    asked: list[tuple[Any, int, int, bool]] = []
    drawn: list[Tensor] = []

    def watched(picture: Picture, n: int, number: int, *, spread: bool = True) -> Tensor:
        asked.append((picture, n, number, spread))
        drawn.append(sample_colours(picture, n, number, spread=spread))
        return drawn[-1]

    monkeypatch.setattr(measure, "sample_colours", watched)
    row = measure.colour_match(SOURCE, PALETTE, RESULT, n=60, draws=2, seed=seed)
    assert [item[0] for item in asked] == [SOURCE, PALETTE] + 2 * [PALETTE, PALETTE, RESULT, SOURCE]
    assert [item[3] for item in asked] == [True] * 2 + [False] * 8
    assert {item[1] for item in asked[2:]} == {60} and min(item[1] for item in asked[:2]) >= 10_000
    clouds = [f"match.{draw}.{name}" for draw in range(2) for name in ("reference", "other", "image", "trivial")]
    assert [item[2] for item in asked] == [seeds.child(seed, name) for name in ("source", "palette", *clouds)]
    S, m = gaussian_map(drawn[0], drawn[1])
    rows = []
    for reference, other, image, plain in (drawn[2:6], drawn[6:10]):
        eps = default_eps(reference)
        trivial = (plain.double() @ S + m).clamp(0, 1).float()
        rows.append(
            [float(batched_sinkhorn_divergence(c[None], reference[None], eps)[0]) for c in (image, other, trivial)]
        )
    value, floor, trivial_value = np.mean(rows, axis=0)
    assert row["value"] == pytest.approx(value) and row["self_distance"] == pytest.approx(floor)
    assert row["trivial"] == pytest.approx(trivial_value) and row["ratio"] == pytest.approx(value / floor)
    assert (row["n"], row["draws"]) == (60, 2) and row["eps"] == pytest.approx(default_eps(drawn[6]))
    assert row["se"] > 0


def test_the_trivial_answer_is_clipped_to_the_cube() -> None:
    """The Gaussian map of dark colours to black and white leaves the cube, and no picture can."""
    black_and_white = Picture(np.where(np.arange(12 * 15).reshape(12, 15, 1) % 2, 255, 0).repeat(3, 2).astype(np.uint8))
    row = measure.colour_match(SOURCE, black_and_white, SOURCE, n=200, draws=2)
    S, m = gaussian_map(sample_colours(SOURCE, 2000, 0), sample_colours(black_and_white, 2000, 1))
    loose = sample_colours(SOURCE, 200, 7, spread=False).double() @ S + m
    assert float(loose.min()) < -0.1 and float(loose.max()) > 1.1
    reference = sample_colours(black_and_white, 200, 8, spread=False)
    clipped, free = (
        float(batched_sinkhorn_divergence(cloud.float()[None], reference[None], row["eps"])[0])
        for cloud in (loose.clamp(0, 1), loose)
    )
    assert abs(row["trivial"] - clipped) < 0.4 * abs(free - clipped), (row["trivial"], clipped, free)


def test_the_three_divergences_stand_in_their_order() -> None:
    reference = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    clouds = torch.stack([reference + step for step in (0.5, 0.1, 1.0)])
    assert measure._three(clouds, reference, 0.1) == pytest.approx((0.75, 0.03, 3.0), rel=0.02)
