"""What lies outside of a cloud, by hand, and the guidance of draws a chunk at a time."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from npf_engine.polar import guidance
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.guidance import guide, outside


@pytest.mark.parametrize("rho", ["samples", "land"])
def test_beyond_the_distance_of_neighbours_a_place_is_outside(rho: str) -> None:
    """Neighbours on the line are 1, 1, 2 and 4 apart: their quantile 0.99 is 2 + 0.97 * 2 = 3.94."""
    far = outside(rho, torch.tensor([[0.0], [1.0], [3.0], [7.0]]))
    places = torch.tensor([[12.0], [5.0], [10.9], [-4.0]])
    assert far(places).tolist() == pytest.approx([5 - 3.94, 0.0, 0.0, 4 - 3.94], abs=1e-5)


def test_a_large_cloud_is_stood_for_by_its_first_samples_and_their_distances_by_every_kth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 1200 places on the line the first 1100 count, and the distances of every second one of them: these have a
    neighbour 1 away, the others 5."""
    monkeypatch.setattr(guidance, "CLOUD", 1100)
    steps = torch.tensor([0.0, 7.0, 1.0, 12.0], dtype=torch.float64)
    cloud = (20.0 * torch.arange(300)[:, None] + steps).reshape(-1, 1)
    far = outside("samples", cloud)
    places = torch.tensor([[20.0 * 100 - 3.5], [20.0 * 299]], dtype=torch.float64)
    assert far(places).tolist() == pytest.approx([3.5 - 1, 20.0 * 299 - (20.0 * 274 + 12) - 1], abs=1e-3)
    few = outside("samples", cloud[:900])  # every one of fewer: of their distances 5 is the quantile
    assert few(places[:1]).tolist() == pytest.approx([0.0])


def test_what_has_an_edge_or_one_sample_has_no_outside() -> None:
    places = torch.tensor([[50.0, 2.0], [0.0, 0.0]])
    for rho, cloud in (("box", torch.zeros(9, 2)), ("disc", torch.zeros(9, 2)), ("samples", torch.zeros(1, 2))):
        assert outside(rho, cloud)(places).tolist() == [0.0, 0.0]
    two = outside("samples", torch.tensor([[0.0, 0.0], [0.0, 3.0]]))
    assert two(places).tolist() == pytest.approx([50.0 - 3.0 + 0.01, 0.0], abs=0.1)


def test_the_radius_of_a_gaussian_grows_with_its_dimension() -> None:
    far = outside("gaussian", torch.zeros(0, 9))
    assert far(torch.cat([torch.eye(9)[:1] * 8, torch.eye(9)[:1] * 5.9])).tolist() == pytest.approx([2.0, 0.0])


class _Double:
    """M_xi(x) = 2 x."""

    def __call__(self, x: Tensor) -> Tensor:
        return 2 * x

    def value_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * x, 2 * torch.eye(x.shape[1]).expand(len(x), -1, -1)


def test_draws_are_guided_in_chunks_by_steps_of_a_tenth_and_no_further_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guidance, "GUIDE_CHUNK", 3)
    m: Any = _Double()
    drawn = torch.tensor([[0.0], [0.3], [0.58], [0.0], [0.5], [0.9], [0.9]])
    wanted = torch.tensor([[0.1], [0.7], [1.16], [4.0], [1.9], [1.0], [1.9]])

    def stay(x: Tensor) -> Tensor:  # beyond 0.8
        return (x[:, 0] - 0.8).clamp(min=0)

    found, left = guide(m, drawn, wanted, lambda x: x, stay, 4, 1e-3)
    torch.testing.assert_close(left, (2 * found - wanted).abs()[:, 0])
    found = found[:, 0]
    # To 0.05 and 0.35; there already; four steps towards 2; 0.95 is outside; back to 0.5; 0.95 further out.
    assert found.tolist() == pytest.approx([0.05, 0.35, 0.58, 0.4, 0.5, 0.5, 0.9], abs=2e-3)
    assert guide(m, drawn, wanted + 0.0009, lambda x: x, stay, 4, 1e-3)[0][2] == drawn[2]
    assert [part.shape for part in guide(m, drawn[:0], wanted[:0], lambda x: x, stay, 4, 1e-3)] == [(0, 1), (0,)]


class _Trap:
    """M_xi(x) = |x| from 1 on, and flat within, where no step leads out."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.abs().clamp(min=1.0)

    def value_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self(x), (x.sign() * (x.abs() > 1))[:, :, None]


class _Paths:
    """Ends at -y and y, and for half of the paths in the trap."""

    asked: ClassVar[list[int]] = []

    def sample(self, y: Tensor, generator: torch.Generator, steps: int) -> Tensor:
        self.asked.append(len(y))
        kind = torch.randint(4, y.shape, generator=generator)
        return torch.where(kind < 2, torch.zeros_like(y), torch.where(kind == 2, y, -y) * 0.99)

    def confine(self, x: Tensor) -> Tensor:
        return x


def test_a_path_that_ends_where_m_is_far_from_the_point_is_drawn_anew() -> None:
    """Half of the paths are caught; after k more tries 2^-(k+1) of them are, and both branches keep their weight."""
    like: Any = SimpleNamespace(like=torch.zeros(1), d=1)
    anything: Any = None
    samples = {"x_test": torch.tensor([[1.5]]), "m_test": torch.tensor([[1.55]]), "x_train": torch.zeros(1, 1)}
    trap: Any = _Trap()
    paths: Any = _Paths()
    model = PolarFactorization(
        u=like,
        v=anything,
        m=trap,
        bridge=paths,
        scaling=anything,
        units=anything,
        rho="box",
        low=(-3.0,),
        high=(3.0,),
        field_name="",
        field_spec={},
        samples=samples,
        info={},
        guide_steps=5,
        redraws=3,
    )
    y = torch.full((8_000, 1), 2.0)
    x = model.sample_inverse(y, 0)[:, 0]
    caught = float((x == 0).double().mean())
    assert caught == pytest.approx(1 / 16, abs=0.012)
    assert float((x[x != 0].abs() - 2).abs().max()) < 0.1  # where M_xi is off by as much as at the samples
    assert float((x > 0).double().mean()) == pytest.approx((1 - caught) / 2, abs=0.025)
    assert _Paths.asked[0] == 8_000 and _Paths.asked[1:] == [pytest.approx(8_000 / 2**k, rel=0.1) for k in (1, 2, 3)]
    assert torch.equal(x, model.sample_inverse(y, 0)[:, 0])
    assert float((dataclasses.replace(model, redraws=0).sample_inverse(y, 0) == 0).double().mean()) > 0.45
