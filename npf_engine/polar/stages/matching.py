"""Bridge matching by gradients in few operations (NPF Algorithm 1): what X_psi is trained by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from npf_engine.networks.backprop import LayerGradients, squared_norm
from npf_engine.networks.bridge import Bridge
from npf_engine.settings.stages import InverseConfig
from npf_engine.transport.schedule import Derived, Gradients

PART = 65_536  # samples at a time, before the training
MOST_KEPT = 100_000_000  # numbers of the table
LEAST = 1e-12  # of 1 - t: where t rounds to 1 no peer is as likely as x itself


class Waves:
    """``Bridge.seen`` as one product and one sine: (n, width)."""

    def __init__(self, bridge: Bridge) -> None:
        parts = [part.waves() for part in (bridge.time, bridge.space, bridge.space)]
        self.matrix = torch.block_diag(*(matrix for matrix, _ in parts))
        self.phases = torch.cat([phase for _, phase in parts])
        wave = [torch.arange(matrix.shape[1]) >= matrix.shape[0] for matrix, _ in parts]
        self.wave = torch.cat(wave).to(self.matrix.device)

    def __call__(self, t: Tensor, y: Tensor, x_t: Tensor) -> Tensor:
        """t (n, 1), y and x_t (n, d)."""
        angles = torch.addmm(self.phases, torch.cat([t, y, x_t], dim=1), self.matrix)
        return torch.where(self.wave, angles.sin(), angles)


class BridgeMatching(Derived):
    """``Bridge.loss`` on batches of pairs x, y = M(x) (n, d): the same law of t, noise and peers, the same value.

    With q = 1 - t and the peers x + delta_k of x, the weight of a peer given x_t is a softmax over k of

        <z, delta_k> sqrt(t / q) / sigma - |delta_k|^2 t / (2 sigma^2 q),

    exactly (z is the noise), in which nothing small is the difference of two large numbers. delta and |delta|^2 are
    made once; a step looks them up with x and y in one row.
    """

    def __init__(
        self,
        bridge: Bridge,
        x: Tensor,
        y: Tensor,
        config: InverseConfig,
        peers: Tensor | None = None,
        look: Callable[[int], object] | None = None,
    ) -> None:
        """peers (n, k): indices into x of points of nearly the same M. look: called on the host every few steps."""
        self.bridge, self.layers, self.power, self.look = bridge, LayerGradients(bridge.layers), config.time_power, look
        self.batch, self.d = config.batch, bridge.d
        self.sigma = float(bridge.sigma)  # once: a step never waits for it
        # One t from each of batch equal intervals: the same law with less variance than independent draws.
        self.grid = torch.arange(self.batch, dtype=x.dtype, device=x.device)[:, None] / self.batch
        self.x, self.y, self.peers, self.k = x, y, peers, 0 if peers is None else peers.shape[1]
        # In few dimensions all that a pair needs lies in one row, where that is not too much to keep.
        kept = peers is not None and len(x) * (2 * self.d + self.k * (self.d + 1)) <= MOST_KEPT
        self.table = torch.cat([x, y, *self._beside(x, peers)], dim=1) if kept and peers is not None else None
        self.waves = Waves(bridge) if type(bridge) is Bridge else None

    def _beside(self, x: Tensor, peers: Tensor) -> tuple[Tensor, Tensor]:
        """delta (n, k d) of peers (n, k) to x (n, d), and -|delta|^2 / (2 sigma^2) (n, k)."""
        parts = zip(peers.split(PART), x.split(PART), strict=True)
        delta = torch.cat([self.x[peer] - own[:, None] for peer, own in parts])
        return delta.flatten(1), delta.square().sum(2) / (-2 * self.sigma**2)

    def _pairs(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x, y of a batch (n, d), and what stands beside them (n, k d), (n, k)."""
        d, k = self.d, self.k
        pick = torch.randint(len(self.x), (self.batch,), generator=generator, device=self.x.device)
        if self.table is not None:
            x, y, delta, square = self.table.index_select(0, pick).split([d, d, k * d, k], dim=1)
            return x, y, delta, square
        x, y = self.x.index_select(0, pick), self.y.index_select(0, pick)
        beside = (x, x) if self.peers is None else self._beside(x, self.peers.index_select(0, pick))
        return x, y, *beside

    def step(self, generator: torch.Generator) -> tuple[Tensor, Gradients]:
        """The loss of one batch."""
        d, k = self.d, self.k
        x, y, delta, square = self._pairs(generator)
        q = torch.rand(self.batch, 1, generator=generator, device=x.device, dtype=x.dtype)
        q = torch.add(self.grid, q, alpha=1 / self.batch).pow_(self.power)  # 1 - t; above 0 but by a chance of 2^-24
        t = 1 - q
        z = torch.randn(self.batch, d, generator=generator, device=x.device, dtype=x.dtype)
        odds = t / q.clamp_(min=LEAST)
        root = odds.sqrt()
        x_t = torch.lerp(y, x, t).addcmul_(q * root, z, value=self.sigma)
        target = x
        if k:
            delta = delta.view(-1, k, d)
            logits = torch.baddbmm((square * odds)[:, :, None], delta, (z * root)[:, :, None], alpha=1 / self.sigma)
            weight = logits[:, :, 0].softmax(1)
            target = torch.baddbmm(x[:, None], weight[:, None], delta)[:, 0]
        seen = self.bridge.seen(t, y, x_t) if self.waves is None else self.waves(t, y, x_t)
        answer, into, before = self.layers.forward(seen)
        value, g = squared_norm(answer.addcmul_(t, x_t).sub_(target))
        return value, self.layers.backward(g, into, before)

    def between(self, step: int) -> Mapping[str, float | Tensor]:
        """Nothing to show but what ``look`` draws."""
        if self.look is not None:
            self.look(step)
        return {}
