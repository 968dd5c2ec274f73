"""What an experiment returns and what it leaves in a folder: JSON for programs, arrays for figures, weights for
PyTorch."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save as save_tensors
from torch import Tensor

from npf_engine.fields.classifier import split_weights
from npf_engine.measures.accuracy import AccuracyReport
from npf_engine.measures.verdict import Verdict
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.studies.classifier.result import ExperimentResult
from npf_engine.tasks.files import write_atomic

PARTICLES, FIGURES, WEIGHTS, RESULT, NETWORKS = (
    "particles.npz",
    "figures.npz",
    "best-weights.safetensors",
    "result.json",
    "networks.safetensors",
)


@dataclass
class Outcome:
    """metrics, trivial, verdict, seconds and samplers as ``ExperimentResult`` has them; particles: clouds of weights
    and what they achieve, by name; figures: other arrays; best (222,): the weights of highest test accuracy; model: the
    trained factorization of 5.3 and 5.4, accuracy: its table; fingerprint: of the networks' weights; networks: of 5.5,
    by name."""

    metrics: dict[str, object]
    trivial: dict[str, object]
    verdict: Verdict
    seconds: dict[str, float]
    particles: dict[str, Tensor]
    figures: dict[str, np.ndarray] = field(default_factory=dict)
    best: Tensor | None = None
    model: PolarFactorization | None = None
    accuracy: AccuracyReport | None = None
    samplers: dict[str, object] = field(default_factory=dict)
    fingerprint: str | None = None
    networks: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    def write(self, folder: Path, result: ExperimentResult) -> None:
        """Write all of it, and what the experiment answers; a file that is there is replaced whole."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / PARTICLES, _packed({k: v.cpu().float().numpy() for k, v in self.particles.items()}))
        write_atomic(folder / FIGURES, _packed(self.figures))
        if self.best is not None:
            tensors = {k: v.contiguous().clone() for k, v in split_weights(self.best.cpu().float()).items()}
            write_atomic(folder / WEIGHTS, save_tensors(tensors))
        if self.networks:
            kept = {f"{name}.{key}": t.cpu().contiguous() for name, s in self.networks.items() for key, t in s.items()}
            write_atomic(folder / NETWORKS, save_tensors(kept))
        write_atomic(folder / RESULT, json.dumps(result.to_json(), indent=1).encode())


def best_of(weights: Tensor, accuracy: Tensor) -> Tensor:
    """The row of (P, 222) with the highest accuracy (P,)."""
    return weights[int(torch.nan_to_num(accuracy, nan=-1.0).argmax())]


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()
