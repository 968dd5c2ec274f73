"""The closed-form optimal map between Gaussians, the start of u_theta and its trivial answer (Bunne et al. 2022).

With A = Rx^T Rx and B = Ry^T Ry the covariances and Ry Rx^T = U diag(s) V^T, the map's matrix is

    S = A^{-1/2} (A^{1/2} B A^{1/2})^{1/2} A^{-1/2} = G G^T,    G = Rx^{-1} V diag(s)^{1/2}

(Rx B Rx^T = V diag(s^2) V^T, so that S A S = B; the one such S that is symmetric and positive is the map, Olkin and
Pukelsheim 1982). Rx and Ry are QR factors of the centred samples: a covariance has the square of their condition, and
forgets an axis that varies 1e8 times less than another. What the axes' units do to the condition is taken out before:
x / t and t y have the map T S T, T = diag(t), and with t^2 = std x / std y an axis of the one varies as much as that of
the other. Axes that still differ come in falling order, so that Ry Rx^T is graded, and its singular vectors are found
with the digits of the smallest (graded.py).
"""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.transport.graded import graded_svd

# Below it there is no variance, a share of the standard deviation that the axes have (all at 1): of data in single
# precision and of covariances; of data in double precision it is their rounding, SOME times.
FLAT, SOME = 1e-6, 8.0
PRECISE = 1e-6  # relative error of the map that is allowed before it is refused
SINGULAR = 1e-12  # of the largest eigenvalue of S, its diagonal at 1: below it S has no inverse
CHUNK = 8192  # rows
EPS = torch.finfo(torch.float64).eps


