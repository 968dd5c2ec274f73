"""Digits from noise: the optimal map from a standard normal to the digits' codes, their principal components.

The map is the gradient of a convex function on the code space; an image is its code's linear decoding, clipped to
[0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.fit import fit_brenier_map
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.monotone_fit import fit_monotone

METHODS = ("icnn", "cmgn", "mmgn", "gaussian")
COMPONENTS = 32
NOISE = 20_000  # draws by which the Gaussian map knows its source
NETWORKS: dict[str, dict[str, Any]] = {
    "cmgn": {"width": 256, "layers": 3},
    "mmgn": {"width": 4, "modules_count": 64},
}


@dataclass(frozen=True)
class CodeSpace:
    """Principal components: mean (p,), axes (k, p) of unit length, and the share of variance that they hold."""

    mean: Tensor
    axes: Tensor
    share: float

    @classmethod
    def of(cls, pixels: Tensor, components: int = COMPONENTS) -> CodeSpace:
        """Of images (n, p). Raises InputError where there are too few images for so many components."""
        if not 1 <= components <= min(pixels.shape):
            raise InputError(f"components must lie between 1 and {min(pixels.shape)}, not {components!r}")
        mean = pixels.mean(0)
        centred = (pixels - mean).double()
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(pixels))
        top = values[-components:].clamp(min=0).sum() / values.clamp(min=0).sum()
        return cls(mean, vectors[:, -components:].flip(1).T.float(), float(top))

    def encode(self, pixels: Tensor) -> Tensor:
        """Codes (n, k) of images (n, p)."""
        return (pixels - self.mean) @ self.axes.T

    def decode(self, codes: Tensor) -> Tensor:
        """Images (n, p) in [0, 1] of codes (n, k)."""
        return (codes @ self.axes + self.mean).clamp(0, 1)


@dataclass
class DigitMap:
    """Noise (n, k) -> codes (n, k) -> images. ``info``: method, seconds, parameters."""

    space: CodeSpace
    map: Callable[[Tensor], Tensor]
    info: dict[str, Any] = field(default_factory=dict)

    def codes(self, n: int, seed: int) -> Tensor:
        """Codes (n, k) of n draws of noise."""
        return self.map(noise(self.space.axes.shape[0])(n, seeds.generator(seed, "digits.drawn")))

    def images(self, n: int, seed: int) -> Tensor:
        """Images (n, p) in [0, 1]."""
        return self.space.decode(self.codes(n, seed))


def noise(k: int) -> Callable[[int, torch.Generator], Tensor]:
    """The sampler of the standard normal in k dimensions."""
    return lambda n, generator: torch.randn(n, k, generator=generator)


def fit_digits(
    pixels: Tensor,
    method: str = "icnn",
    *,
    components: int = COMPONENTS,
    budget_seconds: float | None = None,
    steps: int | None = None,
    loss: str | None = None,
    seed: int = 0,
    recorder: Recorder | None = None,
) -> DigitMap:
    """The map from noise to the digits ``pixels`` (n, p). method: one of METHODS; loss and steps: of ``fit_monotone``.

    Raises InputError for a wrong method, and for components that the images do not have.
    """
    if method not in METHODS:
        raise InputError(f"there is no method {method!r} for digits; the methods are {', '.join(METHODS)}")
    space = CodeSpace.of(pixels, components)
    codes = space.encode(pixels)
    if method == "gaussian":
        S, m = gaussian_map(noise(components)(NOISE, seeds.generator(seed, "digits.start")), codes)
        return DigitMap(space, lambda x: (x.double() @ S + m).float(), {"method": "gaussian", "parameters": m.numel()})
    if method == "icnn":
        fitted = fit_brenier_map(noise(components), codes, seed=seed, budget_seconds=budget_seconds)
        return DigitMap(space, fitted.forward, fitted.info | {"parameters": fitted.report.parameters})
    monotone = fit_monotone(
        noise(components), codes, kind=method, loss=loss, steps=steps, budget_seconds=budget_seconds,
        network=NETWORKS[method], seed=seed, recorder=recorder,
    )  # fmt: skip
    return DigitMap(space, monotone.forward, monotone.info)
