"""The entropic cost piece by piece: chunks, precisions and coarse starts against sums written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from npf_engine.divergences import entropic, sinkhorn
from npf_engine.divergences.entropic import _cross, _self, _softmin, _solve, _start, entropic_cost, self_cost


def clouds(b: int, n: int, m: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    x = 3 + torch.randn(b, n, 2, generator=g, dtype=torch.float64)
    y = 2.5 + 0.7 * torch.randn(b, m, 2, generator=g, dtype=torch.float64)
    return x, y, torch.randn(b, m, generator=g, dtype=torch.float64)


def costs(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, :, None] - y[:, None]).square().sum(3)


@pytest.mark.parametrize("chunk", [1, 35, 2**17])
def test_softmin_is_its_sum_in_chunks_of_any_size(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entropic, "CHUNK_NUMBERS", chunk)
    x, y, g = clouds(2, 9, 5)
    f = -torch.log(torch.exp(g[:, None] - costs(x, y)).mean(2))
    torch.testing.assert_close(_softmin(x, y, g), f)
    kernel = torch.full((2, 9, 5), torch.nan, dtype=torch.float64)
    torch.testing.assert_close(_softmin(x, y, g, kernel), f)
    torch.testing.assert_close(kernel, torch.exp(f[:, :, None] + g[:, None] - costs(x, y)))
    torch.testing.assert_close(kernel.mean(2), torch.ones(2, 9).double())


def plain(x: Tensor, y: Tensor, eps: float) -> tuple[float, Tensor]:
    """OT_eps and f / eps by 600 sweeps of Sinkhorn's own iteration, for one pair (n, d), (m, d)."""
    C = (x[:, None] - y[None]).square().sum(2) / eps
    g = torch.zeros(len(y), dtype=torch.float64)
    for _ in range(600):
        f = -torch.logsumexp(g - C, 1) + torch.tensor(float(len(y))).log()
        g = -torch.logsumexp(f[:, None] - C, 0) + torch.tensor(float(len(x))).log()
    P = torch.exp(f[:, None] + g - C) / (len(x) * len(y))
    cost = float((P * C * eps).sum() + eps * (P * (P * len(x) * len(y)).log()).sum())
    return cost, f


@pytest.mark.parametrize(("n", "m"), [(11, 7), (6, 13)])
@pytest.mark.parametrize("eps", [0.3, 2.0])
def test_the_cost_is_transport_plus_entropy_of_the_plan(n: int, m: int, eps: float) -> None:
    x, y, _ = clouds(2, n, m)
    found, own = entropic_cost(x, y, eps), self_cost(x, eps)
    for k in range(2):
        assert float(found[k]) == pytest.approx(plain(x[k], y[k], eps)[0], rel=1e-6)
        assert float(own[k]) == pytest.approx(plain(x[k], x[k], eps)[0], rel=1e-5, abs=1e-6)
    f = _cross(x, y, torch.zeros(2, m).double())[1]
    truth = plain(x[0], y[0], 1.0)[1]
    torch.testing.assert_close(f[0] - f[0].mean(), truth - truth.mean(), atol=1e-4, rtol=0)
    own_f = _self(x, torch.zeros(2, n).double())[1][0]
    torch.testing.assert_close(_softmin(x[:1], x[:1], own_f[None])[0], own_f, atol=1e-3, rtol=0)


def test_a_coarse_start_leads_to_the_same_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, _ = clouds(1, 60, 40)
    monkeypatch.setattr(entropic, "COARSE", 1000)
    plain_cost, plain_self = float(entropic_cost(x, y, 0.5)), float(self_cost(x, 0.5))
    assert float(_start(x, y).abs().max()) == 0
    monkeypatch.setattr(entropic, "COARSE", 8)
    assert float(entropic_cost(x, y, 0.5)) == pytest.approx(plain_cost, rel=1e-6)
    assert float(self_cost(x, 0.5)) == pytest.approx(plain_self, rel=1e-6)
    # The coarse potential is near the fine one: that is what it is for.
    g = _start(x, y)
    fine = _softmin(y, x, _cross(x, y, g)[1])
    apart = (g - g.mean()) - (fine - fine.mean())
    assert float(apart.std()) < 0.35 * float(fine.std())
    monkeypatch.setattr(entropic, "DOUBLE_NUMBERS", 1)  # kernels in single precision
    assert float(entropic_cost(x, y, 0.5)) == pytest.approx(plain_cost, rel=1e-4)
    assert float(self_cost(x, 0.5)) == pytest.approx(plain_self, rel=1e-4)


