"""The adversarial Wasserstein-1 loss (seed 004, 3.2; Gulrajani et al. 2017).

    W_1(T#mu, nu) = sup over 1-Lipschitz f of  E f(y) - E f(T(x)),

with f a critic of three layers of 64 leaky ReLU units, held below Lipschitz constant 1 by the penalty
weight * E max(|grad f| - 1, 0)^2 on points between image and target. It is one-sided: the best critic has slope 1 along
the transport's rays alone, and the two-sided (|grad f| - 1)^2 asks for it everywhere, so that even between equal laws
the critic has a slope and pulls the map away (Petzka, Fischer and Lukovnikov 2018). On 2,048 points of the lab's
mixtures the two-sided penalty ends at S_eps .08 to .10, the one-sided at .020 to .042, where two draws differ by .028
to .17 (seeds 0 to 2, two draws each).
As T is the gradient of a convex function, no transport cost is needed in the loss: Brenier's theorem makes the one such
map with the right image the optimal one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from npf_engine.networks.mlp import reset_linear
from npf_engine.transport.setbacks import finite_gradients

HIDDEN = (64, 64, 64)
LEAK = 0.2


@dataclass(frozen=True)
class AdversarialConfig:
    """How the critic is trained. The paper's rate is 1e-4; twenty times that learns a plane's map in minutes. With half
    the rounds and half the rate the critic lags behind, and the map goes round the answer."""

    rate: float = 2e-3
    penalty: float = 10.0
    rounds: int = 6  # critic steps for each step of the map
    betas: tuple[float, float] = (0.5, 0.9)
    warm_up: int = 100  # critic steps before the map's first


class Critic(nn.Module):
    """f: (n, d) -> (n,), on points moved to mean 0 and size 1 of the target."""

    centre: Tensor
    size: Tensor

    def __init__(self, d: int, seed: int = 0) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(d))
        self.register_buffer("size", torch.ones(()))
        layers: list[nn.Module] = []
        for before, after in zip((d, *HIDDEN), HIDDEN, strict=False):
            layers += [nn.Linear(before, after), nn.LeakyReLU(LEAK)]
        self.layers = nn.Sequential(*layers, nn.Linear(HIDDEN[-1], 1))
        reset_linear(self, seed)

    def forward(self, y: Tensor) -> Tensor:
        """f(y) (n,): in units of length, so that |grad f| means slope per unit of y."""
        return self.size * self.layers((y - self.centre) / self.size)[:, 0]


def gradient_penalty(critic: nn.Module, image: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """E max(|grad f| - 1, 0)^2 at points drawn uniformly on the segments between image (n, d) and target (n, d)."""
    t = torch.rand(len(image), 1, generator=generator, device=generator.device).to(image)
    between = (t * image + (1 - t) * target).detach().requires_grad_()
    slope = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
    return (slope.norm(dim=1) - 1).clamp(min=0).square().mean()


class Adversary:
    """A critic and its optimiser, stepped inside the loss of the map's own ``optimise``: no training by itself.

    ``loss(image, target)`` trains the critic on detached clouds, then returns the map's loss,
    E f(target) - E f(image), which is the present estimate of W_1."""

    def __init__(self, target: Tensor, config: AdversarialConfig, seed: int) -> None:
        self.config = config
        self.critic = Critic(target.shape[1], seed).to(target)
        self.critic.centre.copy_(target.mean(0))
        self.critic.size.copy_((target - target.mean(0)).square().sum(1).mean().sqrt().clamp(min=1e-12))
        self.optimiser = torch.optim.Adam(self.critic.parameters(), lr=config.rate, betas=config.betas)
        self.size = float(self.critic.size)
        self.warm = False

    def train(self, image: Tensor, target: Tensor, generator: torch.Generator) -> None:
        """One step of the critic on clouds (n, d) without gradients."""
        image = image.detach()
        gap = (self.critic(image).mean() - self.critic(target).mean()) / self.size
        loss = gap + self.config.penalty * gradient_penalty(self.critic, image, target, generator)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if finite_gradients(self.critic.parameters()):  # else the next batch may teach something
            self.optimiser.step()

    def loss(self, image: Tensor, target: Tensor) -> Tensor:
        """E f(target) - E f(image), differentiable in image (n, d)."""
        return self.critic(target).mean().detach() - self.critic(image).mean()
