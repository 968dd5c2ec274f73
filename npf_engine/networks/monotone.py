"""C-MGN and M-MGN: networks that are gradients of convex functions by construction (Chaudhari et al. 2023).

    C-MGN   z_0 = W x + b_0,   z_l = W x + s_l(z_{l-1}) + b_l,   T(x) = W^T s_L(z_{L-1}) + V^T V x + a
    M-MGN   z_k = W_k x + b_k,   T(x) = sum_k s_k(z_k) W_k^T sigma_k(z_k) + V^T V x + a

C-MGN: s_l acts element by element and never decreases, so the Jacobian is W^T D W + V^T V with a diagonal D >= 0. As
W is shared, unit i sees w_i . x alone: T is a sum of ridge functions w_i phi_i(w_i . x) with learned profiles phi_i.
M-MGN: "non-decreasing" s_k and sigma_k, as some texts ask, is too little. The Jacobian is symmetric only where
sigma_k = grad s_k, and then positive where s_k >= 0 is convex. Here s_k(z) = sum_i log cosh z_i, sigma_k = tanh, and T
is the gradient of sum_k s_k(z_k)^2 / 2 + |V x|^2 / 2 + <a, x>.

With weights shared between both ends, a unit's height |w| and its steepness |w|^2 are tied. Learned positive gains
untie them and leave the Jacobian positive: on mixtures they bring the error of both kinds down severalfold (``gains``,
on by default).

Both are potentials (value, gradient, Hessian), so that conjugates, the dual and regressions serve them too. Arrays are
(n, d) in model units; everything is multiplied by ``scale``, a typical size of the image.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from npf_engine.networks.activation import inverse_softplus
from npf_engine.networks.potential import Potential, root_of, size_of_image

QUADRATURE_NODES = 48


class MonotoneGradient(Potential):
    """What the two kinds share: the linear part V^T V x + a (V of ``rank`` rows), its Gaussian start, the interface."""

    def __init__(self, d: int, rank: int | None, generator: torch.Generator, **arguments: object) -> None:
        super().__init__(d, rank=rank, **arguments)
        self.V = nn.Parameter(torch.randn(d if rank is None else rank, d, generator=generator) / math.sqrt(d))
        self.a = nn.Parameter(torch.zeros(d))

    @torch.no_grad()
    def start_at_gaussian(self, S: Tensor, m: Tensor, samples: Tensor, scale: float | None = None) -> None:
        """V^T V x + a = S x + m, to which the layers then add their share. ValueError when V has fewer than d rows."""
        if self.V.shape[0] < self.d:
            raise ValueError("the Gaussian start needs a V with d rows")
        scale = size_of_image(S, samples) if scale is None else scale
        self.scale.fill_(scale)
        self.V.zero_()
        self.V[: self.d] = root_of(S.double() / scale).to(self.V)
        self.a.copy_(m / scale)

    @abstractmethod
    def _layers_value(self, x: Tensor) -> Tensor:
        """The layers' part of the potential (n,), in units of ``scale``."""

    @abstractmethod
    def _layers_gradient(self, x: Tensor) -> Tensor:
        """Its gradient (n, d)."""

    @abstractmethod
    def _layers_hessian(self, x: Tensor) -> Tensor:
        """Its Hessian (n, d, d)."""

    def forward(self, x: Tensor) -> Tensor:
        """The potential u(x) (n,) whose gradient is the map."""
        return self.scale * (self._layers_value(x) + (x @ self.V.T).square().sum(1) / 2 + x @ self.a)

    def gradient(self, x: Tensor) -> Tensor:
        """The map T(x) = grad u(x) (n, d): the network as the paper writes it."""
        return self.scale * (self._layers_gradient(x) + torch.addmm(self.a, x @ self.V.T, self.V))

    def hessian(self, x: Tensor) -> Tensor:
        """The Jacobian of the map (n, d, d): symmetric and positive semi-definite for every value of the parameters."""
        return self.scale * (self._layers_hessian(x) + self.V.T @ self.V)

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (n,), grad u(x) (n, d) and the Hessian (n, d, d)."""
        return self(x), self.gradient(x), self.hessian(x)

    @property
    def strong_convexity(self) -> float:
        """m >= 0 with Hessian >= m I everywhere: the smallest eigenvalue of V^T V, times the scale."""
        V = self.V.detach().double()
        return float(self.scale * torch.linalg.eigvalsh(V.T @ V)[0].clamp(min=0.0))


class CMGN(MonotoneGradient):
    """The cascaded network. activation: tanh, sigmoid or softplus; gains: every s_l(z) is g o activation(z) with a
    learned g > 0, which lets a unit be steep and small at once (the published network has g = 1: gains=False)."""

    nodes: Tensor
    weights: Tensor

    def __init__(
        self,
        d: int,
        width: int = 64,
        layers: int = 3,
        *,
        rank: int | None = None,
        activation: str = "tanh",
        gains: bool = True,
        seed: int = 0,
    ) -> None:
        g = torch.Generator().manual_seed(seed)
        super().__init__(d, rank, g, width=width, layers=layers, activation=activation, gains=gains, seed=seed)
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(_ACTIVATIONS)}, not {activation!r}")
        self.activation, self.width, self.layers = activation, width, layers
        self.W = nn.Parameter(torch.randn(width, d, generator=g) / math.sqrt(d))
        self.b = nn.Parameter(torch.randn(layers, width, generator=g))
        start = torch.full((layers, width), inverse_softplus(1.0))
        start[-1] = inverse_softplus(0.1 / math.sqrt(width))  # the layers start with a small share of the map
        self.raw_gain = nn.Parameter(start) if gains else None
        if not gains:
            with torch.no_grad():
                self.W.mul_(width**-0.5)
        nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE_NODES)
        self.register_buffer("nodes", torch.tensor((nodes + 1) / 2), persistent=False)
        self.register_buffer("weights", torch.tensor(weights / 2), persistent=False)

    def _gains(self) -> Tensor:
        """(layers, width) or (layers, 1)."""
        return torch.ones(self.layers, 1).to(self.W) if self.raw_gain is None else nnf.softplus(self.raw_gain)

    def _profiles(self, wx: Tensor) -> Tensor:
        """phi_i(w_i . x), the last layer's s_L(z_{L-1}), from w . x of any leading shape."""
        s, _ = _ACTIVATIONS[self.activation]
        gains = self._gains()
        out = gains[0] * s(wx + self.b[0])
        for gain, b in zip(gains[1:], self.b[1:], strict=True):
            out = gain * s(wx + out + b)
        return out

    def _layers_gradient(self, x: Tensor) -> Tensor:
        return self._profiles(x @ self.W.T) @ self.W

    def _layers_value(self, x: Tensor) -> Tensor:
        """sum_i int_0^{w_i . x} phi_i by Gauss-Legendre: a profile's integral has no closed form for L > 1."""
        wx = x @ self.W.T
        mean = torch.zeros_like(wx)
        for node, weight in zip(self.nodes, self.weights, strict=True):
            mean = mean + weight.to(wx) * self._profiles(node.to(wx) * wx)
        return (wx * mean).sum(1)

    def _layers_hessian(self, x: Tensor) -> Tensor:
        s, slope = _ACTIVATIONS[self.activation]
        gains = self._gains()
        wx = x @ self.W.T
        inner, rate = torch.zeros_like(wx), torch.zeros_like(wx)
        for gain, b in zip(gains, self.b, strict=True):
            z = wx + inner + b
            rate = gain * slope(z) * (1 + rate)
            inner = gain * s(z)
        return torch.einsum("nk,ki,kj->nij", rate, self.W, self.W)


