"""q(x | y): where a corrected jump may come back to. A mixture of Gaussians whose parts depend on y.

M^{-1}(y) is a finite set, so the bridge's draws have no density. A mixture density network has one in closed form, and
a share of a broad law gives it full support on Omega whatever the network says. Any such q keeps the law exp(-c g)
(sampling/corrected.py); a good one, near the law of x given y = M(x) + s z, is accepted more often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.networks.mlp import MLP
from npf_engine.sampling.langevin import Region

FULL_MAX_D = 3  # above it the parts' covariances are diagonal


@dataclass(frozen=True)
class ProposalSettings:
    """components: Gaussians; broad: the share of the broad law; steps, rate, batch: of the fit."""

    components: int = 24
    hidden: tuple[int, ...] = (64, 64)
    broad: float = 0.02
    steps: int = 600
    rate: float = 4e-3
    batch: int = 1024


class Proposal(nn.Module):
    """q(x | y) for x, y (n, d). Means and widths are offsets from ``centres`` (K, d) in units of ``widths`` (K, d),
    which ``fit`` takes from the samples; both are buffers."""

    centres: Tensor
    widths: Tensor

    def __init__(self, d: int, settings: ProposalSettings, region: Region | None, seed: int = 0) -> None:
        super().__init__()
        self.d, self.settings, self.region = d, settings, region
        self.lower = d * (d - 1) // 2 if d <= FULL_MAX_D else 0
        k = settings.components
        self.body = MLP(d, k * (1 + 2 * d + self.lower), settings.hidden, seed=seed)
        self.register_buffer("centres", torch.zeros(k, d))
        self.register_buffer("widths", torch.ones(k, d))
        with torch.no_grad():  # start as the plain mixture of ``centres`` and ``widths``
            last = self.body.layers[-1]
            assert isinstance(last, nn.Linear)
            last.weight.mul_(0.1)
            last.bias.zero_()

    def _parts(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights (n, K), means (n, K, d) and lower factors L (n, K, d, d) with L (x - mean) standard normal."""
        weights, means, diagonal, lower = self._numbers(y)
        factor = torch.diag_embed(diagonal)
        return weights, means, factor if lower is None else factor + lower

    def _numbers(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """The same with L as its diagonal (n, K, d) and, where it has one, the rest of it."""
        k, d = self.settings.components, self.d
        out = self.body(y).reshape(-1, k, 1 + 2 * d + self.lower)
        weights = torch.log_softmax(out[:, :, 0], dim=1)
        means = self.centres + self.widths * out[:, :, 1 : 1 + d]
        diagonal = torch.exp(out[:, :, 1 + d : 1 + 2 * d].clamp(-6.0, 6.0))
        lower = None
        if self.lower:
            rows, columns = torch.tril_indices(d, d, -1)
            lower = out.new_zeros(len(out), k, d, d)
            lower[:, :, rows, columns] = out[:, :, 1 + 2 * d :]
            lower = lower / self.widths[:, None, :]
        return weights, means, diagonal / self.widths, lower

    def log_density(self, x: Tensor, y: Tensor) -> Tensor:
        """log q(x | y) (n,) for x, y (n, d), of any dtype."""
        x, y = x.to(self.centres), y.to(self.centres)
        narrow = self._narrow_log(x, y) + math.log1p(-self.settings.broad)
        return torch.logaddexp(narrow, self._broad_log(x) + math.log(self.settings.broad))

    def _narrow_log(self, x: Tensor, y: Tensor) -> Tensor:
        """Log density (n,) of the mixture of the network's parts."""
        weights, means, diagonal, lower = self._numbers(y)
        away = x[:, None] - means
        if lower is None:  # a product of full matrices would take most of the fit's time in ten dimensions
            z = diagonal * away
        else:
            z = ((torch.diag_embed(diagonal) + lower) @ away[:, :, :, None])[:, :, :, 0]
        log_det = diagonal.log().sum(dim=2)
        parts = weights + log_det - 0.5 * z.square().sum(dim=2) - 0.5 * self.d * math.log(2 * math.pi)
        return torch.logsumexp(parts, dim=1)

    def _broad_log(self, x: Tensor) -> Tensor:
        """Log density (n,) of the broad law: uniform on Omega, or a Gaussian over all centres."""
        if self.region is not None:
            low, high = self.region.corners(x)
            return torch.where(self.region.inside(x), -(high - low).log().sum(), -torch.inf)
        middle, spread = self._broad_gaussian()
        z = (x - middle) / spread
        return -0.5 * z.square().sum(dim=1) - spread.log().sum() - 0.5 * self.d * math.log(2 * math.pi)

    def _broad_gaussian(self) -> tuple[Tensor, Tensor]:
        spread = 2 * (self.centres.std(dim=0, correction=0) + self.widths.mean(dim=0))
        return self.centres.mean(dim=0), spread

    @torch.no_grad()
    def sample(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """One draw (n, d) for each row of y."""
        y = y.to(self.centres)
        n = len(y)
        x = self._narrow_sample(y, generator)
        share = torch.rand(n, 1, generator=generator).to(y)
        wide = torch.rand(n, self.d, generator=generator).to(y)
        if self.region is not None:
            low, high = self.region.corners(y)
            wide = low + wide * (high - low)
        else:
            middle, spread = self._broad_gaussian()
            wide = middle + spread * torch.randn(n, self.d, generator=generator).to(y)
        return torch.where(share < self.settings.broad, wide, x)

    def _narrow_sample(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """One draw (n, d) of the network's parts for each row of y."""
        weights, means, factor = self._parts(y)
        n = len(y)
        uniform = torch.rand(n, 1, generator=generator).to(y)
        pick = (weights.exp().cumsum(dim=1) < uniform).sum(dim=1).clamp(max=self.settings.components - 1)
        rows = torch.arange(n, device=y.device)
        noise = torch.randn(n, self.d, 1, generator=generator).to(y)
        return means[rows, pick] + torch.linalg.solve_triangular(factor[rows, pick], noise, upper=False)[:, :, 0]

    def fit(self, x: Tensor, y: Tensor, noise: float, seed: int) -> float:
        """Maximise the mean of log q(x | y + noise z) over samples x, y = M(x) (n, d). Returns the last mean."""
        generator = seeds.generator(seed, "proposal.batches")
        self._place(x, y, generator)
        self.requires_grad_(True)
        settings = self.settings
        # Not an ``optimise``: gradients are clipped, and a batch without a finite one is left out where that goes back.
        optimiser = torch.optim.Adam(self.parameters(), lr=settings.rate, fused=True)
        mean = 0.0
        for step in range(settings.steps):
            for group in optimiser.param_groups:
                group["lr"] = settings.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / settings.steps)))
            pick = torch.randint(len(x), (settings.batch,), generator=generator)
            blurred = y[pick] + noise * torch.randn(settings.batch, self.d, generator=generator).to(y)
            value = self.log_density(x[pick], blurred).mean()
            optimiser.zero_grad(set_to_none=True)
            (-value).backward()
            if not torch.isfinite(nn.utils.clip_grad_norm_(self.parameters(), 5.0)):
                continue  # the next batch may teach something
            optimiser.step()
            mean = 0.95 * mean + 0.05 * float(value.detach())
        self.requires_grad_(False)
        return mean

    @torch.no_grad()
    def _place(self, x: Tensor, y: Tensor, generator: torch.Generator) -> None:
        """Centres on spread-out samples (each the farthest of a few from those before), widths from their cells."""
        few = x[torch.randperm(len(x), generator=generator)[:4000]]
        chosen = [few[0]]
        distance = (few - few[0]).norm(dim=1)
        for index in range(1, self.settings.components):
            # Half of the centres lie in a far corner of the cloud, half where there is mass.
            far = int(distance.argmax()) if index % 2 else int(torch.randint(len(few), (1,), generator=generator))
            chosen.append(few[far])
            distance = torch.minimum(distance, (few - few[far]).norm(dim=1))
        self.centres.copy_(torch.stack(chosen))
        for _ in range(5):
            nearest = torch.cdist(few, self.centres).argmin(dim=1)
            for k in range(len(self.centres)):
                if (nearest == k).any():
                    self.centres[k] = few[nearest == k].mean(dim=0)
        overall = few.std(dim=0).clamp(min=1e-6)
        nearest = torch.cdist(few, self.centres).argmin(dim=1)
        for k in range(len(self.centres)):
            own = few[nearest == k]
            self.widths[k] = own.std(dim=0).maximum(1e-2 * overall) if len(own) > 3 else 0.1 * overall
        self.body.centre.copy_(y.mean(dim=0))
        self.body.spread.copy_(y.std(dim=0).clamp(min=1e-6))
