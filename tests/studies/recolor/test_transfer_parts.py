"""Colour transfer part by part: limits, what the filter and the fits are given, colours that are one, structure."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.pictures import Picture
from npf_engine.studies.recolor import transfer as module
from npf_engine.studies.recolor.spec import methods
from npf_engine.studies.recolor.transfer import _fit, _plain, _to_the_mean, recolor, sample_colours, structure
from npf_engine.transport import discrete, monotone_fit
from npf_engine.transport import fit as brenier_fit
from npf_engine.transport.fit_report import FitReport
from npf_engine.transport.methods import registry
from npf_engine.transport.methods.method import Budget
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

    def fit(x: Tensor, y: Tensor, *rest: Any) -> tuple[Any, FitReport]:
        recorder.now += 3.0
        asked.append(rest)
        return (lambda c: c + torch.tensor([0.1, 0.2, -2.0])), FitReport(parameters=17, note="a word")

    monkeypatch.setattr(module, "sample_colours", colours)
    monkeypatch.setattr(module, "_fit", fit)
    source = of((10, 20, 255), (250, 0, 30))
    found = recolor(source, picture(), "exact", strength=0.5, budget_seconds=4.0, seed=8, recorder=recorder)
    assert found.picture.rgb.tolist() == [[[23, 46, 0], [255, 26, 0]]]  # 10 + 12.75, 20 + 25.5, ...
    assert (found.seconds, found.parameters, found.note) == (3.0, 17, "a word")
    assert drawn == [seeds.child(8, name) for name in ("source", "palette")]
    assert asked == [(registry.get("exact"), Budget(4.0), 8, recorder)]
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
    y = torch.arange(12.0).reshape(4, 3)
    image, report = _to_the_mean(y, "second")
    assert image(torch.ones(5, 3)).tolist() == [[4.5, 5.5, 6.5]] * 5 and report.parameters == 3
    assert report.note.startswith("the second picture has one colour")


def test_each_method_has_its_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discrete ones of more points than in the lab, and a sharper entropic one; trained ones of all colours drawn."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.rand(1200, 3, generator=g), torch.rand(1200, 3, generator=g)
    asked: list[tuple[Any, ...]] = []

    def reference(name: str) -> Any:
        def made(a: Tensor, b: Tensor, *share: float) -> Any:
            asked.append((name, torch.equal(a, x[:1000]), torch.equal(b, y[:1000]), *share))
            return SimpleNamespace(forward=torch.sin, report=FitReport(parameters=5, note=name))

        return made

    def fitted(a: Tensor, b: Tensor, plan: Any = None, *, seed: int, **more: Any) -> Any:
        kind, seconds = ("fit", more["budget_seconds"]) if plan is None else (plan.kind, plan.seconds)
        asked.append((kind, torch.equal(a, x), torch.equal(b, y), seed, seconds))
        return SimpleNamespace(forward=torch.cos, report=FitReport(parameters=9, note="said"))

    monkeypatch.setattr(discrete, "exact_map", reference("exact"))
    monkeypatch.setattr(discrete, "entropic_map", reference("entropic"))
    monkeypatch.setattr("npf_engine.transport.methods.exact.replace", lambda report, **more: report)
    monkeypatch.setattr("npf_engine.transport.methods.entropic.replace", lambda report, **more: report)
    monkeypatch.setattr(brenier_fit, "fit_brenier_map", fitted)
    monkeypatch.setattr(monotone_fit, "fit_monotone", fitted)

    def answer(method: str) -> tuple[Any, int, str]:
        forward, report = _fit(x, y, registry.get(method), Budget(7.0), 3, ByHand())
        return forward, report.parameters, report.note

    assert answer("exact") == (torch.sin, 5, "exact") and answer("entropic") == (torch.sin, 5, "entropic")
    assert answer("fit") == (torch.cos, 9, "said") and answer("mmgn") == (torch.cos, 9, "said")
    assert asked == [
        ("exact", True, True),
        ("entropic", True, True, 0.005),
        ("fit", True, True, 3, 7.0),
        ("mmgn", True, True, 3, 7.0),
    ]
    assert answer("gaussian")[1:] == (9, "")


@pytest.mark.parametrize("method", ["explicit", "gauss-newton", "lse", "icnn"])
def test_colours_can_be_transferred_by_any_method_that_learns_from_samples(method: str) -> None:
    assert set(methods()) == set(registry.names())
    x = torch.rand(300, 3, generator=torch.Generator().manual_seed(0))
    forward, report = _fit(x, 0.5 * x, registry.get(method), Budget(steps=3), 0, ByHand())
    assert forward(x).shape == (300, 3) and report.parameters > 0 and bool(torch.isfinite(forward(x)).all())


def test_structure_needs_some_in_both() -> None:
    flat = Picture(np.full((4, 5, 3), 7, np.uint8), None)
    for pair in ((picture(), flat), (flat, picture()), (flat, flat)):
        assert math.isnan(structure(*pair))
    assert structure(picture(), picture()) == pytest.approx(1.0)
