"""Perceptrons differentiated by hand: the gradients of a loss in few operations, written where they are needed.

autograd spends as many operations on its books as on the mathematics of a small network, and on a GPU each is a launch.
The sweep here is the textbook's: with a_l = W_l z_{l-1} + b_l, z_l = s(a_l) and g_l the loss' gradient in a_l,

    dW_l = g_l^T z_{l-1},    db_l = sum g_l,    g_{l-1} = (g_l W_l) s'(a_{l-1}).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

silu_backward = torch.ops.aten.silu_backward
threshold_backward = torch.ops.aten.threshold_backward


class LayerGradients:
    """The sweeps through ``layers``: linear ones with one activation, SiLU or ReLU, between each two.

    Raises ValueError for layers of another kind. All arrays are (n, width).
    """

    def __init__(self, layers: nn.Sequential) -> None:
        linear = [layer for layer in list(layers)[::2] if isinstance(layer, nn.Linear)]
        kinds = {type(layer) for layer in list(layers)[1::2]}
        if 2 * len(linear) != len(layers) + 1 or len(kinds) > 1 or kinds - {nn.SiLU, nn.ReLU}:
            raise ValueError("gradients by hand are for linear layers with SiLU or ReLU between them")
        # Views of the weights as they are at work: an optimiser changes them in place.
        self.weights = [layer.weight.detach() for layer in linear]
        self.transposed = [weight.t() for weight in self.weights]
        self.biases = [layer.bias.detach() for layer in linear]
        self.silu = nn.ReLU not in kinds

    def forward(self, z: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The answer (n, d_out), what went into each layer, and what came out of all but the last."""
        into, before = [z], list[Tensor]()
        for weight, bias in zip(self.transposed[:-1], self.biases[:-1], strict=True):
            before.append(torch.addmm(bias, into[-1], weight))
            into.append(nnf.silu(before[-1]) if self.silu else torch.relu(before[-1]))
        return torch.addmm(self.biases[-1], into[-1], self.transposed[-1]), into, before

    def backward(self, g: Tensor, into: list[Tensor], before: list[Tensor]) -> list[Tensor]:
        """The gradients in the order of ``layers.parameters()``, for the loss' gradient g (n, d_out) in the answer."""
        gradients: list[Tensor] = []
        for index in range(len(into) - 1, -1, -1):
            gradients += [g.sum(0), torch.mm(g.t(), into[index])]
            if index:
                g = torch.mm(g, self.weights[index])
                a = before[index - 1]
                g = silu_backward(g, a) if self.silu else threshold_backward(g, a, 0)
        return gradients[::-1]


def squared_error(layers: LayerGradients, z: Tensor, target: Tensor) -> tuple[Tensor, list[Tensor]]:
    """mean |layers(z) - target|^2 over the rows, and its gradients in the layers' weights."""
    answer, into, before = layers.forward(z)
    value, g = squared_norm(answer.sub_(target))
    return value, layers.backward(g, into, before)


def squared_norm(error: Tensor) -> tuple[Tensor, Tensor]:
    """mean |error|^2 over the rows (n, d), and its gradient in the error, which is overwritten by it."""
    flat = error.reshape(-1)
    value = torch.dot(flat, flat) / len(error)
    return value, error.mul_(2 / len(error))
