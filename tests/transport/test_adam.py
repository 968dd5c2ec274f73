"""Adam without torch's optimiser around it: its numbers, bit for bit, and a start without torch's compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.adam import Adam
from npf_engine.transport.optimise import optimise
from npf_engine.transport.schedule import Derived, Schedule, Stage, Steps

ROOT = Path(__file__).parents[2]
BETAS = ((0.8, 0.95), (0.5, 0.5))


def parts() -> list[list[nn.Parameter]]:
    g = torch.Generator().manual_seed(0)
    return [[nn.Parameter(torch.randn(3, 2, generator=g)) for _ in range(2)] for _ in BETAS]


def push(groups: list[list[nn.Parameter]], step: int) -> None:
    """Gradients of a step; one parameter has none in the first steps, as one that a loss does not depend on."""
    g = torch.Generator().manual_seed(step + 1)
    for group in groups:
        for index, parameter in enumerate(group):
            gradient = torch.randn(3, 2, generator=g)
            parameter.grad = None if index and step < 2 else gradient


def taken(adam: Adam, groups: list[list[nn.Parameter]], steps: range) -> None:
    for step in steps:
        push(groups, step)
        adam.step([0.1 / (step + 1), 0.02])


def flat(groups: list[list[nn.Parameter]]) -> Tensor:
    return torch.cat([p.detach().reshape(-1) for group in groups for p in group])


def test_the_numbers_are_those_of_torch() -> None:
    own, theirs = parts(), parts()
    optimiser = torch.optim.Adam(
        [{"params": group, "betas": betas} for group, betas in zip(theirs, BETAS, strict=True)], fused=True
    )
    taken(Adam(list(zip(own, BETAS, strict=True))), own, range(6))
    for step in range(6):
        push(theirs, step)
        for group, rate in zip(optimiser.param_groups, (0.1 / (step + 1), 0.02), strict=True):
            group["lr"] = rate
        optimiser.step()
    assert torch.equal(flat(own), flat(theirs))


def test_it_goes_on_where_its_state_was_taken_also_from_torchs() -> None:
    """Checkpoints of versions that used torch's optimiser name only what had moved."""
    whole, broken = parts(), parts()
    adam = Adam(list(zip(whole, BETAS, strict=True)))
    taken(adam, whole, range(2))
    state = {"state": {i: {k: t.clone() for k, t in m.items()} for i, m in adam.state()["state"].items() if i % 2 == 0}}
    with torch.no_grad():
        for group, other in zip(broken, whole, strict=True):
            for parameter, now in zip(group, other, strict=True):
                parameter.copy_(now)
    again = Adam(list(zip(broken, BETAS, strict=True)))
    taken(again, parts(), range(2))  # moments of its own, which must go
    again.restore(state)
    taken(adam, whole, range(2, 6))
    taken(again, broken, range(2, 6))
    assert torch.equal(flat(whole), flat(broken))


def test_a_training_starts_without_torchs_compiler() -> None:
    program = (
        "import sys, torch\n"
        "from npf_engine.networks.mlp import MLP\n"
        "from npf_engine.tasks.recorder import Recorder\n"
        "from npf_engine.transport.optimise import optimise\n"
        "from npf_engine.transport.regression import Regression\n"
        "from npf_engine.transport.schedule import Schedule, Stage, Steps\n"
        "m = MLP(2, 2, (4,))\n"
        "loss = Regression(m, torch.rand(9, 2), torch.rand(9, 2), 4)\n"
        "optimise(loss, {'m': m}, Schedule(1e-3), Steps(3), Recorder(), Stage('m', 'm', 0))\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Turned(Derived):
    """Gradients that differ from entry to entry; ``turned``: as views whose memory lies the other way."""

    def __init__(self, turned: bool) -> None:
        self.turned = turned

    def step(self, generator: torch.Generator) -> tuple[Tensor, list[Tensor | None]]:
        gradient = torch.arange(1.0, 7.0).reshape(2, 3) * torch.tensor([1.0, -1.0])[:, None]
        return torch.zeros(()), [gradient.t().contiguous().t() if self.turned else gradient]


def test_a_gradient_counts_by_its_entries_not_by_how_its_memory_lies() -> None:
    """torch's fused kernel reads a strided gradient as if it were not."""
    answers = []
    for turned in (False, True):
        module = nn.Module()
        module.p = nn.Parameter(torch.zeros(2, 3))
        optimise(Turned(turned), {"p": module}, Schedule(0.1), Steps(3), Recorder(), Stage("p", "p", 0))
        answers.append(module.p.detach())
    assert torch.equal(*answers)
