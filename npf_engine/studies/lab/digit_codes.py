"""Digits as codes, their principal components, and the noise that the lab's task transports to them.

The map is the gradient of a convex function on the code space; an image is its code's linear decoding, clipped to
[0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.transport.methods.method import Draw

COMPONENTS = 32


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

    def codes(self, points: Tensor) -> Tensor:
        """Codes (n, k) of images (n, p), as they may be shown; codes as they are."""
        return points if points.shape[1] == len(self.axes) else self.encode(points.clamp(0, 1))

    def decode(self, codes: Tensor) -> Tensor:
        """Images (n, p) in [0, 1] of codes (n, k); of images themselves."""
        if codes.shape[1] == len(self.mean):
            return codes.clamp(0, 1)
        return (codes @ self.axes + self.mean).clamp(0, 1)


def noise(k: int) -> Draw:
    """The sampler of the standard normal in k dimensions."""
    return lambda n, generator: torch.randn(n, k, generator=generator)
