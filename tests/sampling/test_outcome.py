"""What a run says of its draws, with laws and distances that are told."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.sampling import outcome
from npf_engine.sampling.nearness import Shares


@dataclass
class Point:
    kind: str


def law(modes: int = 2) -> Any:
    """Two modes of weights 0.7 and 0.3; a cloud's shares are its rounded means; exact draws are 10, 20, ... in turn."""
    drawn: list[tuple[int, int | None]] = []

    def sample(n: int, generator: torch.Generator, basin: int | None = None) -> Tensor:
        drawn.append((n, basin))
        return torch.full((n, 2), 10.0 * len(drawn))

    def shares(x: Tensor) -> Any:
        share = float(x[:, 0].mean()) if len(x) else 0.0
        return torch.tensor([share, (1 - share) * (len(x) > 0)][:modes]).double().numpy()

    kinds = [SimpleNamespace(location=[float(k), 0.0], kind="minimum") for k in range(modes)]
    return SimpleNamespace(
        modes=kinds, weights=[0.7, 0.3][:modes], critical=[Point("saddle")], sample=sample, shares=shares, drawn=drawn
    )


@pytest.fixture(autouse=True)
def distances(monkeypatch: pytest.MonkeyPatch) -> None:
    """The distance of two clouds is 1000 times the first's place and the second's; what is near is the cloud's mean."""

    class Near:
        expected = Shares((0.5, 0.4), 0.06, 0.04)

        def __init__(self, truth: Any) -> None:
            pass

        def shares(self, x: Tensor) -> Shares:
            return Shares((float(x[:, 1].mean()), 0.25), 0.2, 0.1) if len(x) else Shares((0.0, 0.0), 0.0, 0.0)

    monkeypatch.setattr(outcome, "Nearness", Near)
    monkeypatch.setattr(
        outcome, "energy_mmd", lambda a, b: 1000 * round(float(a[0, 0]), 3) + round(float(b[0, 0]), 3) + len(a) / 1e6
    )


def cloud(x: float, y: float, n: int = 3000) -> Tensor:
    return torch.tensor([[x, y]]).repeat(n, 1)


def test_draws_and_those_of_the_own_law_beside_the_exact_ones() -> None:
    truth = law()
    found = outcome.compare(truth, cloud(0.25, 0.6), cloud(0.5, 0.3), 3)
    assert found["modes"] == [
        {
            "location": [0.0, 0.0],
            "kind": "minimum",
            "occupancy": 0.25,
            "near": pytest.approx(0.6),
            "target": 0.7,
            "own_law": 0.5,
        },
        {"location": [1.0, 0.0], "kind": "minimum", "occupancy": 0.75, "near": 0.25, "target": 0.3, "own_law": 0.5},
    ]
    assert found["near_modes"] == pytest.approx(0.85) and found["near_saddles"] == 0.2 and found["near_maxima"] == 0.1
    few = outcome.COMPARED / 1e6
    told = found["truth"]
    assert found["energy_distance"] == pytest.approx(250 + 10 + few)  # of the draws against the first exact cloud
    assert told["energy_distance_of_exact_samples"] == pytest.approx(20_000 + 10 + few)
    assert told["energy_distance_of_one_basin"] == pytest.approx(30_000 + 10 + few)
    assert truth.drawn == [(2000, None), (2000, None), (2000, 0)], "one basin is the heaviest"
    assert told["largest_error"] == pytest.approx(0.45) and told["critical_points"] == [{"kind": "saddle"}]
    assert told["near_modes"] == pytest.approx(0.9) and told["weights"] == [0.7, 0.3]
    assert told["own"] == {
        "near_modes": pytest.approx(0.55),
        "near_saddles": 0.2,
        "near_maxima": 0.1,
        "largest_error": pytest.approx(0.25),
        "energy_distance": pytest.approx(250 + 0.5 + few),
    }


def test_what_there_is_without_an_own_law_without_draws_and_of_one_mode() -> None:
    plain = outcome.compare(law(), cloud(0.7, 0.6), None, 3)
    assert plain["truth"]["own"] is None and [mode["own_law"] for mode in plain["modes"]] == [None, None]
    assert plain["truth"]["largest_error"] == pytest.approx(0.0, abs=1e-6)
    none = outcome.compare(law(), cloud(0.7, 0.6, 0), cloud(0.5, 0.3), 3)
    assert none["energy_distance"] is None and none["truth"]["own"]["energy_distance"] is None
    assert none["near_modes"] == 0.0 and none["truth"]["largest_error"] == pytest.approx(0.7)
    lone = outcome.compare(law(1), cloud(1.0, 0.6), None, 3)
    assert lone["truth"]["energy_distance_of_one_basin"] is None and len(lone["modes"]) == 1


def test_of_many_draws_some_are_compared_whatever_their_order() -> None:
    g = torch.Generator().manual_seed(0)
    x = torch.arange(5000.0)[:, None]
    few = outcome._few(x, g)
    assert len(few) == 2000 == len(few.unique()) and float(few.mean()) == pytest.approx(2500, abs=150)
    assert len(outcome._few(x[:7], g)) == 7
