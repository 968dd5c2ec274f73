"""The gradient of a network's loss over a box of its weights, as a field: F(w) = grad_w loss(module with weights w)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from npf_engine.errors import InputError
from npf_engine.settings.limits import MAX_D

Loss = Callable[[nn.Module], Tensor]


class LossGradient:
    """F of points (n, d), d the number of the module's weights that want a gradient, in the order of its parameters.

    ``potential``: the loss itself, (n, d) -> (n,); ``start``: the weights as they are, (d,); ``d``: their number.
    """

    def __init__(self, module: nn.Module, loss: Loss) -> None:
        self.module, self.loss = module, loss
        self._shapes = {name: p.shape for name, p in module.named_parameters() if p.requires_grad}
        self.d = sum(shape.numel() for shape in self._shapes.values())
        self.__name__ = f"loss of {type(module).__name__}"

    @property
    def start(self) -> Tensor:
        """The module's own weights, (d,)."""
        wanted = (p for p in self.module.parameters() if p.requires_grad)
        return torch.cat([p.detach().reshape(-1) for p in wanted])

    def __call__(self, x: Tensor) -> Tensor:
        """(n, d) -> (n, d)."""
        self._check(x)
        return torch.func.vmap(torch.func.grad(self._loss_at))(x)

    def potential(self, x: Tensor) -> Tensor:
        """(n, d) -> (n,)."""
        self._check(x)
        return torch.func.vmap(self._loss_at)(x)

    def _loss_at(self, w: Tensor) -> Tensor:
        parts = w.split([shape.numel() for shape in self._shapes.values()])
        weights = {name: part.reshape(shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}
        value = torch.func.functional_call(
            _Applied(self.module, self.loss), {f"module.{k}": v for k, v in weights.items()}, ()
        )
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise InputError(f"the loss of {type(self.module).__name__} must be one number, a tensor of one entry")
        return value.reshape(())

    def _check(self, x: Tensor) -> None:
        if x.shape[1] != self.d:
            raise InputError(
                f"{type(self.module).__name__} has {self.d} weights, but the box has {x.shape[1]} axes; "
                "give low and high one number each, or one a weight"
            )


class _Applied(nn.Module):
    """The loss of a module, as a module: its weights can be put in."""

    def __init__(self, module: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self) -> Tensor:
        """loss(module)."""
        return self.loss(self.module)


def loss_gradient(module: nn.Module, loss: Loss) -> LossGradient:
    """F(w) = grad_w loss(module) as a function for ``npf.factorize`` and ``npf train --callable``.

    loss: takes the module, answers with a tensor of one number, written in torch. Raises InputError for a module
    without weights that want a gradient, or with more than the limit of dimensions.
    """
    made = LossGradient(module, loss)
    if made.d == 0:
        raise InputError(f"{type(module).__name__} has no weights that want a gradient")
    if made.d > MAX_D:
        raise InputError(
            f"{type(module).__name__} has {made.d:,} weights; a field has at most {MAX_D} dimensions: freeze "
            "the others (requires_grad_(False))"
        )
    return made
