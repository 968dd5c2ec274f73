"""Colour transfer part by part: limits, what the filter and the fits are given, colours that are one, structure."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.pictures import Picture
from npf_engine.studies.recolor import transfer as module
from npf_engine.studies.recolor.transfer import _fit, _plain, recolor, sample_colours, structure
from tests.transport.by_hand import ByHand


def picture(h: int = 4, w: int = 5, seed: int = 0) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8), None)


def of(*colours: tuple[int, int, int]) -> Picture:
    return Picture(np.array([colours], dtype=np.uint8), None)


@pytest.mark.parametrize(
    ("settings", "fits"),
    [
        ({"strength": 0.0}, True),
        ({"strength": 1.0}, True),
        ({"strength": -0.01}, False),
        ({"strength": 1.01}, False),
        ({"smooth": 0}, True),
        ({"smooth": 200}, True),
        ({"smooth": -1}, False),
        ({"smooth": 201}, False),
        ({"budget_seconds": 0.5}, True),
        ({"budget_seconds": 0.0}, False),
    ],
)
def test_the_limits_are_what_they_say(settings: dict[str, Any], fits: bool) -> None:
    if fits:
        assert recolor(picture(), picture(seed=1), "gaussian", **settings).method == "gaussian"
    else:
        with pytest.raises(InputError):
            recolor(picture(), picture(seed=1), "gaussian", **settings)


def test_every_pixel_is_moved_by_its_share_and_shown_as_the_nearest_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """T adds 0.1, 0.2 and -2: of the last, half a shift leaves the cube."""
    recorder, drawn, asked = ByHand(), list[int](), list[tuple[Any, ...]]()

    def colours(of: Picture, n: int, seed: int) -> Tensor:
        drawn.append(seed)
        return torch.zeros(3, 3)

    def fit(x: Tensor, y: Tensor, *rest: Any) -> tuple[Any, int, str]:
        recorder.now += 3.0
        asked.append(rest)
        return (lambda c: c + torch.tensor([0.1, 0.2, -2.0])), 17, "a word"

    monkeypatch.setattr(module, "sample_colours", colours)
    monkeypatch.setattr(module, "_fit", fit)
    source = of((10, 20, 255), (250, 0, 30))
    found = recolor(source, picture(), "exact", strength=0.5, budget_seconds=4.0, seed=8, recorder=recorder)
    assert found.picture.rgb.tolist() == [[[23, 46, 0], [255, 26, 0]]]  # 10 + 12.75, 20 + 25.5, ...
    assert (found.seconds, found.parameters, found.note) == (3.0, 17, "a word")
    assert drawn == [seeds.child(8, name) for name in ("source", "palette")]
    assert asked == [("exact", "", 4.0, 8, recorder)]
    seen: list[tuple[np.ndarray, np.ndarray, int]] = []

    def guided(shift: np.ndarray, guide: np.ndarray, radius: int) -> np.ndarray:
        seen.append((shift, guide, radius))
        return np.zeros_like(shift)

    monkeypatch.setattr(module, "_guided", guided)
    assert np.array_equal(recolor(source, picture(), "exact", strength=0.5, smooth=1).picture.rgb, source.rgb)
    ((shift, guide, radius),) = seen
    np.testing.assert_allclose(shift, np.broadcast_to([0.05, 0.1, -1.0], (1, 2, 3)), atol=1e-6)
    np.testing.assert_allclose(guide, [[285 / 3 / 255, 280 / 3 / 255]])
    assert radius == 1


def test_drawn_colours_stay_in_the_cube() -> None:
    ends = 255 * sample_colours(of((0, 0, 0), (255, 255, 255)), 4000, 0)
    assert float(ends.min()) == 0.0 and float(ends.max()) == 255.0
    low = ends[ends < 100]
    assert float(low.max()) == pytest.approx(0.5, abs=0.01) and float((low == 0).float().mean()) == pytest.approx(
        0.5, abs=0.03
    )


def test_a_picture_of_one_colour_is_named_and_gets_the_mean() -> None:
    one, two = of((9, 9, 9), (9, 9, 9)), of((9, 9, 9), (9, 8, 9), (9, 9, 9))
    assert [_plain(*pair) for pair in ((one, two), (two, one), (two, two), (one, one))] == [
        "first",
        "second",
        "",
        "first",
    ]
    x, y = torch.zeros(4, 3), torch.arange(12.0).reshape(4, 3)
    image, parameters, note = _fit(x, y, "fit", "second", 1.0, 0, ByHand())
    assert image(torch.ones(5, 3)).tolist() == [[4.5, 5.5, 6.5]] * 5 and parameters == 3
    assert note.startswith("the second picture has one colour")


def test_each_method_has_its_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(0)
    x, y = torch.rand(50, 3, generator=g), torch.rand(50, 3, generator=g)
    asked: list[tuple[Any, ...]] = []

    def reference(name: str) -> Any:
        def made(a: Tensor, b: Tensor, *share: float) -> Any:
            asked.append((name, len(a), len(b), *share))
            return SimpleNamespace(forward=torch.sin, parameters=5, note=name)

        return made

    def fitted(a: Tensor, b: Tensor, *, seed: int, budget_seconds: float, **more: Any) -> Any:
        asked.append((more.get("kind", "fit"), seed, budget_seconds))
        return SimpleNamespace(forward=torch.cos, u=nn.Linear(2, 3), parameters=11, info={"note": "said"})

    monkeypatch.setattr(module, "DISCRETE", 20)
    monkeypatch.setattr(module, "exact_map", reference("exact"))
    monkeypatch.setattr(module, "entropic_map", reference("entropic"))
    monkeypatch.setattr(module, "fit_brenier_map", fitted)
    monkeypatch.setattr(module, "fit_monotone", fitted)

    def answer(method: str) -> tuple[Any, int, str]:
        return _fit(x, y, method, "", 7.0, 3, ByHand())

    assert answer("exact") == (torch.sin, 5, "exact") and answer("entropic") == (torch.sin, 5, "entropic")
    assert answer("fit") == (torch.cos, 9, "said") and answer("mmgn") == (torch.cos, 11, "")
    assert asked == [
        ("exact", 20, 20), ("entropic", 20, 20, module.ENTROPIC_SHARE), ("fit", 3, 7.0), ("mmgn", 3, 7.0),
    ]  # fmt: skip
    assert answer("gaussian")[1:] == (9, "")


def test_structure_needs_some_in_both() -> None:
    flat = Picture(np.full((4, 5, 3), 7, np.uint8), None)
    for pair in ((picture(), flat), (flat, picture()), (flat, flat)):
        assert math.isnan(structure(*pair))
    assert structure(picture(), picture()) == pytest.approx(1.0)
