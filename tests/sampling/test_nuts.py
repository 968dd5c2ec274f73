"""The chains of NUTS with a library that is told what to draw: shares of the budget, starts, and what is kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.sampling import nuts
from npf_engine.sampling.chain import Oracle
from npf_engine.tasks.recorder import Recorder


class Library:
    """In place of nutpie: each chain draws its start and 0.5 beside it, and asks for the log density at its start until
    its share is spent and twice more: its later draws are no longer of g."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def from_pyfunc(
        self, dim: int, make: Any, expand: Any, types: Any, shapes: Any, names: Any, make_initial_point_fn: Any
    ) -> Any:
        assert shapes == [(dim,), ()] and names == ["z", "paid"]
        return SimpleNamespace(density=make(), expand=expand(), start=make_initial_point_fn(None), dim=dim)

    def sample(self, model: Any, **settings: Any) -> Any:
        self.asked.append(settings | {"start": model.start})
        drawn = [model.expand(model.start)]
        if not model.density.spent:
            model.density(model.start)
            drawn.append(model.expand(model.start + 0.5))
        while not model.density.spent:
            model.density(model.start)
        for _ in range(2):
            model.density(model.start)
            drawn.append(model.expand(model.start + 1.0))
        posterior = {name: SimpleNamespace(values=np.stack([draw[name] for draw in drawn])[None]) for name in drawn[0]}
        trace = {"posterior": posterior} if len(self.asked) != 2 else {}  # the second chain has no draw
        return SimpleNamespace(is_finished=False, abort=lambda: _Trace(trace, posterior))


class _Trace(dict):  # type: ignore[type-arg]
    def __init__(self, items: dict[str, Any], posterior: Any) -> None:
        super().__init__(items)
        self.posterior = posterior


def gaussian() -> Oracle:
    return Oracle(lambda x: 2 * (x - 0.3), lambda x: (x - 0.3).square().sum(1))


class Told(Recorder):
    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        self.told.append((stage, step, total))


@pytest.mark.parametrize(("starts", "budget", "chains", "share"), [(3, 1000, 3, 333), (20, 24_008, 8, 3001)])
def test_every_chain_has_its_share_of_the_budget(
    starts: int, budget: int, chains: int, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library()
    monkeypatch.setattr(nuts, "_library", lambda: (library, library.from_pyfunc))
    oracle, recorder = gaussian(), Told()
    x = np.linspace(-0.9, 0.9, 2 * starts).reshape(starts, 2)
    x[0, 0] = -1.0  # the edge itself is infinitely far in the opened coordinates
    draws = nuts.sample_nuts(oracle, 2.0, x, budget, 40, recorder)
    assert len(library.asked) == chains and oracle.evaluations == chains * share
    tune = min(300, max(50, share // 40))
    for k, settings in enumerate(library.asked):
        assert 0 <= settings["seed"] < 2**32 and settings["draws"] == max(200, share) and settings["tune"] == tune
        assert settings["chains"] == settings["cores"] == 1 and not settings["blocking"] and not settings["save_warmup"]
        np.testing.assert_allclose(np.tanh(settings["start"]), np.clip(x[k], -0.999, 0.999))
    assert len({settings["seed"] for settings in library.asked}) == chains
    kept = [k for k in range(chains) if k != 1]
    expected = [np.tanh(library.asked[k]["start"] + shift) for k in kept for shift in (0.0, 0.5)]
    np.testing.assert_allclose(draws, expected)


def test_progress_is_of_the_whole_budget_while_a_chain_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count stands still at 7 and then is over; the clock is not waited for."""
    library, oracle, recorder = Library(), gaussian(), Told()
    monkeypatch.setattr(nuts, "_library", lambda: (library, library.from_pyfunc))
    slept: list[float] = []

    def sample(model: Any, **settings: Any) -> Any:
        oracle.evaluations = 7
        return SimpleNamespace(is_finished=len(slept) > 2, abort=lambda: {})

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        oracle.evaluations += 40

    monkeypatch.setattr(library, "sample", sample)
    monkeypatch.setattr(nuts.time, "sleep", sleep)
    with pytest.raises(InputError, match="had 100 gradients for each chain, and its tuning took them all"):
        nuts.sample_nuts(oracle, 1.0, np.full((1, 2), 0.5), 100, 0, recorder)
    assert slept == [nuts.POLL_SECONDS] * 3
    assert recorder.told == [("nuts", 47, 100), ("nuts", 87, 100), ("nuts", 100, 100)]


def test_a_start_is_moved_farther_each_time_and_to_either_side_in_turn() -> None:
    """Only where a component of the gradient is 0, by another length along each axis; a place is found at the third."""
    tried: list[np.ndarray] = []

    def slope(z: np.ndarray) -> tuple[float, np.ndarray]:
        tried.append(z.copy())
        away = np.abs(z - [0.5, 0.2, -0.1])
        return 0.0, np.array([np.nan if len(tried) == 2 else 1.0, *(away[1:] if len(tried) > 3 else [0.0, 0.0])])

    found = nuts.startable(np.array([0.5, 0.2, -0.1]), slope)
    steps = [(z - [0.5, 0.2, -0.1]) / 1e-3 for z in tried]
    np.testing.assert_allclose(steps[0], 0)
    np.testing.assert_allclose(steps[1], [0.0, 1.1, 1.2], atol=1e-9)
    np.testing.assert_allclose(steps[2], [0.0, -2.2, -2.4], atol=1e-9)
    np.testing.assert_allclose(steps[3], [0.0, 4.4, 4.8], atol=1e-9)
    np.testing.assert_allclose(found, tried[3])
    tried.clear()
    with pytest.raises(InputError, match="finds no gradient"):
        nuts.startable(np.zeros(1), lambda z: (tried.append(z) or 0.0, np.zeros(1)))  # type: ignore[func-returns-value]
    assert len(tried) == nuts.NUDGES


def test_whether_a_sampler_has_ended() -> None:
    class Asked:
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        @property
        def is_finished(self) -> bool:
            if isinstance(self.answer, Exception):
                raise self.answer
            return bool(self.answer)

    assert nuts._ended(Asked(True)) and not nuts._ended(Asked(False)) and not nuts._ended(Asked(TimeoutError()))
    with pytest.raises(InputError, match="no reason given"):
        nuts._ended(Asked(RuntimeError(" ")))
