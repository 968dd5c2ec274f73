"""In place of the solver of exact pre-images, which needs F: F does not travel as a function."""

from __future__ import annotations

from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.polar.inversion import ExactInversion


def invert_exact(model: object, gradient: Tensor, n: int, seed: int) -> ExactInversion:
    """Raises InputError: nothing can be solved here."""
    raise InputError(
        "exact pre-images need npf_engine: python -m npf_engine invert BUNDLE --exact; this package draws them"
    )
