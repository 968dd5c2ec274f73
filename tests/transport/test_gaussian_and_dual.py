"""The Bures map, the held-out dual, and a fit of a known map."""

from __future__ import annotations

import pytest
import torch

from npf_engine.divergences import l2_uvp
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import conjugate as conjugates
from npf_engine.transport import fit_brenier_map, stratified_dual
from npf_engine.transport.dual import DualPlan, fit_dual
from npf_engine.transport.dual_value import held_out_dual
from npf_engine.transport.gaussian import gaussian_map_of_moments
from npf_engine.transport.schedule import Steps


def test_the_bures_map_pushes_one_covariance_to_the_other_and_is_symmetric() -> None:
    g = torch.Generator().manual_seed(0)
    A, B = (torch.randn(4, 4, dtype=torch.float64, generator=g) for _ in range(2))
    Cx, Cy = A @ A.T + torch.eye(4), B @ B.T + torch.eye(4)
    zero = torch.zeros(4, dtype=torch.float64)
    S, m = gaussian_map_of_moments(zero, Cx, zero + 1, Cy)
    torch.testing.assert_close(S @ Cx @ S, Cy)
    torch.testing.assert_close(S, S.T)
    assert float(torch.linalg.eigvalsh(S).min()) > 0
    torch.testing.assert_close(m, zero + 1)


def test_the_held_out_dual_of_a_quadratic_is_known() -> None:
    """u = |x|^2 / 2 between N(0, I) clouds: mean |x|^2 / 2 + |y|^2 / 2."""
    u = QuadraticICNN(2, [4], strong_convexity=1e-6)
    with torch.no_grad():
        for p in u.parameters():
            p.zero_()
        u.raw_w.fill_(-40.0)
        for part in [*u.direct, u.out, u.tail]:
            part.raw_delta.fill_(-40.0)
        u.tail.A.copy_(torch.eye(2) / 2**0.5)
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(500, 2, generator=g), torch.randn(500, 2, generator=g)
    with torch.no_grad():
        offset = float(u(torch.zeros(1, 2)))  # the layers' constant cancels between u and u*
    assert abs(offset) < 1
    expected = float(x.double().square().sum(1).mean() + y.double().square().sum(1).mean()) / 2
    dual = held_out_dual(u, x, y)
    assert dual.value == pytest.approx(expected, rel=1e-5)
    assert dual.max_residual <= 1e-6


def test_fit_brenier_map_finds_the_gradient_of_a_convex_function() -> None:
    g = torch.Generator().manual_seed(2)
    x, z = (torch.rand(6000, 2, generator=g) * 2 - 1 for _ in range(2))

    def truth(p: torch.Tensor) -> torch.Tensor:  # grad of sum x^4 / 4 + |x|^2 / 2
        return p**3 + p

    small = PotentialConfig(hidden=(32, 32), pair_size=500, pairings=6, regression_steps=400, batch=512)
    fit = fit_brenier_map(x, truth(z), seed=0, budget_seconds=120, config=small)
    check = torch.rand(2000, 2, generator=g) * 2 - 1
    assert l2_uvp(fit.forward(check), truth(check)) < 0.6, fit.info
    torch.testing.assert_close(fit.inverse(fit.forward(check)), check, atol=2e-3, rtol=0)
    assert fit.info["held_out_dual"] < fit.info["gaussian_dual"]


def test_fit_brenier_map_says_why_it_fell_back() -> None:
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(3))
    fit = fit_brenier_map(x, 3 * torch.randn(400, 2, generator=torch.Generator().manual_seed(4)), budget_seconds=0.01)
    assert fit.info["method"] == "gaussian" and fit.info["note"]
    assert torch.isfinite(fit.forward(x)).all()


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (torch.zeros(10, 2), torch.zeros(10, 3), "dimension 2 and target 3"),
        (torch.zeros(2, 2), torch.zeros(10, 2), "n >= 4"),
        (torch.full((10, 2), float("nan")), torch.zeros(10, 2), "not finite"),
    ],
)
def test_bad_clouds_get_a_sentence(source: torch.Tensor, target: torch.Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fit_brenier_map(source, target)


class _Shares(Recorder):
    """Keeps what share of the conjugates converged."""

    def __init__(self) -> None:
        self.converged: list[float] = []

    def progress(self, stage: str, done: int, total: int, **numbers: float) -> None:
        self.converged.append(numbers["converged"])


def test_conjugates_that_do_not_converge_get_more_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(4)
    x = torch.randn(2000, 4, generator=g)
    y = 3 * torch.randn(2000, 4, generator=g).abs() * torch.tensor([1.0, 1.0, 5.0, 0.2])
    y = y + 8 * (torch.rand(2000, 1, generator=g) > 0.5)
    config, starved = PotentialConfig(batch=256), ConjugateConfig(method="lbfgs", max_iterations=1)

    def share() -> float:
        u, kept = QuadraticICNN(4, [16, 16], seed=0), _Shares()
        u.start_at_identity(torch.eye(2), 1.0)
        fit_dual(u, x, y, DualPlan.of(config, starved, Steps(100), 6e-2), 0, kept)
        return sum(kept.converged[-4:]) / 4

    given = share()
    monkeypatch.setattr(stratified_dual, "extra_iterations", lambda extra, solved: 0)
    fixed = share()
    assert fixed < 0.3 and given > 0.8  # measured: 0.12 and 0.98


def test_extra_iterations_rise_to_a_limit_and_fall_again() -> None:
    def solved(share: float) -> conjugates.Conjugate:
        done = torch.arange(100) < 100 * share
        return conjugates.Conjugate(torch.zeros(100, 2), torch.zeros(100), done, 1.0)

    assert conjugates.extra_iterations(3, solved(0.9)) == 4 and conjugates.extra_iterations(3, solved(1.0)) == 2
    assert conjugates.extra_iterations(conjugates.MOST_EXTRA, solved(0.0)) == conjugates.MOST_EXTRA
    assert conjugates.extra_iterations(0, solved(1.0)) == 0
