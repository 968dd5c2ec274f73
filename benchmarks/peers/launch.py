"""Starting a peer in a child process on the same data, with the same number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from npf_engine.tasks import memory

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class PeerRun:
    """``curve``: a row a snapshot with seconds (wall time of training without compilation), steps and, where a test
    set was given, dual and max_residual; ``maps`` (snapshots, n, d): grad u at ``x_eval``; ``info``: the rest."""

    curve: list[dict[str, Any]]
    maps: np.ndarray
    info: dict[str, Any]


def run_peer(
    kind: str,
    x: Tensor,
    y: Tensor,
    x_eval: Tensor,
    settings: dict[str, Any],
    threads: int,
    test: tuple[Tensor, Tensor] | None = None,
) -> PeerRun:
    """Train a peer on samples x, y (n, d) and give its map at x_eval (k, d).

    kind: adam | lbfgs | w2neuraldual | entropic | divergence. settings: what the child's module lists (seconds, lr,
    hidden, ...).
    test: held-out (x, y) for the dual with exact conjugates in float64. Raises RuntimeError with the child's last
    words when it fails.
    """
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        folder = Path(name)
        arrays = {"x": x, "y": y, "x_eval": x_eval}
        if test is not None:
            arrays |= {"x_test": test[0], "y_test": test[1]}
        np.savez(folder / "in.npz", **{k: v.detach().cpu().float().numpy() for k, v in arrays.items()})  # type: ignore[arg-type]
        (folder / "settings.json").write_text(json.dumps({"kind": kind, **settings}))
        command = [sys.executable, "-m", "benchmarks.peers.child", str(folder)]
        child = subprocess.run(
            command, cwd=ROOT, env=_environment(threads), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if child.returncode:
            raise RuntimeError(f"the peer {kind} failed: {child.stderr.strip()[-2000:]}")
        found = json.loads((folder / "out.json").read_text())
        return PeerRun(found["curve"], np.load(folder / "maps.npy"), found["info"])


def _environment(threads: int) -> dict[str, str]:
    multi = "false" if threads == 1 else "true"
    return os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={multi} intra_op_parallelism_threads={threads}",
        "JAX_PLATFORMS": "cpu",
        "MALLOC_MMAP_THRESHOLD_": str(memory.FROM_HEAP),
        "MALLOC_TRIM_THRESHOLD_": str(memory.KEPT),
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
