"""A polar factorization F = grad u o M: torch, numpy and safetensors are all that this package needs.

    from npf_model import PolarFactorization

    model = PolarFactorization.load(".")      # the folder, or the zip, that this package came in
    model.grad_u(x)                           # (n, d) -> (n, d), closed form
    model.grad_u_conjugate(y)                 # (n, d) -> (n, d), Newton or L-BFGS
    model.M_network(x)                        # (n, d) -> (n, d), M_xi
    model.M(x, field_values=F_of_x)           # (n, d) -> (n, d), M_theta
    model.preimages(y, n=500, seed=0)         # (d,) -> (500, d), I_psi
    model.invert(gradient, n=500, seed=0)     # (d,) -> (500, d), I_psi o grad u*

Positions and values are in the user's units; README.md beside this folder says which. Its modules are those of
the program that trained the model, under this package's name; what needs more than the three libraries is left out.
"""

from __future__ import annotations

from pathlib import Path

from npf_engine.polar import factorization
from npf_engine.polar.constant import WithConstant


class PolarFactorization(WithConstant):
    """The model of this folder; ``samples`` are less by ``shift``, what is asked for and answered is not."""

    @staticmethod
    def load(path: str | Path) -> PolarFactorization:
        """Read a bundle (zip) or its folder."""
        return PolarFactorization.of(factorization.PolarFactorization.load(path))


__all__ = ["PolarFactorization"]
