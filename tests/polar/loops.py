"""Training loops that take one step, for the tests of what is asked of them."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch


class Loops:
    """In place of a module's Loop: keeps how it was made, and the loss of one step with the random numbers of seed 3;
    a run takes ``seconds``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: ModuleType, seconds: float) -> None:
        self.made: dict[str, SimpleNamespace] = {}
        outer = self

        class Loop:
            def __init__(self, name: str, key: str, modules: Any, steps: int, lr: float, seed: int, recorder: Any,
                         ema: float) -> None:  # fmt: skip
                self.own = SimpleNamespace(key=key, modules=modules, steps=steps, lr=lr, seed=seed, ema=ema)
                outer.made[name] = self.own

            def run(self, loss: Any) -> float:
                self.own.loss = float(loss(0, torch.Generator().manual_seed(3))[0].detach())
                return seconds

        monkeypatch.setattr(module, "Loop", Loop)
