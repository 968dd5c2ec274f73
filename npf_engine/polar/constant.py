"""The factorization of F itself, where training knew F less a constant.

What is large against the spread of F is taken off it before training, since 32-bit numbers would have rounded the rest
(fields/shift.py): networks and samples know F less that. A constant c in F = grad u o M is c . x in u, so that it is
added again to what is answered, and M is what it was.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import torch
from torch import Tensor

from npf_engine.polar.factorization import Array, PolarFactorization
from npf_engine.polar.inversion import ExactInversion, Inversion


class WithConstant(PolarFactorization):
    """A PolarFactorization whose values, asked for and answered, are those of F with its constant."""

    @classmethod
    def of(cls, model: PolarFactorization) -> Self:
        """The same networks, answering for F itself."""
        return cls(**_parts(model))

    @property
    def shift(self) -> Tensor:
        """(d,) float64: what was taken off the components of F; zeros for nothing."""
        return torch.tensor(self.info.get("shift") or [0.0] * self.d, dtype=torch.float64)

    def potential(self, x: Array) -> Tensor:
        """u(x) (n,) with grad u near F; x (n, d)."""
        found = super().potential(x)
        return found.double() + self._model(x).cpu().double() @ self.shift if self._shifted else found

    def grad_u(self, x: Array) -> Tensor:
        """grad u(x) (n, d), in the units of F, at positions x (n, d)."""
        found = super().grad_u(x)
        return found.double() + self.shift if self._shifted else found

    def grad_u_conjugate(self, y: Array) -> Tensor:
        """grad u*(y) (n, d), positions, for values y (n, d)."""
        return super().grad_u_conjugate(self._less(y))

    def M(self, x: Array, field_values: Array | None = None) -> Tensor:
        """M_theta(x) = grad u*(F(x)) (n, d); field_values: F(x), needed where F is known on samples only."""
        if field_values is None and self.function is not None:
            return super().grad_u_conjugate(self.function(self._model(x).cpu()))  # F less the constant, as trained on
        return super().M(x, field_values)

    def invert_details(self, gradient: Array, n: int, seed: int = 0) -> Inversion:
        """Draws of where F is ``gradient``, (d,) or (k, d), with what they rest on."""
        return super().invert_details(self._less(gradient), n, seed)

    def invert_exact(self, gradient: Array, n: int, seed: int = 0) -> ExactInversion:
        """The same, each draw carried on to where F is exactly that value; values found are F's own."""
        found = self._without().invert_exact(self._less(gradient), n, seed)
        return dataclasses.replace(found, nearest=found.nearest + self.shift)

    def _without(self) -> PolarFactorization:
        return PolarFactorization(**_parts(self))

    @property
    def _shifted(self) -> bool:
        return bool(self.shift.any())

    def _less(self, y: Array) -> Tensor:
        return torch.as_tensor(y, dtype=torch.float64) - self.shift


def _parts(model: PolarFactorization) -> dict[str, Any]:
    """What the engine's own is made of."""
    return {item.name: getattr(model, item.name) for item in dataclasses.fields(PolarFactorization)}