def test_conjugate_gradients_solve_and_stop_at_the_trust_radius() -> None:
    g = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=g, dtype=torch.float64)
    H = root @ root.T / 6 + torch.eye(6).double()
    rho = 0.3 * torch.randn(2, 6, generator=g, dtype=torch.float64)
    x, energy, whole = _solve(lambda v: v @ H, rho, 1e-14)
    assert whole
    torch.testing.assert_close(x, torch.linalg.solve(H, rho.T).T, atol=0.02, rtol=0)
    torch.testing.assert_close(energy, (rho * torch.linalg.solve(H, rho.T).T).sum(1) / 12, rtol=0.02, atol=0)
    far, _, cut = _solve(lambda v: 1e-3 * v, rho, 1e-14)
    assert not cut
    assert float(far.abs().max()) == pytest.approx(entropic.TRUST)
    torch.testing.assert_close(far / far.abs().amax(1, keepdim=True), rho / rho.abs().amax(1, keepdim=True))


def test_few_products_and_builds_are_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newton with the right Hessian needs a handful of products where Sinkhorn needs hundreds of sweeps."""
    counts = {"products": 0, "builds": 0}
    times, softmin = entropic._times, entropic._softmin

    def counted_times(kernel: Tensor, v: Tensor) -> Tensor:
        counts["products"] += 1
        return times(kernel, v)

    def counted_softmin(x: Tensor, y: Tensor, g: Tensor, kernel: Tensor | None = None) -> Tensor:
        counts["builds"] += 1
        return softmin(x, y, g, kernel)

    monkeypatch.setattr(entropic, "_times", counted_times)
    monkeypatch.setattr(entropic, "_softmin", counted_softmin)
    x, y, _ = clouds(1, 120, 100)
    entropic_cost(x, y, 0.3)
    assert counts["products"] <= 60 and counts["builds"] <= 8, counts
    counts.update(products=0, builds=0)
    self_cost(x, 0.3)
    assert counts["products"] <= 25 and counts["builds"] <= 6, counts


def test_a_degenerate_reference_leaves_the_squared_distance_of_the_means(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    point = torch.tensor([[5.0, 0.0], [5.0, 0.0], [5.0, 0.0]])
    assert sinkhorn.sinkhorn_divergence(x, point) == pytest.approx(9 + 16)
    b = sinkhorn.batched_sinkhorn_divergence(x[None], point[None], 0.0)
    assert b.tolist() == pytest.approx([25.0])
    assert sinkhorn.default_eps(x) == pytest.approx(0.05 * 2 * (1 + 4))
    monkeypatch.setattr(sinkhorn, "BATCH_NUMBERS", 40)  # so that the batch is cut
    many, other = clouds(5, 6, 4)[:2]
    whole = [sinkhorn.sinkhorn_divergence(a, b, 0.7) for a, b in zip(many, other, strict=True)]
    assert sinkhorn.batched_sinkhorn_divergence(many, other, 0.7).tolist() == pytest.approx(whole, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_the_limits_of_eps_are_in_units_of_the_references_spread(size: float) -> None:
    y = size * (50 + clouds(1, 20, 20)[1][0])
    spread = 2 * float((y - y.mean(0)).square().sum(1).mean())
    for eps in (1.001e-4 * spread, 0.999e4 * spread):
        assert sinkhorn._checked_eps(eps, y) == eps
    for eps in (0.999e-4 * spread, 1.001e4 * spread, 0.0, -spread, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="eps must be positive"):
            sinkhorn._checked_eps(eps, y)
    assert sinkhorn._checked_eps(7.0, y[:1]) == 7.0  # one point has no spread to measure by
