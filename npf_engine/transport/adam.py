"""Adam (Kingma and Ba 2015) by torch's fused kernel, without torch's optimiser around it.

The numbers are those of ``torch.optim.Adam(fused=True)``. Building one imports torch's compiler, two seconds that a
short training waits for, and each of its steps spends as long on its books as the kernel on a small network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from npf_engine.settings import reading

EPS = 1e-8
State = dict[str, object]


class Adam:
    """Moments of groups of parameters, each with its betas; a parameter whose gradient is None stays as it is."""

    def __init__(self, groups: Sequence[tuple[Sequence[Tensor], tuple[float, float]]]) -> None:
        self.groups = [(list(parameters), betas) for parameters, betas in groups]
        every = [parameter.detach() for parameters, _ in self.groups for parameter in parameters]
        self.first, self.second = [torch.zeros_like(p) for p in every], [torch.zeros_like(p) for p in every]
        self.counts = [torch.zeros((), dtype=torch.float32, device=p.device) for p in every]

    def forget(self) -> None:
        """Drop all gradients."""
        for parameters, _ in self.groups:
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self, rates: Sequence[float]) -> None:
        """One step by the parameters' gradients, each group with its rate."""
        done = 0
        for (parameters, betas), rate in zip(self.groups, rates, strict=True):
            moved = [(done + index, p, p.grad) for index, p in enumerate(parameters) if p.grad is not None]
            done += len(parameters)
            if not moved:
                continue
            counts = [self.counts[index] for index, _, _ in moved]
            torch._foreach_add_(counts, 1)
            torch._fused_adam_(
                [p for _, p, _ in moved],
                [g for _, _, g in moved],
                [self.first[index] for index, _, _ in moved],
                [self.second[index] for index, _, _ in moved],
                [],
                counts,
                lr=rate,
                beta1=betas[0],
                beta2=betas[1],
                weight_decay=0.0,
                eps=EPS,
                amsgrad=False,
                maximize=False,
            )

    def state(self) -> State:
        """What ``restore`` needs: the tensors at work, not copies."""
        every = enumerate(zip(self.counts, self.first, self.second, strict=True))
        return {"state": {index: {"step": n, "exp_avg": m, "exp_avg_sq": v} for index, (n, m, v) in every}}

    def restore(self, kept: Mapping[str, object]) -> None:
        """Go on where ``state`` was taken; a parameter that it does not name never moved."""
        states = reading.of(dict(kept), "state", dict)
        for index, (count, first, second) in enumerate(zip(self.counts, self.first, self.second, strict=True)):
            own = states.get(index)
            for tensor, name in ((count, "step"), (first, "exp_avg"), (second, "exp_avg_sq")):
                if own is None:
                    tensor.zero_()
                else:
                    tensor.copy_(reading.of(own, name, Tensor))