def gaussian_map(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """S (d, d) and m (d,) of x -> S x + m, optimal between the Gaussians fitted to x (n, d) and y (k, d); float64.

    S = Cx^{-1/2} (Cx^{1/2} Cy Cx^{1/2})^{1/2} Cx^{-1/2}, m = E y - S E x. A direction in which x does not vary
    gets S = 0 there. The axes' units do not matter. Raises ValueError for fewer than two points, and InputError where
    x varies in some direction so little beside its axes that S would be wrong by more than PRECISE.
    """
    S = square_of(gaussian_factor(x, y))
    return S, y.double().mean(0) - torch.mv(S, x.double().mean(0))


def gaussian_factor(x: Tensor, y: Tensor) -> Tensor:
    """G (d, d) float64 with S = G G^T of ``gaussian_map``, which holds what S's entries have no digits for: the slopes
    of axes far apart that are not those of the coordinates. Raises as ``gaussian_map``."""
    return _factor(_root_of(x), _root_of(y), _noise(x), _rounding(y)).to(x.device)


def gaussian_map_of_moments(mean_x: Tensor, cov_x: Tensor, mean_y: Tensor, cov_y: Tensor) -> tuple[Tensor, Tensor]:
    """The same from means (d,) and covariances (d, d), float64."""
    S = square_of(_factor(_root_of_covariance(cov_x), _root_of_covariance(cov_y), FLAT, FLAT)).to(cov_x.device)
    return S, mean_y - torch.mv(S, mean_x)


def square_of(G: Tensor) -> Tensor:
    """G G^T, symmetric to the last digit."""
    S = G @ G.T
    return (S + S.T) / 2


def gaussian_dual(S: Tensor, m: Tensor, x: Tensor, y: Tensor) -> Tensor | None:
    """g(x_i) + g*(y_i) (n,) float64 of the map's potential g(x) = x^T S x / 2 + m^T x, for x (n, d), y (n, d).

    None where S is singular whatever the units of its axes: g* is then infinite but for a hyperplane.
    """
    x, centred = x.double(), y.double() - m
    unit = S.diagonal().clamp(min=0.0).sqrt()
    if not float(unit.min()) > 0:
        return None
    H = S / unit.outer(unit)
    values = torch.linalg.eigvalsh(H)
    if not float(values[0]) > SINGULAR * float(values[-1]):
        return None
    inside = centred / unit
    star = (torch.linalg.solve(H, inside.T).T * inside).sum(1) / 2
    return ((x @ S) * x).sum(1) / 2 + x @ m + star


def undo_gaussian_map(S: Tensor, m: Tensor, y: Tensor) -> Tensor:
    """x (n, d) float64 with S x + m = y (n, d); where S is singular, in the least-squares sense."""
    unit = S.diagonal().clamp(min=0.0).sqrt()
    unit = torch.where(unit > 0, unit, 1.0)
    inside = ((y.double() - m) / unit).T
    # gelsd: with torch's default the rank of diag(1, 0, 1) is 1.
    return torch.linalg.lstsq(S / unit.outer(unit), inside, driver="gelsd").solution.T / unit


def covariance(x: Tensor) -> Tensor:
    """Covariance (d, d) of x (n, d) in float64."""
    if x.shape[0] < 2:
        raise ValueError("a covariance needs at least two points")
    centred = x.double() - x.double().mean(0)
    return centred.T @ centred / x.shape[0]


def spread_of(x: Tensor) -> float:
    """Standard deviation of a coordinate of x (n, d), the quadratic mean over them; 1 for points all alike."""
    return float((x - x.mean(0)).square().sum(1).mean().sqrt()) / x.shape[1] ** 0.5 or 1.0


def _root_of(x: Tensor) -> Tensor:
    """R (at most d, d) with R^T R = covariance of x (n, d), float64 on the CPU; a column whose values differ by their
    rounding alone is zero."""
    if x.shape[0] < 2:
        raise ValueError("a covariance needs at least two points")
    x = x.double()
    centred = x - x.mean(0)
    centred -= centred.mean(0)  # the mean's own rounding
    parts = [_triangle(part) for part in centred.split(CHUNK)]
    R = (_triangle(torch.cat(parts)) / x.shape[0] ** 0.5).cpu()
    return torch.where(R.norm(dim=0) > EPS * x.abs().amax(0).cpu(), R, 0.0)


def _root_of_covariance(C: Tensor) -> Tensor:
    """The same of a covariance itself, whose roots below FLAT are rounding."""
    C = C.double().cpu()
    size = C.diagonal().clamp(min=0.0).sqrt()
    unit = torch.where(size > 0, size, 1.0)
    values, vectors = torch.linalg.eigh(C / unit.outer(unit))
    return values.clamp(min=0.0).sqrt()[:, None] * vectors.T * size


def _triangle(A: Tensor) -> Tensor:
    return torch.linalg.qr(A, mode="r").R


def _noise(x: Tensor) -> float:
    """Share of the axes' standard deviation below which a direction of x (n, d) holds nothing but rounding. Numbers in
    double precision that single precision holds as well have come from it."""
    if x.dtype != torch.float64 or bool((x.float().double() == x).all()):
        return FLAT
    return _rounding(x)


def _rounding(x: Tensor) -> float:
    """The share that double precision itself rounds away."""
    x = x.double()
    size, spread = x.abs().amax(0), x.std(0)
    varies = spread > EPS * size
    if not bool(varies.any()):
        return FLAT
    return min(FLAT, SOME * EPS * x.shape[1] ** 0.5 * float((size / spread)[varies].max()))


def _factor(Rx: Tensor, Ry: Tensor, noise_x: float, noise_y: float) -> Tensor:
    """G (d, d) from roots of both covariances; as many columns as S has rank are not zero. Raises InputError.

    Where x lies in a subspace, the map is that of the coordinates there, and S = 0 across it; then the same where y
    does, for S A S = B has B's range.
    """
    G = Rx.new_zeros(Rx.shape[1], Rx.shape[1])
    Q, least = _range(Rx, noise_x)
    limit = Rx.shape[1] * EPS / PRECISE
    if least < limit:
        raise InputError(
            f"the source varies {1 / least:.1g} times less in one direction than along its axes, and the Gaussian map "
            f"is right to {PRECISE:g} up to {1 / limit:.1g} times only in double precision; rescale the axes of source "
            "and target, or leave out a column that nearly follows from the others"
        )
    within, least = _range(Ry @ Q, noise_y)
    if least >= limit:  # else what is faint in y stays: S has it, right beside the rest
        Q = Q @ within
    if Q.shape[1]:
        G[:, : Q.shape[1]] = Q @ _factor_of_full_rank(Rx @ Q, Ry @ Q)
    return G


def _range(R: Tensor, noise: float) -> tuple[Tensor, float]:
    """Q (d, k), orthonormal, of the directions in which R (r, d) varies by more than a share of its columns, and the
    least of these shares. Directions that are flat across the axes are cut off in the units given, and what the axes
    differ by counts with the shares."""
    size = R.norm(dim=0)
    axes = torch.eye(len(size), dtype=R.dtype)[:, size > 0]
    size = size[size > 0]
    if not len(size):
        return axes, 1.0
    _, values, Vh = torch.linalg.svd(R @ axes / size, full_matrices=True)
    values = torch.cat([values, values.new_zeros(len(size) - len(values))])
    flat = int((values <= noise).sum())
    least = float(values[len(size) - flat - 1])
    if not flat:
        return axes, least
    across = torch.linalg.qr(Vh[len(size) - flat :].T / size[:, None], mode="complete").Q
    return axes @ across[:, flat:], min(least, float(size.min() / size.max()))


def _factor_of_full_rank(Rx: Tensor, Ry: Tensor) -> Tensor:
    of_x, of_y = Rx.norm(dim=0), Ry.norm(dim=0)
    t = (of_x / torch.where(of_y > 0, of_y, float(of_y.max()) or 1.0)).sqrt()
    order = torch.argsort(of_x * of_y, descending=True, stable=True)
    Rx, Ry = _triangle((Rx / t)[:, order]), _triangle((Ry * t)[:, order])
    Ry = torch.cat([Ry, Ry.new_zeros(len(t) - len(Ry), len(t))])  # of fewer points than dimensions
    _, s, V = graded_svd(Ry @ Rx.T)
    G = torch.empty_like(V)
    G[order] = torch.linalg.solve_triangular(Rx, V * s.sqrt(), upper=True)
    return G / t[:, None]
