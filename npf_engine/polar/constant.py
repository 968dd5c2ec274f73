"""The factorization of F itself, where training knew F less a constant.

What is large against the spread of F is taken off it before training, since 32-bit numbers would have rounded the rest
(fields/shift.py): networks and samples know F less that. A constant c in F = grad u o M is c . x in u, so that it is
added again to what is answered, and M is what it was.
"""

from __future__ import annotations

import dataclasses
from typing import Self, TypeVar

import torch
from torch import Tensor

from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.inversion import ExactInversion, Inversion

Made = TypeVar("Made", bound=PolarFactorization)


class WithConstant(PolarFactorization):
    """A PolarFactorization whose values, asked for and answered, are those of F with its constant."""

    @classmethod
    def of(cls, model: PolarFactorization) -> Self:
        """The same networks, answering for F itself."""
        return _made(cls, model)

    def potential(self, x: Tensor) -> Tensor:
        """u(x) (n,) with grad u near F; x (n, d)."""
        found = super().potential(x)
        return found.double() + self._model(x).cpu().double() @ self.shift if self._shifted else found

    def grad_u(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d), in the units of F, at positions x (n, d)."""
        found = super().grad_u(x)
        return found.double() + self.shift if self._shifted else found

    def grad_u_conjugate(self, y: Tensor) -> Tensor:
        """grad u*(y) (n, d), positions, for values y (n, d)."""
        return super().grad_u_conjugate(self._less(y))

    def M(self, x: Tensor, field_values: Tensor | None = None) -> Tensor:
        """M_theta(x) = grad u*(F(x)) (n, d); field_values: F(x), needed where F is known on samples only."""
        if field_values is None and self.function is not None:
            return super().grad_u_conjugate(
                self.function(self._model(x).cpu().double())
            )  # F less the constant, as trained on
        return super().M(x, field_values)

    def invert_details(self, gradient: Tensor, n: int, seed: int = 0) -> Inversion:
        """Draws of where F is ``gradient``, (d,) or (k, d), with what they rest on."""
        return super().invert_details(self._less(gradient), n, seed)

    def invert_exact(self, gradient: Tensor, n: int, seed: int = 0) -> ExactInversion:
        """The same, each draw carried on to where F is exactly that value; values found are F's own."""
        found = self._without().invert_exact(self._less(gradient), n, seed)
        return dataclasses.replace(found, nearest=found.nearest + self.shift)

    def _without(self) -> PolarFactorization:
        return _made(PolarFactorization, self)

    @property
    def _shifted(self) -> bool:
        return bool(self.shift.any())

    def _less(self, y: Tensor) -> Tensor:
        return torch.as_tensor(y, dtype=torch.float64) - self.shift


def _made(kind: type[Made], model: PolarFactorization) -> Made:
    """A ``kind`` of the same parts."""
    return kind(**{item.name: getattr(model, item.name) for item in dataclasses.fields(PolarFactorization)})
