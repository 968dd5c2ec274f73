"""What is answered to "where does this gradient occur?": drawn places, and exact ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor


@dataclass
class Inversion:
    """Where a gradient may come from: x (k, n, d) in the user's units; ``point`` (k, d) = grad u*(gradient) in the
    user's units; residual (k,) of that conjugate; outside (k,) bool: grad u* lies outside Omega, so that no point
    of Omega has this gradient according to the model."""

    x: Tensor
    point: Tensor
    residual: Tensor
    outside: Tensor


@dataclass(frozen=True)
class ExactInversion:
    """Drawn pre-images of one gradient carried to where F really is it: positions in the user's units as a model
    answers them, in model units as ``polar/preimages.py`` solves them; float64.

    x (n, d) where each draw ends, error (n,) = |F(x) - gradient|, found (n,) bool: within 0.01 of F's spread, which a
    value just beyond the range of F has too; restarted (n,) bool: stopped on its own way and was carried elsewhere.
    places (k, d): the distinct pre-images, where F is the gradient to 0.0001 of its spread; none where no such place
    was found. weights (k,), largest first and 1 in all: how those draws that came to one by themselves are shared among
    them (all found ones, where none did); 0 where none came. level (k,) bool: the place is one of a line or patch on
    which F is the gradient. nearest (d,): the value of F nearest to the gradient that was seen to occur, at
    nearest_place (d,): where no place was found, that is what comes closest.
    """

    x: Tensor
    error: Tensor
    found: Tensor
    restarted: Tensor
    places: Tensor
    weights: Tensor
    level: Tensor
    nearest: Tensor
    nearest_place: Tensor

    def at(self, positions: Callable[[Tensor], Tensor]) -> ExactInversion:
        """The same with its positions (n, d) in other units."""
        nearest_place = positions(self.nearest_place[None])[0]
        return replace(self, x=positions(self.x), places=positions(self.places), nearest_place=nearest_place)

    @property
    def occurs(self) -> bool:
        """Whether any place was found where F is the gradient."""
        return len(self.places) > 0
