"""A bridge that sees the value asked for: its features by their formula, its widths, starts that stay."""

from __future__ import annotations

import math

import pytest
import torch

from npf_engine.networks.bridge import Bridge
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.networks.value_bridge import SMALLEST, ValueBridge, build_bridge


class Known:
    """grad u(y) = 10 y, of scale 5."""

    scale = torch.tensor(5.0)

    def gradient(self, y: torch.Tensor) -> torch.Tensor:
        return 10 * y


def made(**more: object) -> ValueBridge:
    return ValueBridge(3, [6, 5], blocks=(1, 2), **more).attach(Known())  # type: ignore[arg-type]


def test_the_features_are_directions_and_halved_logarithms_of_the_whole_and_of_each_block() -> None:
    y = torch.tensor([[3.0, 0.0, 4.0], [0.0, 0.0, 0.0]])  # values 6, 0, 8
    found = made().value_features(y)
    assert found.shape == (2, 2 * 3 + 1 + 2)
    whole = [math.sqrt(3) * v for v in (0.6, 0.0, 0.8)] + [math.log(10) / 2]
    first, second = [1.0, math.log(6) / 2], [0.0, math.sqrt(2), math.log(8) / 2]
    torch.testing.assert_close(found[0], torch.tensor([*whole, *first, *second]))
    low = math.log(SMALLEST) / 2
    torch.testing.assert_close(found[1], torch.tensor([0.0, 0.0, 0.0, low, 0.0, low, 0.0, 0.0, low]))
    torch.testing.assert_close(made().condition(y), torch.cat([y, found], 1))


def test_its_first_layer_has_room_for_the_features_and_the_sampler_asks_the_network() -> None:
    bridge = made(sigma=0.4).double()
    assert bridge.layers[0].in_features == 13 + 2 * 3 + 9 and bridge.layers[0].out_features == 6
    assert len(list(bridge.parameters())) == 6 and float(bridge.sigma) == pytest.approx(0.4)
    g = torch.Generator().manual_seed(0)
    y, x = (torch.randn(4, 3, generator=g, dtype=torch.float64) for _ in range(2))
    for t in (0.0, 0.6):
        whole = bridge(torch.full((4, 1), t, dtype=torch.float64), y, x)
        torch.testing.assert_close(bridge._held(t, bridge._from_y(y), x), whole)
    again = made(sigma=0.4).double()
    assert torch.equal(bridge.layers[0].weight, again.layers[0].weight)


def test_a_start_stays_and_what_is_aimed_at_is_kept_in_omega() -> None:
    x = torch.tensor([[3.0, -0.5, -4.0]])
    bridge = made()
    assert torch.equal(bridge.project(x), x)
    assert bridge.confine(x).tolist() == [[1.0, -0.5, -1.0]]


def test_blocks_must_cover_the_value_and_the_potential_must_be_known() -> None:
    with pytest.raises(ValueError, match="must sum to d = 3"):
        ValueBridge(3, [4], blocks=(1, 1))
    bare = ValueBridge(3, [4], blocks=(3,))
    with pytest.raises(ValueError, match="attach"):
        bare.value_features(torch.zeros(1, 3))
    assert bare.attach(QuadraticICNN(3, [4])).value_features(torch.zeros(2, 3)).shape == (2, 8)
    kinds = [type(build_bridge(d=3, hidden=[4], **more)) for more in ({"blocks": (1, 2)}, {})]
    assert kinds == [ValueBridge, Bridge]
