"""Losses against closed forms, and fits against known maps."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npf_engine.divergences import default_eps, l2_uvp, sinkhorn_divergence
from npf_engine.errors import InputError
from npf_engine.networks.monotone import CMGN
from npf_engine.tasks import steady
from npf_engine.transport.adversarial import AdversarialConfig, Adversary, gradient_penalty
from npf_engine.transport.gaussian import gaussian_map_of_moments
from npf_engine.transport.monotone_fit import KINDS, MonotonePlan, fit_monotone
from npf_engine.transport.monotone_losses import gaussian_kl, monge_ampere, sinkhorn_loss

Gaussian = torch.distributions.MultivariateNormal


def gaussians(d: int, seed: int = 0) -> tuple[Gaussian, Gaussian]:
    g = torch.Generator().manual_seed(seed)
    out = []
    for size in (1.0, 2.0):
        A = torch.randn(d, d, generator=g, dtype=torch.float64)
        C = size * (A @ A.T / d + 0.3 * torch.eye(d, dtype=torch.float64))
        out.append(Gaussian(size * torch.randn(d, generator=g, dtype=torch.float64), C))
    return out[0], out[1]


def draws(law: Gaussian, n: int, seed: int) -> Tensor:
    z = torch.randn(n, law.mean.shape[0], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return law.mean + z @ law.scale_tril.T


def mixture(means: list[list[float]], n: int, seed: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    pick = torch.randint(len(means), (n,), generator=g)
    return torch.tensor(means)[pick] + 0.4 * torch.randn(n, 2, generator=g)


def test_gaussian_kl_is_the_closed_form_of_the_moments() -> None:
    first, second = gaussians(3)
    x = draws(first, 400, 1)
    centred = x - x.mean(0)
    expected = torch.distributions.kl_divergence(Gaussian(x.mean(0), centred.T @ centred / 400), second)
    assert float(gaussian_kl(x, second.mean, second.covariance_matrix)) == pytest.approx(float(expected), rel=1e-4)
    same = gaussian_kl(x, x.mean(0), centred.T @ centred / 400)
    assert float(same) == pytest.approx(0.0, abs=1e-9)


def test_sinkhorn_loss_is_our_divergence_and_can_be_differentiated() -> None:
    first, second = gaussians(2)
    x, y = draws(first, 60, 1), draws(second, 50, 2)
    eps = default_eps(y)
    loss = sinkhorn_loss(eps)
    assert float(loss(x, y)) == pytest.approx(sinkhorn_divergence(x, y, eps), rel=0.05)
    x.requires_grad_()
    (slope,) = torch.autograd.grad(loss(x, y), x)
    push = torch.randn(60, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    x = x.detach()
    change = (sinkhorn_divergence(x + 1e-2 * push, y, eps) - sinkhorn_divergence(x - 1e-2 * push, y, eps)) / 2e-2
    assert float((slope * push).sum()) == pytest.approx(change, rel=0.1, abs=0.02)


def test_the_monge_ampere_residual_vanishes_at_the_exact_map() -> None:
    first, second = gaussians(3)
    S, m = gaussian_map_of_moments(first.mean, first.covariance_matrix, second.mean, second.covariance_matrix)
    u = CMGN(3, 8, 2).double()
    u.start_at_gaussian(S, m, torch.eye(len(m)), 2.0)
    assert u.raw_gain is not None
    with torch.no_grad():
        u.raw_gain.fill_(-60.0)  # silence the layers
    x = draws(first, 200, 4)
    exact = monge_ampere(u, x, 1.0, first.log_prob(x), second.log_prob)
    assert float(exact.abs().max().detach()) < 1e-5
    # A model unit of half a length: the same map written for 2 x has half of its Jacobian.
    with torch.no_grad():
        u.V.mul_(math.sqrt(0.5))
    halved = monge_ampere(u, 2 * x, 0.5, first.log_prob(x), second.log_prob)
    assert float(halved.abs().max().detach()) < 1e-5


@pytest.mark.parametrize(("times", "wanted"), [(1.0, 16.0), (0.3, 0.25), (0.2, 0.0), (0.1, 0.0)])
def test_the_penalty_knows_slopes_above_one(times: float, wanted: float) -> None:
    """Slope 5 * times; a critic that is less steep than 1 is as allowed as Kantorovich and Rubinstein have it."""

    class Linear(nn.Module):
        def forward(self, y: Tensor) -> Tensor:
            return times * (3 * y[:, 0] + 4 * y[:, 1])

    cloud = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    value = gradient_penalty(Linear(), cloud, cloud + 1, torch.Generator().manual_seed(1))
    assert float(value.detach()) == pytest.approx(wanted, rel=1e-5, abs=1e-9)


def test_the_critic_finds_the_distance_of_translated_clouds() -> None:
    """W_1 of a cloud and its translate is the length of the translation."""
    y = torch.randn(1000, 2, generator=torch.Generator().manual_seed(2))
    x = y + torch.tensor([1.2, -0.9])
    adversary = Adversary(y, AdversarialConfig(rate=1e-3, rounds=3), seed=0)  # slow enough to stay near Lipschitz
    g = torch.Generator().manual_seed(3)
    for _ in range(200):
        adversary.train(x[torch.randint(1000, (128,), generator=g)], y[torch.randint(1000, (128,), generator=g)], g)
    assert float(adversary.loss(x, y).detach()) == pytest.approx(1.5, rel=0.12)


@pytest.mark.parametrize(("kind", "d"), [("cmgn", 2), ("mmgn", 4)])
def test_gaussian_to_gaussian_within_a_tenth_of_a_per_cent(kind: str, d: int) -> None:
    first, second = gaussians(d)
    S, m = gaussian_map_of_moments(first.mean, first.covariance_matrix, second.mean, second.covariance_matrix)
    source, target = draws(first, 60_000, 1), draws(second, 60_000, 2)
    T = fit_monotone(source, target, MonotonePlan(kind, "kl", steps=120))
    x = draws(first, 4000, 5)
    assert l2_uvp(T.forward(x.float()), x @ S.T + m) < 0.1


def test_pairs_split_a_mixture_where_the_gaussian_map_cannot() -> None:
    source = mixture([[-2, 0], [2, 0]], 1400, 1)
    target = mixture([[-3, 1], [0, -1], [3, 1]], 1400, 2)
    T = fit_monotone(source[:700], target[:700], MonotonePlan(steps=250))
    reference = target[700:]
    eps = default_eps(reference)
    value = sinkhorn_divergence(T.forward(source[700:]), reference, eps)
    start = fit_monotone(source[:700], target[:700], MonotonePlan(steps=1))
    assert value < 0.3 * sinkhorn_divergence(start.forward(source[700:]), reference, eps)
    x = source[700:800]
    J = T.jacobian(x).double()
    assert float(torch.linalg.eigvalsh(J).min()) > -1e-4
    torch.testing.assert_close(T.inverse(T.forward(x)), x, rtol=1e-2, atol=2e-2)
    moved = x.clone()
    moved[:, 0] += 1e-2
    slope = (T.potential(moved) - T.potential(x)) / 1e-2
    torch.testing.assert_close(slope, (T.forward(x)[:, 0] + T.forward(moved)[:, 0]) / 2, rtol=0.02, atol=0.05)
    assert T.curve[-1]["loss"] < 0.5 * T.curve[0]["loss"] and T.curve[-1]["seconds"] > 0
    assert T.parameters == T.info["parameters"] and T.info["steps"] == 250


@pytest.mark.parametrize("loss", ["adversarial", "sinkhorn", "monge-ampere", "dual"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_loss_falls_and_repeats(kind: str, loss: str) -> None:
    first, second = gaussians(2)
    source, target = draws(first, 600, 1).float(), draws(second, 500, 2).float()
    laws = [Gaussian(law.mean.float(), law.covariance_matrix.float()) for law in (first, second)]
    network = {"width": 8, "layers": 2} if kind == "cmgn" else {"width": 2, "modules_count": 4}
    steps = 4 if loss == "dual" else 8

    def fit() -> Tensor:
        densities = (laws[0].log_prob, laws[1].log_prob)
        plan = MonotonePlan(kind, loss, steps=steps, network=network, densities=densities)
        T = fit_monotone(source, target, plan, seed=3)
        assert T.info["loss"] == loss and all(math.isfinite(point["loss"]) for point in T.curve)
        return T.forward(source)

    once, again = fit(), fit()
    assert torch.equal(once, again)
    assert torch.isfinite(once).all()


def test_clouds_may_be_callables_and_a_budget_cuts_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(steady, "seconds", lambda: 0.005 * next(ticks))  # however busy the machine is
    T = fit_monotone(
        lambda n, g: torch.randn(n, 2, generator=g),
        lambda n, g: 3 * torch.randn(n, 2, generator=g) + 1,
        MonotonePlan("mmgn", "kl", steps=100_000, seconds=1.0),
    )
    assert 50 < T.info["steps"] < 100_000
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(7))
    assert l2_uvp(T.forward(x), 3 * x + 1) < 20


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "icnn"}, "cmgn, mmgn"),
        ({"loss": "l2"}, "pairs, kl"),
        ({"start": "zero"}, "gaussian or identity"),
        ({"loss": "monge-ampere"}, "log densities"),
        ({"seconds": 0.0}, "positive"),
        ({"target": torch.zeros(9, 3)}, "dimension 2 and target 3"),
        ({"target": torch.zeros(1, 2)}, "at least 4 points"),
        ({"target": torch.full((9, 2), math.nan)}, "not finite"),
    ],
)
def test_bad_input_is_a_sentence(given: dict[str, Any], says: str) -> None:
    target = given.pop("target", torch.ones(9, 2))
    with pytest.raises(InputError, match=says):
        fit_monotone(torch.zeros(9, 2), target, MonotonePlan(**given))


def test_two_identical_clouds_have_the_identity() -> None:
    x = draws(gaussians(2)[0], 700, 1).float()
    T = fit_monotone(x, x.clone(), MonotonePlan(steps=40))
    assert l2_uvp(T.forward(x), x) < 1.5
