"""One weight vector of the classifier: its layers by name, and a file for PyTorch."""

from __future__ import annotations

import io

import numpy as np
import torch

from npf_engine.fields.classifier import split_weights


def state_dict(weights: np.ndarray) -> bytes:
    """Weights (222,) as a PyTorch state dict, for ``torch.load(..., weights_only=True)``."""
    buffer = io.BytesIO()
    torch.save({key: value.clone() for key, value in _named(weights).items()}, buffer)
    return buffer.getvalue()


def layers(weights: np.ndarray) -> dict[str, np.ndarray]:
    """Weights (222,) by the names and in the shapes of PyTorch's layers."""
    return {name: values.numpy() for name, values in _named(weights).items()}


def _named(weights: np.ndarray) -> dict[str, torch.Tensor]:
    return split_weights(torch.from_numpy(np.array(weights, dtype=np.float32)))
