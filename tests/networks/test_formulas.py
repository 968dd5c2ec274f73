"""Every potential against its formula as its module prints it, term by term in double precision, no parameter at its
start, no scale or floor at one; and the starts against what they claim."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from npf_engine.networks.activation import Activation, inverse_softplus, raw_of
from npf_engine.networks.classical_icnn import ClassicalICNN, Terms, fquad_icnn, linear_icnn
from npf_engine.networks.ensemble import Ensemble
from npf_engine.networks.framed import FramedPotential, frame_of
from npf_engine.networks.hubers import curvature_of_hubers, hubers
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.networks.mlp import MLP, FourierFeatures, reset_linear
from npf_engine.networks.monotone import CMGN, MMGN, _log_cosh
from npf_engine.networks.quadratic_icnn import QuadraticAffine, QuadraticICNN
from npf_engine.networks.spline import spline, spline_curvature
from npf_engine.networks.squares import FINE, rises, squares, start_of_roots, weighed
from npf_engine.networks.wide import WidePotential

SP = nnf.softplus


def shaken(u: Any, size: float = 0.4, seed: int = 9) -> Any:
    """All parameters moved, in double precision; scale and floor far from one."""
    g = torch.Generator().manual_seed(seed)
    u = u.double().requires_grad_(False)
    for p in u.parameters():
        p.add_(size * torch.randn(p.shape, generator=g, dtype=p.dtype))
    for name, value in (("scale", 3.7), ("floor", 0.6)):
        if hasattr(u, name):
            getattr(u, name).fill_(value)
    return u


def points(n: int, d: int, seed: int = 4) -> Tensor:
    return 0.3 + torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def follows(u: nn.Module, x: Tensor, truth: Tensor) -> None:
    """Value, gradient and Hessian of u are those of the formula, and every way to ask gives the same."""
    point = x.clone().requires_grad_()
    torch.testing.assert_close(u(x), truth)
    (slope,) = torch.autograd.grad(u(point).sum(), point)
    value, gradient, H = u.derivatives(x)  # type: ignore[operator]
    torch.testing.assert_close(value, truth)
    for found in (gradient, u.gradient(x), u.value_and_gradient(x)[1]):  # type: ignore[operator]
        torch.testing.assert_close(found, slope, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(u.value_and_gradient(x)[0], truth)  # type: ignore[operator]
    step = 1e-5
    eye = torch.eye(x.shape[-1], dtype=torch.float64)
    columns = [(u.gradient(x + step * e) - u.gradient(x - step * e)) / (2 * step) for e in eye]  # type: ignore[operator]
    torch.testing.assert_close(H, torch.stack(columns, -1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(u.hessian(x), H)  # type: ignore[operator]
    assert float(torch.linalg.eigvalsh(H).min()) >= u.strong_convexity - 1e-8  # type: ignore[operator]


# -- the papers' network -----------------------------------------------------------------------------------------------


def parts(q: QuadraticAffine, x: Tensor) -> Tensor:
    """Q_{A,delta}(x) + B x + c of every unit, (n, units)."""
    out = []
    for i in range(q.units):
        A = q.A[i * q.rank : (i + 1) * q.rank]
        delta = SP(q.raw_delta[i])
        out.append((delta * x).square().sum(1) + (x @ A.T).square().sum(1) + x @ q.B[i] + q.c[i])
    return torch.stack(out, 1)


@pytest.mark.parametrize(
    ("d", "rank", "activation", "outer"),
    [
        (1, 1, "softplus", False),
        (3, 2, "elu", False),
        (4, 1, "softplus", True),
        (2, 3, "elu", True),
    ],
)
def test_the_papers_network_is_equation_5_and_its_tail(d: int, rank: int, activation: str, outer: bool) -> None:
    u = shaken(QuadraticICNN(d, [5, 7, 4], rank=rank, activation=activation, output_activation=outer, seed=1))
    x = points(9, d)

    def s(a: Tensor) -> Tensor:
        return a.exp().log1p() if activation == "softplus" else torch.where(a > 0, a, a.exp() - 1)

    z = s(parts(u.direct[0], x))
    for raw, layer in zip(u.raw_W, list(u.direct)[1:], strict=True):
        z = s(z @ SP(raw).T + parts(layer, x))
    f = z @ SP(u.raw_w) + parts(u.out, x)[:, 0]
    f = s(f) if outer else f
    follows(u, x, 3.7 * (f + parts(u.tail, x)[:, 0] + 0.3 * x.square().sum(1)))
    assert u.strong_convexity == pytest.approx(3.7 * 0.6)


@pytest.mark.parametrize("name", ["softplus", "elu"])
def test_an_activation_knows_its_derivatives(name: str) -> None:
    s = Activation(name)
    a = torch.tensor([-3.0, -0.4, 0.2, 2.5], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(s(a).sum(), a, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), a)
    for found in (s.slope(a), s.with_slope(a)[1]):
        torch.testing.assert_close(found, slope)
    torch.testing.assert_close(s.with_slope(a)[0], s(a))
    for found in (s.curvature(a), s.curvature_of(s.slope(a))):
        torch.testing.assert_close(found, curvature)
    assert inverse_softplus(0.3) == pytest.approx(math.log(math.expm1(0.3)))
    torch.testing.assert_close(SP(raw_of(torch.tensor([0.3, 5.0]))), torch.tensor([0.3, 5.0]))


def test_the_papers_network_starts_as_it_says() -> None:
    d, rank = 6, 2
    u = QuadraticICNN(d, [300, 400], rank=rank, strong_convexity=0.02, seed=3)
    for layer in u.direct:
        assert float(layer.A.std()) == pytest.approx(0.3 / math.sqrt(d * rank), rel=0.05)
        assert float(layer.B.std()) == pytest.approx(1 / math.sqrt(d), rel=0.05)
        assert float(layer.c.std()) == pytest.approx(0.5, rel=0.12) and abs(float(layer.c.mean())) < 0.1
        torch.testing.assert_close(layer.delta2(), torch.full((layer.units, d), 0.01 / d))
    assert float(u.raw_W[0].mean()) == pytest.approx(inverse_softplus(1 / 300), abs=0.02)
    assert float(u.raw_W[0].std()) == pytest.approx(0.5, rel=0.02)
    torch.testing.assert_close(SP(u.raw_w), torch.full((400,), 0.1 / 400))
    assert float(u.out.B.abs().sum() + u.out.c.abs().sum() + u.tail.B.abs().sum() + u.tail.c.abs().sum()) == 0
    assert float(u.out.A.abs().max()) < 0.15 * 0.3 and u.tail.A.shape == (d, d)
    assert u.strong_convexity == pytest.approx(0.02) and u.raw_W[0].shape == (400, 300)
    same, other = QuadraticICNN(d, [4], seed=1), QuadraticICNN(d, [4], seed=2)
    assert torch.equal(same.direct[0].A, QuadraticICNN(d, [4], seed=1).direct[0].A)
    assert not torch.equal(same.direct[0].A, other.direct[0].A)


def test_gaussian_starts_put_the_map_into_the_quadratic() -> None:
    S = torch.tensor([[30.0, 6.0, -2.0], [6.0, 20.0, 4.0], [-2.0, 4.0, 12.0]], dtype=torch.float64)
    m = torch.tensor([5.0, -70.0, 8.0], dtype=torch.float64)
    x = points(5, 3)
    u = QuadraticICNN(3, [4], seed=0).double().requires_grad_(False)
    u.start_at_gaussian(S, m, torch.eye(len(m)), 8.0)
    assert float(u.scale) == 8.0
    tail = u.tail.gradient(x, x @ u.tail.A.T, torch.ones(5, 1).double()) * u.scale
    torch.testing.assert_close(tail, x @ S + m, rtol=1e-5, atol=1e-4)
    u.start_at_identity(torch.eye(2), 5.0)
    tail = u.tail.gradient(x, x @ u.tail.A.T, torch.ones(5, 1).double()) * u.scale
    torch.testing.assert_close(tail, x, rtol=1e-4, atol=1e-4)
    for bare in (ClassicalICNN(3, [4], terms=Terms(rank=3)), ClassicalICNN(3, [4], terms=Terms(linear=True, rank=2))):
        with pytest.raises(ValueError, match="full rank"):
            bare.start_at_gaussian(S, m, torch.eye(len(m)), 1.0)
    for w in (CMGN(3, 4).double(), MMGN(3, 2, 2).double()):
        w.start_at_gaussian(S, m, torch.eye(len(m)), 8.0)
        torch.testing.assert_close(8.0 * w.V.T @ w.V, S)
        torch.testing.assert_close(8.0 * w.a, m)
        w.start_at_identity(torch.eye(2), 2.0)
        torch.testing.assert_close(2.0 * w.V.T @ w.V, torch.eye(3).double())
        assert float(w.a.abs().max()) == 0 and float(w.scale) == 2.0
    with pytest.raises(ValueError, match="d rows"):
        CMGN(3, 4, rank=2).start_at_gaussian(S, m, torch.eye(len(m)), 1.0)


# -- variants ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "skip", "released", "linear", "fquad"])
def test_a_feed_forward_potential_is_its_formula(kind: str) -> None:
    d = 3
    made = {
        "plain": lambda: ClassicalICNN(d, [6, 5, 4], seed=1),
        "skip": lambda: ClassicalICNN(
            d, [6, 5], terms=Terms(linear=True, rank=2), activation="elu", spread=2.0, seed=1
        ),
        "released": lambda: ClassicalICNN(d, [6], terms=Terms(linear=True, rank=1, released=True), seed=1),
        "linear": lambda: linear_icnn(d, seed=1),
        "fquad": lambda: fquad_icnn(d, width=4, activation="softplus", seed=1),
    }
    u = shaken(made[kind]())
    x = points(7, d)
    s = u.s
    z = None
    for index, B in enumerate(u.B):
        a = x @ B.T + (u.bias[index] if len(u.bias) else 0.0)
        z = s(a if z is None else a + z @ SP(u.raw_W[index - 1]).T)
    assert z is not None
    f = z @ SP(u.raw_w) + u.c
    for linear in (u.b, u.e):
        f = f if linear is None else f + x @ linear
    f = f if u.A is None else f + (x @ u.A.T).square().sum(1)
    f = f if u.raw_delta is None else f + (x * SP(u.raw_delta)).square().sum(1)
    follows(u, x, 3.7 * f + 0.3 * x.square().sum(1))
    assert u.strong_convexity == pytest.approx(0.6)
    assert [b.shape[0] for b in u.B] == {"linear": [6] * 4, "fquad": [4] * 4}.get(kind, list(u.hidden))


def test_a_feed_forward_potential_starts_as_it_says() -> None:
    for spread in (1.0, 3.0):
        u = ClassicalICNN(8, [300, 200], terms=Terms(linear=True, rank=40, released=True), spread=spread, seed=2)
        assert float(u.B[0].std()) == pytest.approx(spread / math.sqrt(8), rel=0.05)
        assert float(u.bias[1].std()) == pytest.approx(0.5 * spread, rel=0.15)
        assert float(u.raw_W[0].mean()) == pytest.approx(inverse_softplus(1 / 300), abs=0.02)
        assert float(u.raw_W[0].std()) == pytest.approx(0.5, rel=0.03)
        torch.testing.assert_close(SP(u.raw_w), torch.full((200,), 2 / (spread * 200)))
        assert u.A is not None and u.raw_delta is not None and u.b is not None and u.e is not None
        assert float(u.A.std()) == pytest.approx(0.1 / math.sqrt(8), rel=0.15)
        torch.testing.assert_close(SP(u.raw_delta), torch.full((8,), 0.1))
        assert float(u.b.abs().max()) == float(u.e.abs().max()) == float(u.c) == 0 and float(u.scale) == 1


def test_a_log_sum_exp_is_its_formula_and_starts_as_the_nearest_piece() -> None:
    pieces = points(6, 3, 1)
    u = LogSumExpPotential(pieces, 0.2, 0.05).double()
    assert float(SP(u.raw_t)) == pytest.approx(0.2) and u.strong_convexity == pytest.approx(0.05)
    near = torch.cdist(pieces + 0.01, pieces).argmin(1)
    sharp = LogSumExpPotential(pieces, 1e-3, 1e-9).double()
    torch.testing.assert_close(sharp.gradient(pieces + 0.01), pieces[near], atol=1e-4, rtol=0)
    u = shaken(u)
    x, t = points(7, 3), SP(u.raw_t)
    truth = t * torch.logsumexp((x @ u.W.T + u.b) / t, 1) + 0.3 * x.square().sum(1)
    follows(u, x, truth)


def test_an_ensemble_is_its_members_side_by_side() -> None:
    members = [ClassicalICNN(3, [6, 5], terms=Terms(linear=True, rank=2), seed=s) for s in range(3)]
    ensemble = Ensemble(members)
    x = torch.stack([points(4, 3, s).float() for s in range(3)])
    found = ensemble.gradient(ensemble.theta, x)
    assert ensemble.size == 3 and found.shape == (3, 4, 3)
    for s, member in enumerate(members):
        torch.testing.assert_close(found[s], member.gradient(x[s]))
        torch.testing.assert_close(
            ensemble.member(2 * ensemble.theta, s).gradient(x[s]), ensemble.gradient(2 * ensemble.theta, x)[s]
        )


# -- the wide potential ------------------------------------------------------------------------------------------------


def wide_value(u: WidePotential, x: Tensor) -> Tensor:
    """u(x) by the formula at the head of wide.py."""
    v = x * u.weights
    total = (x @ u.L.T if u.L.ndim == 2 else x * u.L).square().sum(1) / 2 + x @ u.b + u.floor / 2 * x.square().sum(1)
    z = None
    for index in range(len(u.B)):
        a = v @ u.B[index].T + u.c[index]
        if z is not None:
            a = a + z @ SP(u.W[index - 1]).T / u.W[index - 1].shape[1]
        elif u.bent:
            reach = SP(u.reach)
            for k in range(u.bent):
                rows = [k + j * u.bent for j in range(u.unit_rank)]
                w = v @ (FINE * u.Q[rows]).T + u.r[rows]
                a[:, k] = a[:, k] + reach[k] * ((reach[k] ** 2 + w.square().sum(1)).sqrt() - reach[k])
        z = spline(a)[0]
        total = total + z @ (SP(u.w[index]) * u.sizes[index])
    if u.pieces:
        tau, f = u.log_tau.exp(), []
        for k in range(u.pieces):
            part = v @ u.P[k] + u.q[k] + 0.5 * v.square() @ (SP(u.bends[k]) / u.piece_size)
            if u.rank:
                A = FINE * u.A[k * u.rank : (k + 1) * u.rank]
                part = part + (v @ A.T).square().sum(1) / 2 / u.piece_size
            f.append(part)
        total = total + tau * u.piece_size * torch.logsumexp(torch.stack(f, 1) / tau, 1)
    return total


@pytest.mark.parametrize(
    ("hidden", "pieces", "rank", "unit_rank"),
    [
        ((6, 5), 4, 2, 2),
        ((5, 4, 3), 0, 0, 0),
        ((), 3, 1, 2),
        ((5,), 4, 0, 1),
    ],
)
def test_the_wide_potential_is_its_formula(hidden: tuple[int, ...], pieces: int, rank: int, unit_rank: int) -> None:
    u = shaken(WidePotential(3, hidden, pieces=pieces, rank=rank, unit_rank=unit_rank, seed=1))
    u.weights.copy_(torch.tensor([0.5, 1.4, 2.0]))
    x = points(6, 3)
    follows(u, x, wide_value(u, x))


def test_the_wide_potential_starts_as_it_says() -> None:
    d, share = 10, 0.3
    u = WidePotential(d, (200, 150), pieces=180, rank=3, unit_rank=2, share=share, strong_convexity=0.01, seed=4)
    for index, q in enumerate((200, 150)):
        torch.testing.assert_close(u.B[index].norm(dim=1), torch.full((q,), 2.0))
        assert float(u.c[index].std()) == pytest.approx(1.5, rel=0.15)
        assert float(u.c[index].mean()) == pytest.approx(-1.0 * index, abs=0.35)
        torch.testing.assert_close(SP(u.w[index]), torch.full((q,), share))
        assert u.sizes[index] == pytest.approx(d / (0.4 * q * 2.0 * 2))
    assert float(u.W[0].mean()) == pytest.approx(inverse_softplus(0.5), abs=0.02)
    assert float(u.W[0].std()) == pytest.approx(0.5, rel=0.03)
    torch.testing.assert_close(u.L, math.sqrt(1 - share) * torch.eye(d))
    torch.testing.assert_close(u.P.norm(dim=1), torch.full((180,), 2.0))
    assert float(u.b.abs().max()) == float(u.q.abs().max()) == float(u.log_tau) == float(u.r.abs().max()) == 0
    assert float(u.bends.mean()) == pytest.approx(inverse_softplus(0.01), abs=0.02)
    assert float(u.bends.std()) == pytest.approx(0.1, rel=0.1)
    torch.testing.assert_close(SP(u.reach), torch.full((200,), 2.0))
    assert u.piece_size == pytest.approx(2 * share * d / 4) and u.strong_convexity == pytest.approx(0.01)
    for rows, rank, count, mean in ((u.A, 3, 180, 0.01), (u.Q, 2, 200, 0.001)):
        assert float((FINE * rows).square().sum()) / (count * d) == pytest.approx(mean, rel=1e-4), rank
    # Its layers and its quadratic together bend by about one, a fifth or so of it by the layers.
    x = points(400, d).float() - 0.3
    small = WidePotential(d, (200, 150), pieces=0, share=share, seed=4)
    bend = small.hessian(x).diagonal(dim1=1, dim2=2).mean()
    assert 0.8 < float(bend) < 1.3


def test_squares_and_hubers_by_their_sums() -> None:
    g = torch.Generator().manual_seed(0)
    x, root = points(5, 4), torch.randn(6, 4, generator=g, dtype=torch.float64)
    value, rx = squares(x, root, 3)
    weights = torch.rand(5, 3, generator=g, dtype=torch.float64)
    for k in range(3):
        R = root[2 * k : 2 * k + 2]
        torch.testing.assert_close(value[:, k], (x @ R.T).square().sum(1) / 2)
        torch.testing.assert_close(rises(rx, root)[:, k], x @ R.T @ R)
    truth = sum(weights[:, k, None, None] * (root[2 * k : 2 * k + 2].T @ root[2 * k : 2 * k + 2]) for k in range(3))
    torch.testing.assert_close(weighed(root, weights), truth)
    start = start_of_roots(7, 3, 5, 0.2, g) * FINE
    assert float(start.square().sum()) / (7 * 5) == pytest.approx(0.2, rel=1e-4)
    centre, reach = torch.randn(6, generator=g, dtype=torch.float64), torch.tensor([0.5, 2.0, 9.0], dtype=torch.float64)

    def h(p: Tensor) -> Tensor:
        v = (p @ root.T + centre).unflatten(-1, (2, 3))
        return reach * ((reach**2 + v.square().sum(-2)).sqrt() - reach)

    found = hubers(x, root, centre, reach)
    torch.testing.assert_close(found.value, h(x))
    rise, bend = curvature_of_hubers(found, root, reach, weights)
    torch.testing.assert_close(rise, torch.stack([torch.func.jacrev(h)(p) for p in x]))
    hessians = torch.stack([torch.func.hessian(h)(p) for p in x])
    torch.testing.assert_close(bend, torch.einsum("nk,nkij->nij", weights, hessians))


def test_the_spline_has_its_values_at_known_places() -> None:
    a = torch.tensor([-9.0, -2.0, 0.0, 1.0, 2.0, 7.0], dtype=torch.float64)
    t = ((a / 4) + 0.5).clamp(0, 1)
    value, slope = spline(a)
    torch.testing.assert_close(value, 4 * (t**3 - t**4 / 2) + (a - 2).clamp(min=0))
    torch.testing.assert_close(slope, 3 * t**2 - 2 * t**3)
    torch.testing.assert_close(spline_curvature(a), (6 * t - 6 * t**2) / 4)


# -- in a frame --------------------------------------------------------------------------------------------------------


def _frame() -> tuple[Tensor, Tensor, Tensor]:
    x = torch.tensor([40.0, -3.0, 0.5]).double() + points(600, 3) * torch.tensor([5.0, 1.0, 0.2])
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).double())[0]
    S = turn @ torch.diag(torch.tensor([9.0, 1.0, 0.04]).double()) @ turn.T
    return x, S, torch.tensor([100.0, -7.0, 3.0]).double()


def test_a_frame_has_the_gaussian_maps_axes_and_unit_spread() -> None:
    x, S, _ = _frame()
    P, values, unit = frame_of(S, x)
    torch.testing.assert_close(P @ P.T, S)
    torch.testing.assert_close(values, torch.tensor([0.04, 1.0, 9.0]).double())
    inside = (x - x.mean(0)) @ P / unit
    assert float(inside.square().mean()) == pytest.approx(1.0)
    assert frame_of(S, x[:1])[2] == 1.0
    flat = frame_of(torch.diag(torch.tensor([4.0, 0.0]).double()), x[:, :2])[1]
    assert flat.tolist() == pytest.approx([4e-8, 4.0])


def test_a_framed_potential_is_the_inner_one_in_its_coordinates() -> None:
    x, S, m = _frame()
    u = FramedPotential(3, (6, 5), pieces=4, rank=2, seed=1)
    u.start_at_gaussian(S, m, x, 12.0)
    assert float(u.scale) == 12.0
    u = u.double().requires_grad_(False)
    g = torch.Generator().manual_seed(5)
    for p in u.parameters():
        p.add_(0.1 * torch.randn(p.shape, generator=g, dtype=p.dtype))
    near = x[:6]
    inner = (near - u.centre) @ u.frame
    truth = u.factor * wide_value(u, inner) + near @ u.mean
    follows(u, near, truth)
    torch.testing.assert_close(u.centre, x.mean(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(u.factor * u.frame @ u.frame.T, S, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(u.mean, m + S @ x.mean(0), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("pieces", [0, 5])
def test_a_framed_start_has_the_gaussian_maps_mean_slope_and_curvature(pieces: int) -> None:
    x, S, m = _frame()
    u = FramedPotential(3, (12, 8), pieces=max(pieces, 1), rank=2 if pieces else 0, seed=3)
    u.start_at_gaussian(S, m, x, 12.0)
    image, linear = u.gradient(x.float()).detach().double(), x @ S + m
    spread = (linear - linear.mean(0)).square().sum(1).mean().sqrt()
    assert float((image.mean(0) - linear.mean(0)).norm() / spread) < 0.02
    assert float((image - linear).square().sum(1).mean().sqrt() / spread) < 0.3
    inner = (x.float() - u.centre) @ u.frame
    bend = WidePotential.derivatives(u, inner[:256])[2].diagonal(dim1=1, dim2=2).mean(0)
    torch.testing.assert_close(bend, torch.ones(3), atol=0.05, rtol=0)
    # Units see the Gaussian map's values at unit variance.
    seen = inner.double() * u.weights.double()
    assert float(seen.square().mean()) == pytest.approx(1.0, rel=1e-3)
    ratios = seen.square().mean(0) / ((x - x.mean(0)) @ frame_of(S, x)[0] * frame_of(S, x)[1].sqrt()).square().mean(0)
    torch.testing.assert_close(ratios / ratios.mean(), torch.ones(3).double(), rtol=1e-3, atol=0)


# -- monotone gradients and perceptrons --------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus"])
@pytest.mark.parametrize("gains", [True, False])
def test_the_cascaded_network_is_its_formula(activation: str, gains: bool) -> None:
    u = shaken(CMGN(3, 5, 3, rank=2, activation=activation, gains=gains, seed=1))
    x = points(6, 3)
    s = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": SP}[activation]
    gain = SP(u.raw_gain) if u.raw_gain is not None else torch.ones(3, 5)
    z = torch.zeros(6, 5).double()
    for index in range(3):
        z = gain[index] * s(x @ u.W.T + z + u.b[index])
    torch.testing.assert_close(u.gradient(x), 3.7 * (z @ u.W + x @ u.V.T @ u.V + u.a))
    point = x.clone().requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(u(point).sum(), point)[0], u.gradient(x), rtol=1e-4, atol=1e-5)
    truth = torch.stack([torch.func.jacrev(lambda p: u.gradient(p[None])[0])(p) for p in x])
    torch.testing.assert_close(u.hessian(x), truth)
    for found, wanted in zip(u.derivatives(x), (u(x), u.gradient(x), u.hessian(x)), strict=True):
        torch.testing.assert_close(found, wanted)
    assert u.strong_convexity == pytest.approx(0.0, abs=1e-9)  # V has two rows for three axes
    full = shaken(CMGN(2, 4, 1, seed=2))
    assert full.strong_convexity == pytest.approx(3.7 * float(torch.linalg.eigvalsh(full.V.T @ full.V)[0]))


@pytest.mark.parametrize("gains", [True, False])
def test_the_modular_network_is_its_formula(gains: bool) -> None:
    u = shaken(MMGN(3, 2, 4, gains=gains, seed=1))
    x = points(6, 3)
    total, value = x @ u.V.T @ u.V + u.a, (x @ u.V.T).square().sum(1) / 2 + x @ u.a
    for k in range(4):
        z = x @ u.W[k].T + u.b[k]
        c = SP(u.raw_gain[k]) if u.raw_gain is not None else torch.ones(2).double()
        offset = SP(u.raw_offset[k]) if u.raw_offset is not None else 0.0
        s = offset + (c * z.cosh().log()).sum(1, keepdim=True)
        total = total + s * (c * z.tanh()) @ u.W[k]
        value = value + s[:, 0].square() / 2
    torch.testing.assert_close(u.gradient(x), 3.7 * total)
    torch.testing.assert_close(u(x), 3.7 * value)
    truth = torch.stack([torch.func.jacrev(lambda p: u.gradient(p[None])[0])(p) for p in x])
    torch.testing.assert_close(u.hessian(x), truth)
    far = torch.tensor([-400.0, 0.0, 0.3, 400.0], dtype=torch.float64)
    torch.testing.assert_close(
        _log_cosh(far), torch.tensor([400 - math.log(2), 0, math.log(math.cosh(0.3)), 400 - math.log(2)]).double()
    )


def test_monotone_networks_start_with_a_small_share() -> None:
    u = CMGN(5, 400, 2, seed=1)
    assert u.raw_gain is not None
    assert float(u.W.std()) == pytest.approx(1 / math.sqrt(5), rel=0.05) and float(u.b.std()) == pytest.approx(
        1, rel=0.1
    )
    torch.testing.assert_close(SP(u.raw_gain[0]), torch.ones(400))
    torch.testing.assert_close(SP(u.raw_gain[1]), torch.full((400,), 0.1 / 20))
    plain = CMGN(5, 400, 2, gains=False, seed=1)
    torch.testing.assert_close(plain.W * 20, u.W)
    v, bare = MMGN(5, 20, 30, seed=1), MMGN(5, 20, 30, gains=False, seed=1)
    assert v.raw_gain is not None and v.raw_offset is not None
    torch.testing.assert_close(SP(v.raw_gain), torch.full((30, 20), 0.1 / math.sqrt(600)))
    torch.testing.assert_close(SP(v.raw_offset), torch.ones(30, 1))
    torch.testing.assert_close(bare.W, v.W * 0.5 / math.sqrt(30 * 20**3))
    assert float(v.W.std()) == pytest.approx(1 / math.sqrt(5), rel=0.05) and float(v.V.std()) < 1


@pytest.mark.parametrize(("fourier", "activation"), [(0, "silu"), (3, "silu"), (2, "relu")])
def test_a_perceptron_is_its_layers_and_knows_its_jacobian(fourier: int, activation: str) -> None:
    net = MLP(2, 3, (5, 4), activation=activation, fourier=fourier, seed=1).double()
    net.centre.copy_(torch.tensor([0.3, -2.0]))
    net.spread.copy_(torch.tensor([2.0, 0.5]))
    x = points(6, 2)
    v = (x - net.centre) / net.spread
    features = [v[:, [k]] for k in range(2)]
    for wave in (torch.cos, torch.sin):
        features += [wave(2.0**k * math.pi / 2 * v[:, [axis]]) for axis in range(2) for k in range(fourier)]
    z = torch.cat(features, 1)
    linear = [layer for layer in net.layers if isinstance(layer, nn.Linear)]
    for layer in linear[:-1]:
        z = z @ layer.weight.T + layer.bias
        z = z * torch.sigmoid(z) if activation == "silu" else z.clamp(min=0)
    truth = z @ linear[-1].weight.T + linear[-1].bias
    torch.testing.assert_close(net(x), truth)
    value, jacobian = net.value_and_jacobian(x)
    torch.testing.assert_close(value, truth)
    torch.testing.assert_close(jacobian, torch.stack([torch.func.jacrev(lambda p: net(p[None])[0])(p) for p in x]))
    assert FourierFeatures(2, fourier).width == 2 + 4 * fourier


def test_linear_layers_are_drawn_uniformly_by_their_fan_in() -> None:
    net = nn.Sequential(nn.Linear(100, 200), nn.Linear(25, 300))
    reset_linear(net, 3)
    for layer, bound in ((net[0], 0.1), (net[1], 0.2)):
        assert float(layer.weight.max()) == pytest.approx(bound, rel=0.01)
        assert float(layer.weight.min()) == pytest.approx(-bound, rel=0.01)
        assert float(layer.weight.mean()) == pytest.approx(0, abs=0.01) and float(layer.bias.abs().max()) <= bound
        assert float(layer.bias.min()) < -0.8 * bound and float(layer.bias.max()) > 0.8 * bound
