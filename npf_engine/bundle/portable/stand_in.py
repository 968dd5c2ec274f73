"""What npf_model.py has where the engine's own would need more than torch, numpy and safetensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.networks.bridge import Bridge
from npf_engine.polar.inversion import ExactInversion


def sample_heun(bridge: Bridge, y: Tensor, seed: int, *, steps: int = 950) -> Tensor:
    """The exact bridge step in place of Heun's (which needs torchsde, and stops early, at t = 0.95)."""
    return bridge.sample(y, torch.Generator().manual_seed(seed), steps)


def _known_function(parts: dict[str, Any]) -> None:
    """F does not travel with its factorization: pass its values, ``model.M(x, field_values)``."""
    return None


def invert_exact(model: Any, gradient: Tensor, n: int, seed: int) -> ExactInversion:
    """F does not travel as a function, so that nothing can be solved here."""
    raise InputError(
        "exact pre-images need npf_engine: python -m npf_engine invert BUNDLE --exact; this file draws them"
    )