class MMGN(MonotoneGradient):
    """The modular network: ``modules_count`` modules of ``width`` rows each.

    gains: s_k(z) = c_k0 + sum_i c_ki log cosh z_i with learned c > 0, and sigma_k = grad s_k accordingly, which lets a
    module saturate, and be steep and small at once (the published network has c_k0 = 0 and c_ki = 1: gains=False).
    """

    def __init__(
        self,
        d: int,
        width: int = 8,
        modules_count: int = 16,
        *,
        rank: int | None = None,
        gains: bool = True,
        seed: int = 0,
    ) -> None:
        g = torch.Generator().manual_seed(seed)
        super().__init__(d, rank, g, width=width, modules_count=modules_count, gains=gains, seed=seed)
        self.W = nn.Parameter(torch.randn(modules_count, width, d, generator=g) / math.sqrt(d))
        self.b = nn.Parameter(torch.randn(modules_count, width, generator=g))
        # As in C-MGN, the layers start with a small share of the map.
        share = 0.1 / math.sqrt(modules_count * width)
        self.raw_gain = nn.Parameter(torch.full((modules_count, width), inverse_softplus(share))) if gains else None
        self.raw_offset = nn.Parameter(torch.full((modules_count, 1), inverse_softplus(1.0))) if gains else None
        if not gains:
            with torch.no_grad():
                self.W.mul_(0.5 / math.sqrt(modules_count * width**3))

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | float]:
        """Of all modules: s_k(z_k) (n, K, 1), tanh z_k (n, K, width) and the gains c (K, width) or 1."""
        z = torch.addmm(self.b.flatten(), x, self.W.flatten(0, 1).T).reshape(-1, *self.b.shape)
        if self.raw_gain is None or self.raw_offset is None:
            return _log_cosh(z).sum(2, keepdim=True), torch.tanh(z), 1.0
        c = nnf.softplus(self.raw_gain)
        return nnf.softplus(self.raw_offset) + (c * _log_cosh(z)).sum(2, keepdim=True), torch.tanh(z), c

    def _layers_value(self, x: Tensor) -> Tensor:
        return self._parts(x)[0][:, :, 0].square().sum(1) / 2

    def _layers_gradient(self, x: Tensor) -> Tensor:
        s, t, c = self._parts(x)
        return (s * (c * t)).flatten(1) @ self.W.flatten(0, 1)

    def _layers_hessian(self, x: Tensor) -> Tensor:
        s, t, c = self._parts(x)
        slopes = torch.einsum("nkr,krd->nkd", c * t, self.W)
        weights = (s * (c * (1 - t.square()))).flatten(1)
        rows = self.W.flatten(0, 1)
        return slopes.mT @ slopes + torch.einsum("nk,ki,kj->nij", weights, rows, rows)


def _log_cosh(z: Tensor) -> Tensor:
    """log cosh z >= 0, elementwise, for any size of z."""
    size = z.abs()
    return size + torch.log1p(torch.expm1(-2 * size) / 2)


_ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "tanh": (torch.tanh, lambda z: 1 - torch.tanh(z).square()),
    "sigmoid": (torch.sigmoid, lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z))),
    "softplus": (nnf.softplus, torch.sigmoid),
}
