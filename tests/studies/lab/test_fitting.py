"""One method on one task: every seed once, with the settings and the laws of the task, and the curve on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.studies.lab.fitting import Curve, fits
from npf_engine.studies.lab.tasks import Task, build_task
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.map import AffineMap
from npf_engine.transport.methods.method import SLOPE, Budget, Law, Map, Method, show
from tests.transport.by_hand import ByHand


def normal(n: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, 2, generator=generator)


def identity() -> AffineMap:
    return AffineMap.of(torch.eye(2).double(), torch.zeros(2))


def method(seen: list[Any], together: bool = False, **more: Any) -> Method[str]:
    def fit(source: Law, target: Law, settings: str, budget: Budget, seed: int, recorder: Recorder) -> AffineMap:
        seen.append((settings, budget, seed, source.points, target.grad_V))
        recorder.progress("u", 1, 2)
        recorder.note("a word")
        show(recorder, 5, lambda x: x)
        return identity()

    def all_at_once(
        source: Law, target: Law, settings: str, budget: Budget, seeds: Sequence[int], recorder: Recorder
    ) -> list[AffineMap]:
        fit(source, target, settings, budget, -1, recorder)
        return [identity() for _ in seeds]

    ways = {"together": all_at_once} if together else {"fit": fit}
    return Method("mine", "Mine", "Own", "", "own", **(ways | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("together", [False, True])
def test_every_seed_gets_a_map_and_the_first_is_seen(together: bool) -> None:
    seen, shown, recorder = list[Any](), list[int](), ByHand()
    task = Task("t", "T", 2, normal, normal, cloud=70)
    found = fits(method(seen, together), task, (4, 7), Budget(2.0), recorder, lambda step, forward: shown.append(step))
    assert len(found) == 2 and shown == [5]
    seeds = [-1] if together else [4, 7]
    assert seen == [("own", Budget(2.0), seed, 70, None) for seed in seeds]
    if together:
        assert recorder.told == [("u", 1, 2)] and recorder.notes == ["a word"]
        return
    assert recorder.told == [
        ("mine: seed 1 of 2", 1, 2),
        ("mine", 1, 2),
        ("mine: seed 2 of 2", 1, 2),
        ("mine", 2, 2),
    ]
    assert recorder.notes == ["mine: a word"] * 2


def test_a_papers_own_task_is_met_with_its_published_settings() -> None:
    own, other = build_task("drift-mixture"), build_task("four-to-normal")
    assert own.published and not other.published
    for task, published, settings in ((own, "its", "its"), (own, None, "own"), (other, "its", "own")):
        seen: list[Any] = []
        fits(method(seen, published=published), task, (0,), Budget(), ByHand(), lambda *given: None)
        assert seen == [(settings, Budget(), 0, None, task.grad_V)]


def test_a_method_that_needs_the_targets_slope_says_so_where_it_is_not_known() -> None:
    task = Task("t", "T", 2, normal, normal)
    with pytest.raises(InputError, match="gradient of the target's potential, which the task t does not know"):
        fits(method([], needs=(SLOPE,)), task, (0,), Budget(), ByHand(), lambda *given: None)


@pytest.mark.parametrize("share", [3, 1])
def test_the_curve_has_a_seeds_share_of_the_seconds(share: int) -> None:
    class Pictures(ByHand):
        shots: list[dict[str, np.ndarray]] = []  # noqa: RUF012

        def snapshot(self, name: str, **arrays: np.ndarray) -> None:
            self.shots.append(arrays)

    recorder, x = Pictures(), torch.arange(6.0).reshape(3, 2)

    def look(forward: Map) -> float:
        value = float(forward(x).sum())
        return value if value < 90 else math.nan

    curve = Curve(recorder, look, "mine", x, share)
    for recorder.now, step, by in ((56.0, 3, 1.0), (59.0, 4, 100.0), (62.0, 8, 3.0)):
        curve.see(step, lambda z, by=by: z + by)  # type: ignore[misc]
    last = recorder.shots[-1]
    np.testing.assert_allclose(last["seconds"], [6 / share, 9 / share, 12 / share])
    np.testing.assert_array_equal(last["pushforward"], (x + 3).numpy())
    assert str(last["method"]) == "mine"
    assert curve.points().to_json() == {"seconds": [6 / share, 12 / share], "step": [3, 8], "value": [21.0, 33.0]}
