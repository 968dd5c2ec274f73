"""A perceptron regressed on what is known of its answers: M_xi and V_phi, by gradients in few operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from npf_engine.networks.backprop import LayerGradients, squared_error
from npf_engine.networks.mlp import MLP
from npf_engine.transport.adam import Adam
from npf_engine.transport.schedule import Derived, Gradients

PART = 65_536  # samples whose features are made at a time
MOST_KEPT = 50_000_000  # numbers of the table


class Regression(Derived):
    """mean |network(x) - target|^2 on batches of samples x (n, d), target (n, k).

    What the network sees of each sample is made once, where that is not too much to keep: a step looks it up. look:
    called on the host every few steps.
    """

    def __init__(
        self, network: MLP, x: Tensor, target: Tensor, batch: int, look: Callable[[int], object] | None = None
    ) -> None:
        self.layers, self.batch, self.look = LayerGradients(network.layers), batch, look
        self.network, self.x, self.target, self.width = network, x, target, target.shape[1]
        self.table: Tensor | None = None  # one row, one look
        if len(x) * (network.features.width + self.width) <= MOST_KEPT:
            with torch.no_grad():
                seen = [self._seen(part) for part in x.split(PART)]
            self.table = torch.cat([target, torch.cat(seen)], dim=1)

    def _seen(self, x: Tensor) -> Tensor:
        """What the layers see of x (n, d)."""
        network = self.network
        return network.features((x - network.centre) / network.spread)

    def step(self, generator: torch.Generator) -> tuple[Tensor, Gradients]:
        """The loss of one batch."""
        pick = torch.randint(len(self.x), (self.batch,), generator=generator, device=self.x.device)
        if self.table is None:
            seen, target = self._seen(self.x.index_select(0, pick)), self.target.index_select(0, pick)
            return squared_error(self.layers, seen, target)
        row = self.table.index_select(0, pick)
        return squared_error(self.layers, row[:, self.width :], row[:, : self.width])

    def take(self, adam: Adam, generator: torch.Generator) -> None:
        """One step by itself, for who measures how long it takes."""
        with torch.no_grad():
            _, gradients = self.step(generator)
        for parameter, gradient in zip(self.network.parameters(), gradients, strict=True):
            parameter.grad = gradient
        adam.step([1e-3])

    def between(self, step: int) -> Mapping[str, float | Tensor]:
        """Nothing to show but what ``look`` draws."""
        if self.look is not None:
            self.look(step)
        return {}
