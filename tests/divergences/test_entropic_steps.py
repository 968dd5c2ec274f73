"""The entropic solver's steps by linear algebra: Newton's system, conjugate gradients, what is missing is added."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.divergences import entropic
from npf_engine.divergences.entropic import _cross, _empty_kernel, _newton, _newton_step, _self, _softmin, _solve


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain_value(x: Tensor, y: Tensor) -> float:
    """OT_1 of one pair by 2000 sweeps of Sinkhorn's own iteration."""
    C = (x[:, None] - y[None]).square().sum(2)
    g = torch.zeros(len(y), dtype=torch.float64)
    for _ in range(2000):
        f = -torch.logsumexp(g - C, 1) + math.log(len(y))
        g = -torch.logsumexp(f[:, None] - C, 0) + math.log(len(x))
    return float(f.mean() + g.mean())


def kernel_of(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The kernel of potentials g = 0, whose rows have mean one, and f."""
    kernel = _empty_kernel(x, y)
    return kernel, _softmin(x, y, torch.zeros(len(x), y.shape[1]).double(), kernel)


def test_scalings_have_exact_columns_and_the_missing_value_is_what_is_missing() -> None:
    x, y = draws(1, 30, 2), 0.7 * draws(1, 25, 2, seed=1) + 0.3
    kernel, f = kernel_of(x, y)
    fit = _newton(kernel, 1e-2, False)
    assert fit is not None and fit.done
    rows = fit.a * (kernel @ fit.b[..., None])[..., 0] / 25
    columns = fit.b * (kernel.mT @ fit.a[..., None])[..., 0] / 30
    torch.testing.assert_close(columns, torch.ones(1, 25).double(), atol=1e-12, rtol=0)
    assert 1e-3 < float((rows - 1).abs().max()) < 0.2
    missing, truth = float(fit.missing), plain_value(x[0], y[0])
    so_far = float((f + fit.a.log()).mean() + fit.b.log().mean())
    assert missing > 1e-5 and truth - so_far == pytest.approx(missing, rel=0.01)
    value, potential = _cross(x, y, torch.zeros(1, 25).double(), 1e-2)[:2]
    assert float(value) == pytest.approx(truth, abs=0.01 * missing)
    torch.testing.assert_close(potential, f + fit.a.log())


def test_of_many_pairs_the_worst_says_when_it_is_done() -> None:
    x, y = draws(1, 30, 2), 0.7 * draws(1, 30, 2, seed=1) + 0.3
    both = torch.cat([torch.ones(1, 30, 30).double(), kernel_of(x, y)[0]])
    for kernel in (both, both.flip(0)):
        fit = _newton(kernel, 1e-6, True)
        assert fit is not None and fit.done and float(fit.missing.max()) < 1e-6
        rows = fit.a * (kernel @ fit.b[..., None])[..., 0] / 30
        assert float((rows - 1).abs().max()) < 1e-2


@pytest.mark.parametrize(("light", "there"), [(0.5e-4, False), (2e-4, True)])
def test_a_column_without_mass_wants_another_start(light: float, there: bool) -> None:
    kernel = torch.tensor([[[2 - light, light]] * 2]).double()
    assert (_newton(kernel, 1e-8, False) is not None) == there


def test_a_kernel_that_is_far_off_is_given_up_only_where_that_is_asked() -> None:
    """Two groups, six lengths apart, whose masses do not fit: their potentials have to part by dozens of eps."""
    x = 0.1 * draws(1, 30, 2) + torch.tensor([[0.0, 0.0]] * 10 + [[6.0, 0.0]] * 20).double()
    y = 0.1 * draws(1, 30, 2, seed=1) + torch.tensor([[0.0, 0.0]] * 20 + [[6.0, 0.0]] * 10).double()
    kernel, _ = kernel_of(x, y)
    assert _newton(kernel, 1e-8, True) is None
    unfinished = _newton(kernel, 1e-8, False)
    assert unfinished is not None and not unfinished.done and float(unfinished.missing.abs().max()) == 0
    value = _cross(x, y, torch.zeros(1, 30).double())[0]
    assert float(value) == pytest.approx(plain_value(x[0], y[0]), rel=1e-6)


def test_newtons_system_is_the_hessian_of_the_dual(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = draws(2, 6, 4).exp()
    a, b = draws(2, 6, seed=1).exp(), draws(2, 4, seed=2).exp()
    row = a * (kernel @ b[..., None])[..., 0] / 4
    seen: list[tuple[Callable[[Tensor], Tensor], Tensor, float]] = []
    monkeypatch.setattr(entropic, "_solve", lambda *given: seen.append(given) or "solved")
    assert _newton_step(kernel, a, b, row, 0.5) == "solved"
    product, rho, tolerance = seen[0]
    assert tolerance == 0.5
    away = 1 - row
    torch.testing.assert_close(rho, away - away.mean(1)[:, None])
    v = draws(2, 6, seed=3)
    for k in range(2):
        P = a[k][:, None] * kernel[k] * b[k]
        H = torch.diag(row[k]) - P @ P.T / (6 * 4)
        torch.testing.assert_close(product(v)[k], H @ v[k])


def plain_gradients(H: Tensor, rho: Tensor, tolerance: float, most: int) -> tuple[Tensor, list[float], bool]:
    """(x, energies, whole) of conjugate gradients for the rows of rho (b, n), ended by the same rules."""
    n = rho.shape[1]
    x, r, p = torch.zeros_like(rho), rho.clone(), rho.clone()
    energy = [0.0] * len(rho)
    for _ in range(most):
        gains, moves = [], []
        for k in range(len(rho)):
            alpha = float(r[k] @ r[k]) / float(p[k] @ H @ p[k])
            moves.append(alpha * p[k])
            gains.append(alpha * float(r[k] @ r[k]) / (2 * n))
            energy[k] += gains[-1]
        move = torch.stack(moves)
        if float((x + move).abs().max()) > entropic.TRUST:
            shares = [min(1.0, entropic.TRUST / float(m.abs().max())) for m in moves]
            return x + move * torch.tensor(shares)[:, None], energy, False
        x = x + move
        fresh = torch.stack([r[k] - H @ moves[k] for k in range(len(rho))])
        if all(g <= max(0.003 * e, 1e-3 * tolerance) for g, e in zip(gains, energy, strict=True)):
            break
        p = torch.stack([fresh[k] + float(fresh[k] @ fresh[k]) / float(r[k] @ r[k]) * p[k] for k in range(len(rho))])
        r = fresh
    return x, energy, True


@pytest.mark.parametrize("most", [1, 2, 3, 60])
@pytest.mark.parametrize(("size", "tolerance"), [(0.3, 1e-14), (0.3, 20.0), (3.0, 1e-14), (9.0, 1e-14)])
def test_conjugate_gradients_are_those_of_the_book(
    most: int, size: float, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = draws(7, 7)
    H = root @ root.T / 7 + 0.5 * torch.eye(7).double()
    rho = size * draws(2, 7, seed=1) * torch.tensor([[1.0], [0.3]])
    monkeypatch.setattr(entropic, "MAX_PRODUCTS", most)
    x, energy, whole = _solve(lambda v: v @ H, rho, tolerance)
    wanted, energies, all_of_it = plain_gradients(H, rho, tolerance, most)
    assert whole is all_of_it
    torch.testing.assert_close(x, wanted.double())
    assert energy.tolist() == pytest.approx(energies)


def test_a_row_that_is_solved_from_the_start_stays() -> None:
    x, energy, whole = _solve(lambda v: 2 * v, torch.zeros(2, 3).double(), 1e-8)
    assert whole and float(x.abs().max()) == float(energy.abs().max()) == 0
    tiny = 1e-170 * torch.ones(1, 3).double()  # whose squares vanish
    assert float(_solve(lambda v: 2 * v, tiny, 1e-8)[0].abs().max()) < 1e-160


@pytest.mark.parametrize(("tolerance", "off"), [(1e-3, 1.5e-5), (1e-8, 1e-9)])
@pytest.mark.parametrize("start", [0.0, 40.0, -40.0])
def test_a_clouds_own_value_has_what_is_missing_added(
    tolerance: float, off: float, start: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = draws(2, 30, 2)
    truth = [plain_value(each, each) for each in x]
    monkeypatch.setattr(entropic, "TOLERANCE", {torch.float64: tolerance})
    found: list[Any] = []
    honest = entropic._solve

    def solve(*given: Any) -> tuple[Tensor, Tensor, bool]:
        found.append(honest(*given))
        return found[-1]  # type: ignore[no-any-return]

    monkeypatch.setattr(entropic, "_solve", solve)
    value, f = _self(x, torch.full((2, 30), start).double())[:2]
    assert value.tolist() == pytest.approx(truth, abs=off)
    assert len(found) <= 5 and float(found[-1][1].max()) < tolerance
    row = torch.exp(f[:, :, None] + f[:, None] - (x[:, :, None] - x[:, None]).square().sum(3)).mean(2)
    assert float((row - 1).abs().max()) < 30 * tolerance**0.5
