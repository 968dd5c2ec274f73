"""X_psi and I_psi: the stochastic inverse of M by augmented bridge matching (NPF Algorithm 1, eq. 13; De Bortoli et
al. 2023).

Training pairs (y, x) with y = M(x): x_t = (1-t) y + t x + sigma sqrt(t(1-t)) z and X_psi(t, y, x_t) is regressed on
x. Then

    dX_t = (X_psi(t, X_0, X_t) - X_t) / (1 - t) dt + sigma dB_t,    X_0 = y,    I_psi(y, noise) = X_1.

With X_psi held over [t, t'] the process is a Brownian bridge, and its step is exact:

    X_t' ~ N( X_t + (t'-t)/(1-t) (X_psi - X_t),  sigma^2 (t'-t)(1-t')/(1-t) I ),

so there is no singularity at t = 1 and, X_psi being kept in Omega, no explosion. The last step returns X_psi
itself, a conditional mean:
the grid of times is therefore fine near 1.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from npf_engine.networks.mlp import FourierFeatures, reset_linear

TIME_OCTAVES = 6
NARROWEST = 1e-9  # of t (1 - t), by which peers are weighed: at t = 0 the width would be nothing


class Bridge(nn.Module):
    """X_psi(t, y, x_t) -> x in model units, all (n, d); and the sampler of I_psi.

    sigma: the noise decides when a path chooses among pre-images. Two of them a distance D apart are told apart
    while t D
    ~ sigma sqrt(t), so that a small sigma crowds the choice into t < (sigma / D)^2, where no network can resolve it.

    grid_power: how dense the sampler's times are near 1, see ``bridge_times``.
    region: ``box`` keeps X_psi in [-1, 1]^d, ``disc`` in the unit ball, ``free`` nowhere.
    """

    sigma: Tensor

    def __init__(
        self,
        d: int,
        hidden: Sequence[int],
        *,
        fourier: int = 6,
        sigma: float = 0.1,
        region: str = "box",
        grid_power: float = 2.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if region not in ("box", "disc", "free"):
            raise ValueError(f"region must be box, disc or free, not {region!r}")
        self.d, self.region, self.grid_power = d, region, grid_power
        self.register_buffer("sigma", torch.tensor(float(sigma)))
        self.space = FourierFeatures(d, fourier)
        self.time = FourierFeatures(1, TIME_OCTAVES)
        widths = [2 * self.space.width + self.time.width, *hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.SiLU()]
        layers.append(nn.Linear(widths[-1], d))
        self.layers = nn.Sequential(*layers)
        reset_linear(self, seed)

    def forward(self, t: Tensor, y: Tensor, x_t: Tensor) -> Tensor:
        """E[x | y, x_t] (n, d); t (n, 1). The skip connection makes the answer exact at t = 1."""
        return t * x_t + self.layers(self.seen(t, y, x_t))

    def seen(self, t: Tensor, y: Tensor, x_t: Tensor) -> Tensor:
        """What the layers see: (n, width)."""
        return torch.cat([self.time(t), self.condition(y), self.space(x_t)], dim=1)

    def condition(self, y: Tensor) -> Tensor:
        """What X_psi sees of y: (n, width)."""
        return self.space(y)

    def project(self, x: Tensor) -> Tensor:
        """The nearest point of Omega."""
        if self.region == "box":
            return x.clamp(-1.0, 1.0)
        if self.region == "disc":
            return x / x.norm(dim=1, keepdim=True).clamp(min=1.0)
        return x

    def confine(self, x: Tensor) -> Tensor:
        """Where X_psi is kept: ``project``, but for bridges whose starts may lie outside of Omega."""
        return self.project(x)

    def loss(self, x: Tensor, y: Tensor, t: Tensor, noise: Tensor, peers: Tensor | None = None) -> Tensor:
        """mean |X_psi(t, y, x_t) - target|^2 for pairs y = M(x), t (n, 1) in [0, 1), noise (n, d) standard normal.

        Without peers the target is x (Algorithm 1). peers (n, k, d): other points with nearly the same M as x, x
        itself among
        them; the target is then E[peer | x_t], which has the same conditional mean and far less variance.
        """
        x_t = (1 - t) * y + t * x + self.sigma * (t * (1 - t)).sqrt() * noise
        target = x
        if peers is not None:
            distance = (x_t - (1 - t) * y)[:, None] - t[:, None] * peers
            width = 2 * self.sigma.square() * (t * (1 - t)).clamp(min=NARROWEST)
            weight = torch.softmax(-distance.square().sum(dim=2) / width, dim=1)
            target = (weight[:, :, None] * peers).sum(dim=1)
        return (self(t, y, x_t) - target).square().sum(dim=1).mean()

    @torch.no_grad()
    def sample(self, y: Tensor, generator: torch.Generator, steps: int = 100, chunk: int = 8192) -> Tensor:
        """One draw of I_psi(y, noise) for each row of y (n, d): (n, d). ``generator`` lives on the CPU, so that a seed
        gives the same noise on every device."""
        return torch.cat([deque(self.walk(part, generator, steps), maxlen=1).pop()[1] for part in y.split(chunk)])

    @torch.no_grad()
    def walk(self, y: Tensor, generator: torch.Generator, steps: int = 100) -> Iterator[tuple[float, Tensor]]:
        """The steps of ``sample`` from y (n, d): each time in (0, 1] with where the paths are then, (n, d)."""
        times = bridge_times(steps, self.grid_power)
        from_y, x = self._from_y(y), y
        for before, after in pairwise(times):
            aim = self.confine(self._held(before, from_y, x))
            share = (after - before) / (1 - before)
            x = torch.lerp(x, aim, share)
            if after < 1:
                noise = torch.randn(y.shape, generator=generator).to(y)
                x = torch.addcmul(x, noise, self.sigma, value=math.sqrt(share * (1 - after)))
            yield after, x

    def _from_y(self, y: Tensor) -> Tensor:
        """What the first layer makes of y and its bias (n, width): the same at every step of a path."""
        first = self.layers[0]
        assert isinstance(first, nn.Linear)
        return torch.addmm(first.bias, self.condition(y), self._columns(1).T)

    def _columns(self, part: int) -> Tensor:
        """The first layer's columns for the time (0), y (1) or x_t (2)."""
        first = self.layers[0]
        assert isinstance(first, nn.Linear)
        weight = first.weight
        y_width = weight.shape[1] - self.time.width - self.space.width
        return weight.split([self.time.width, y_width, self.space.width], dim=1)[part]

    def _held(self, t: float, from_y: Tensor, x_t: Tensor) -> Tensor:
        """X_psi(t, y, x_t) for one t, from _from_y(y)."""
        time = self.time(torch.full_like(x_t[:1, :1], t))
        hidden = torch.addmm(from_y, self.space(x_t), self._columns(2).T).add_(time @ self._columns(0).T)
        return x_t * t + self.layers[1:](hidden)


def bridge_times(steps: int, power: float = 2.0) -> list[float]:
    """0 = t_0 < ... < t_steps = 1, fine near 1: t_k = 1 - (1 - k / steps)^power."""
    return [1 - (1 - k / steps) ** power for k in range(steps)] + [1.0]
