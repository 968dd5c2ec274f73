"""A step beside a device is one graph of operations that no number decides on: it can be recorded and played again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from benchmarks.step_counts import StepCounts
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.mlp import MLP
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.polar.stages.matching import BridgeMatching
from npf_engine.settings.stages import ConjugateConfig, InverseConfig
from npf_engine.transport.dual import PairLoss
from npf_engine.transport.regression import Regression
from npf_engine.transport.schedule import Derived
from npf_engine.transport.stratified_dual import StratifiedDual

G = torch.Generator().manual_seed(0)
X = torch.rand(300, 2, generator=G) * 2 - 1
Y = 2 * X + 0.1 * torch.randn(300, 2, generator=G)


def bridge() -> Derived:
    peers = torch.randint(300, (300, 5), generator=G)
    return BridgeMatching(Bridge(2, (8, 8)), X, X.flip(1), InverseConfig(batch=32), peers)


LOSSES: dict[str, Callable[[], Derived]] = {
    "pairs": lambda: PairLoss(QuadraticICNN(2, (6, 5), activation="elu"), X, Y, 32),
    "dual": lambda: StratifiedDual(QuadraticICNN(2, (6, 5)), X, Y, 32, ConjugateConfig(), start=X, waits=False),
    "dual in nine dimensions": lambda: StratifiedDual(
        QuadraticICNN(9, (6, 5)), X.repeat(1, 5)[:, :9], Y.repeat(1, 5)[:, :9], 32, ConjugateConfig(), waits=False
    ),
    "map": lambda: Regression(MLP(2, 2, (8, 8), fourier=2), X, Y, 32),
    "bridge": bridge,
}


@pytest.mark.parametrize("name", LOSSES)
@torch.no_grad()
def test_a_step_is_one_graph_and_plays_again_with_other_numbers(name: str) -> None:
    """Recorded once with real tensors; what it plays for another state of the generator, and for other weights, is what
    the step itself gives then."""
    loss = LOSSES[name]()
    generator = torch.Generator().manual_seed(1)

    def step(unit: Tensor) -> tuple[Tensor, ...]:
        value, gradients = loss.step(generator)
        return (value * unit, *(gradient for gradient in gradients if gradient is not None))

    one = torch.ones(())
    played = make_fx(step, tracing_mode="real")(one)
    for seed in (2, 3):
        generator.manual_seed(seed)
        expected = [part.clone() for part in step(one)]
        generator.manual_seed(seed)
        for found, own in zip(played(one), expected, strict=True):
            torch.testing.assert_close(found, own)


@pytest.mark.parametrize("name", LOSSES)
@torch.no_grad()
def test_a_step_waits_for_nothing(name: str) -> None:
    loss = LOSSES[name]()
    with StepCounts() as counts:
        loss.step(torch.Generator().manual_seed(1))
    assert counts.total > 10 and not counts.waits


def test_what_waits_is_seen() -> None:
    """A scalar for Python, a mask as an index, a count of entries."""
    x = torch.arange(4.0)
    for work in (lambda: float(x.sum()), lambda: x[x > 1], lambda: (x > 1).nonzero()):
        with StepCounts() as counts:
            work()
        assert sum(counts.waits.values()) == 1
    rows = torch.tensor([0, 1])
    with StepCounts() as counts:
        x[rows].view(1, 2).t()
    assert not counts.waits and counts.operations == {"index": 1}
