"""The papers' algorithm, V beside u and Adam's conjugates, on a pair of which the Brenier map is known."""

from __future__ import annotations

import torch

from npf_engine.networks.mlp import MLP
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.dual import PublishedPlan, fit_published
from npf_engine.transport.gaussian import gaussian_map


def test_between_gaussians_it_comes_to_the_bures_map() -> None:
    """From the identity, which is 178 % off, to S x + m of the two covariances; V comes to its inverse."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 2, generator=g)
    y = torch.randn(4000, 2, generator=g) @ torch.tensor([[1.2, -0.9], [0.3, 0.8]]).T + torch.tensor([1.0, -2.0])
    S, m = gaussian_map(x, y)
    truth, spread = x @ S.float().T + m.float(), y.var(0).sum()
    config = PotentialConfig(
        hidden=(16, 16),
        activation="elu",
        start="identity",
        beta1=0.5,
        beta2=0.5,
        batch=256,
        dual_steps=150,
        dual_lr=2e-2,
    )
    u = QuadraticICNN.from_settings(2, config, 0, published=True)
    u.start_at_identity(x, float(spread.sqrt()))
    v = MLP(2, 2, (64, 64), activation="relu", seed=1)
    v.centre.copy_(y.mean(0))
    v.spread.copy_(y.std(0))
    before = float((u.gradient(x).detach() - truth).square().sum(1).mean() / spread)
    solver = ConjugateConfig(method="adam", max_iterations=100, tolerance=1e-2)
    fit_published(u, v, x, y, PublishedPlan(config, solver, 5e-3), 0, Recorder())
    after = float((u.gradient(x).detach() - truth).square().sum(1).mean() / spread)
    assert before > 0.5 and after < 0.004
    assert float((v(truth).detach() - x).square().sum(1).mean()) < 0.02
