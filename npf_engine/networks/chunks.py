"""A function of rows, evaluated a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def in_chunks(function: Callable[[Tensor], Tensor], x: Tensor, chunk: int = 8192) -> Tensor:
    """function(x) computed in pieces that fit the cache, without gradients."""
    with torch.no_grad():
        return torch.cat([function(part) for part in x.split(chunk)])
