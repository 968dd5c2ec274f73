"""What npf_model.py has where the engine's own would need more than torch, numpy and safetensors."""

from __future__ import annotations

from npf_engine.polar.factorization import PolarFactorization


def _known_function(model: PolarFactorization) -> None:
    """F does not travel with its factorization: pass its values, ``model.M(x, field_values)``."""
    return None
