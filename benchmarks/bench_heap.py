"""Milliseconds of a step with freed memory returned to the system, and kept (``npf_engine/tasks/memory.py``).

    python -m benchmarks.bench_heap [--json] [--threads 1] [--runs 3]

Each measurement is a child process of its own, in turns with and without; medians. ``gradient``: of fit_brenier_map's
network in 64 dimensions at 2048 points, its units bent; ``perceptron``: a training step of M_xi's size, 1024 points.
What a page fault costs depends on the machine: under some virtual machines several times what it does on bare metal.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.common import arguments, median_seconds, show
from npf_engine.networks.mlp import MLP
from npf_engine.networks.wide import WidePotential
from npf_engine.tasks.memory import keep_freed_memory

STEPS = 60


def gradient() -> Callable[[], object]:
    """grad u at 2048 points of R^64."""
    u, x = WidePotential(64, (128, 64), pieces=32, unit_rank=8), torch.randn(2048, 64)
    return torch.no_grad()(lambda: u.gradient(x))


def perceptron() -> Callable[[], object]:
    """A training step of a perceptron of the usual size at the usual batch."""
    network, x = MLP(2, 2, (256, 256)), torch.randn(1024, 2)
    optimiser = torch.optim.Adam(network.parameters())

    def step() -> None:
        optimiser.zero_grad()
        (network(x) - x).square().mean().backward()
        optimiser.step()

    return step


WORK = {"gradient": gradient, "perceptron": perceptron}


def measured(name: str, kept: bool, threads: int) -> float:
    """The same in a child process."""
    command = [sys.executable, "-m", "benchmarks.bench_heap", "--child", name, "--threads", str(threads)]
    found = subprocess.run(
        command + ["--kept"] * kept, cwd=Path(__file__).resolve().parents[1], text=True, capture_output=True, check=True
    )
    return float(json.loads(found.stdout))


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "", runs=True)
    parser.add_argument("--child", choices=list(WORK), help="(inner) time one piece of work here")
    parser.add_argument("--kept", action="store_true", help="(inner) with freed memory kept")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.child:
        if options.kept:
            keep_freed_memory()
        print(1e3 * median_seconds(WORK[options.child](), STEPS)[0])
        return
    rows = []
    for name in WORK:
        times: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(options.runs):
            for kept, so_far in times.items():
                so_far.append(measured(name, kept, options.threads))
        returned, held = (statistics.median(times[kept]) for kept in (False, True))
        rows.append({"work": name, "returned ms": returned, "kept ms": held, "ratio": returned / held})
    result = {"runs": options.runs, "threads": options.threads}
    show("Milliseconds of a step, freed memory returned to the system and kept", rows, result, options.json)


if __name__ == "__main__":
    main()
