"""Counts the operations of torch in a piece of work, and those by which the host waits for a device, without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Of the same memory under another shape: no work, and no launch on a device.
SHAPES = ("t", "view", "detach", "expand", "unsqueeze", "slice", "select", "transpose", "squeeze", "permute", "alias")
PARTS = ("split_with_sizes", "split", "as_strided", "_unsafe_view", "unbind", "diagonal")
VIEWS = frozenset((*SHAPES, *PARTS))
# Marks of torch's profiler, which every optimiser sets around its step.
MARKS = frozenset(("_record_function_enter_new", "_record_function_exit"))
# What has to know numbers before it goes on: a scalar for Python, or how many entries an answer has.
SCALARS = ("_local_scalar_dense", "item", "is_nonzero", "equal")
WAITS = frozenset((*SCALARS, "nonzero", "masked_select", "unique", "_unique2", "unique_dim"))


class StepCounts(TorchDispatchMode):
    """Operations within ``with``: ``operations`` by name, without views; ``waits``, by name.

    A mask as an index and a copy to the processor wait too. On a machine without a device nothing says where a tensor
    would be; ``to("cpu")`` of one that is there already is no operation, so that none is seen here for nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.__name__.split(".")[0]
        if name not in VIEWS | MARKS:
            self.operations[name] += 1
        if name in WAITS or (name in ("index", "index_put", "index_put_") and masked(args[1])):
            self.waits[name] += 1
        return func(*args, **(kwargs or {}))

    @property
    def total(self) -> int:
        """Of all operations."""
        return sum(self.operations.values())


def masked(indices: Any) -> bool:
    """Whether one of the indices is a mask, whose count of entries must be known."""
    return any(isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8) for index in indices)
