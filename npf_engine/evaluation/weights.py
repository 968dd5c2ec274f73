"""One weight vector of the classifier as people look at it: its filters, and a file for PyTorch."""

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


def kernels(weights: np.ndarray) -> dict[str, np.ndarray]:
    """The two 5 x 5 filters, conv1 and conv2, of weights (222,)."""
    named = _named(weights)
    return {name: named[f"{name}.weight"][0, 0].numpy() for name in ("conv1", "conv2")}


def _named(weights: np.ndarray) -> dict[str, torch.Tensor]:
    return split_weights(torch.from_numpy(np.array(weights, dtype=np.float32)))
