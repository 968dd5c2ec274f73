"""The closed-form optimal map between Gaussians, the start of u_theta and its trivial answer (Bunne et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

FLAT = 1e-12  # of the largest eigenvalue: below it there is no variance


def gaussian_map(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """S (d, d) and m (d,) of x -> S x + m, optimal between the Gaussians fitted to x (n, d) and y (k, d); float64.

    S = Cx^{-1/2} (Cx^{1/2} Cy Cx^{1/2})^{1/2} Cx^{-1/2}, m = E y - S E x. A direction in which x does not vary
    gets S = 0 there. Raises ValueError for fewer than two points.
    """
    return gaussian_map_of_moments(x.double().mean(0), covariance(x), y.double().mean(0), covariance(y))


def gaussian_map_of_moments(mean_x: Tensor, cov_x: Tensor, mean_y: Tensor, cov_y: Tensor) -> tuple[Tensor, Tensor]:
    """The same from means (d,) and covariances (d, d), float64."""
    root, inverse_root = _roots(cov_x)
    middle, _ = _roots(root @ cov_y @ root)
    S = inverse_root @ middle @ inverse_root
    S = (S + S.T) / 2
    return S, mean_y - torch.mv(S, mean_x)


def gaussian_dual(S: Tensor, m: Tensor, x: Tensor, y: Tensor) -> Tensor | None:
    """g(x_i) + g*(y_i) (n,) float64 of the map's potential g(x) = x^T S x / 2 + m^T x, for x (n, d), y (n, d).

    None where S is singular: g* is then infinite but for a hyperplane.
    """
    x, centred = x.double(), y.double() - m
    values = torch.linalg.eigvalsh(S)
    if not float(values[0]) > FLAT * float(values[-1]):
        return None
    star = (torch.linalg.solve(S, centred.T).T * centred).sum(1) / 2
    return ((x @ S) * x).sum(1) / 2 + x @ m + star


def covariance(x: Tensor) -> Tensor:
    """Covariance (d, d) of x (n, d) in float64."""
    if x.shape[0] < 2:
        raise ValueError("a covariance needs at least two points")
    centred = x.double() - x.double().mean(0)
    return centred.T @ centred / x.shape[0]


def spread_of(x: Tensor) -> float:
    """Standard deviation of a coordinate of x (n, d), the quadratic mean over them; 1 for points all alike."""
    return float((x - x.mean(0)).square().sum(1).mean().sqrt()) / x.shape[1] ** 0.5 or 1.0


def _roots(C: Tensor) -> tuple[Tensor, Tensor]:
    """C^{1/2} and the pseudo-inverse C^{-1/2} of a symmetric positive semi-definite matrix."""
    values, vectors = torch.linalg.eigh(C)
    values = values.clamp(min=0.0)
    keep = values > FLAT * values.max()
    root = (vectors * values.sqrt()) @ vectors.T
    inverse = (vectors * torch.where(keep, values.rsqrt(), 0.0)) @ vectors.T
    return root, inverse
