"""Plain perceptrons: V_phi (the amortizer of grad u*), M_xi (the measure-preserving map)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"silu": nn.SiLU, "relu": nn.ReLU}


class FourierFeatures(nn.Module):
    """x -> (x, cos(2^k pi x / 2), sin(2^k pi x / 2)), k = 0..octaves-1, per coordinate; identity when octaves = 0.

    Half the base frequency makes the features injective on [-1, 1].
    """

    frequencies: Tensor

    def __init__(self, d: int, octaves: int) -> None:
        super().__init__()
        self.octaves = octaves
        self.width = d * (1 + 2 * octaves)
        self.register_buffer("frequencies", math.pi / 2 * 2.0 ** torch.arange(octaves), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, d) -> (n, width)."""
        if not self.octaves:
            return x
        angles = (x[:, :, None] * self.frequencies).flatten(1)
        return torch.cat([x, torch.cos(angles), torch.sin(angles)], dim=1)

    def waves(self) -> tuple[Tensor, Tensor]:
        """Matrix (d, width) and phases (width,) with which the features are x @ matrix + phases, and of that the sine
        in all columns but the first d: cos a = sin(a + pi / 2)."""
        eye = torch.eye(
            self.width // (1 + 2 * self.octaves), dtype=self.frequencies.dtype, device=self.frequencies.device
        )
        angles = torch.kron(eye, self.frequencies[None])
        phases = [eye.new_zeros(len(eye)), torch.full_like(angles[0], math.pi / 2), torch.zeros_like(angles[0])]
        return torch.cat([eye, angles, angles], dim=1), torch.cat(phases)

    def value_and_tangents(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The features (n, width) and, for each coordinate, their derivative along it (n, d, width)."""
        d = x.shape[1]
        eye = torch.eye(d, dtype=x.dtype, device=x.device)
        value = self(x)
        if not self.octaves:
            return value, eye.expand(len(x), d, d)
        cos, sin = value[:, d:].reshape(len(x), 2, d, self.octaves).unbind(1)
        parts = [eye.expand(len(x), d, d)]
        for wave in (-sin * self.frequencies, cos * self.frequencies):
            parts.append((eye[:, :, None] * wave[:, None]).flatten(2))
        return value, torch.cat(parts, dim=2)


class MLP(nn.Module):
    """(n, d_in) -> (n, d_out), with optional Fourier features and an affine map of the input first.

    ``centre`` and ``spread`` (d_in,) normalise the input; they belong to the model and are saved with it.
    """

    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        d_in: int,
        d_out: int,
        hidden: Sequence[int],
        *,
        activation: str = "silu",
        fourier: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.features = FourierFeatures(d_in, fourier)
        self.register_buffer("centre", torch.zeros(d_in))
        self.register_buffer("spread", torch.ones(d_in))
        widths = [self.features.width, *hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
        layers.append(nn.Linear(widths[-1], d_out))
        self.layers = nn.Sequential(*layers)
        reset_linear(self, seed)

    def forward(self, x: Tensor) -> Tensor:
        """(n, d_in) -> (n, d_out)."""
        return self.layers(self.features((x - self.centre) / self.spread))

    def value_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The value (n, d_out) and its derivative (n, d_out, d_in) with respect to x: the tangents of all coordinates
        are carried through the layers beside the value. Not differentiable again."""
        with torch.no_grad():
            value, tangents = self.features.value_and_tangents((x - self.centre) / self.spread)
            tangents = tangents / self.spread[:, None]
            for layer in self.layers:
                if isinstance(layer, nn.Linear):
                    value, tangents = layer(value), tangents @ layer.weight.T
                else:
                    tangents = tangents * _slope(layer, value)[:, None]
                    value = layer(value)
        return value, tangents.transpose(1, 2)


def _slope(activation: nn.Module, x: Tensor) -> Tensor:
    """The derivative of an activation at x."""
    if isinstance(activation, nn.SiLU):
        gate = torch.sigmoid(x)
        return gate * (1 + x * (1 - gate))
    return (x > 0).to(x)


@torch.no_grad()
def reset_linear(module: nn.Module, seed: int) -> None:
    """Draw the weights of every linear layer from a seed: uniform, +- sqrt(1 / fan_in)."""
    g = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            layer.weight.copy_((torch.rand(layer.weight.shape, generator=g) * 2 - 1) * bound)
            layer.bias.copy_((torch.rand(layer.bias.shape, generator=g) * 2 - 1) * bound)
