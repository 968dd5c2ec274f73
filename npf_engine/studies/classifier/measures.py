"""What weights achieve, and how much of a gradient is minibatch noise (NPF Figures 3, 4 and 12 to 16)."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor

from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.classifier import Classifier

HALF = 0.5
BLOCK = 512


def characters(classifier: Classifier, w: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Gradient norm on one minibatch, test loss and test accuracy of each of w (P, 222): (P,) each, on the CPU."""
    w = w.to(classifier.device, torch.float32)
    norm = classifier.gradient(w, generator).norm(dim=1)
    loss, accuracy = classifier.evaluate(w)
    return {"norm": norm.cpu(), "loss": loss.cpu(), "accuracy": accuracy.cpu()}


def summary(found: dict[str, Tensor]) -> dict[str, float]:
    """Medians of norm, loss and accuracy, and the share of weights above half."""
    out = {f"median_{name}": float(values.nanmedian()) for name, values in found.items()}
    return out | {"share_above_half": float((found["accuracy"] > HALF).float().mean())}


class Stochasticity(TypedDict):
    """What ``stochasticity`` measures, as the report has it."""

    value: float
    self_distance: float
    values: list[float]
    cosine: float
    n: int
    draws: int


def stochasticity(classifier: Classifier, w: Tensor, generator: torch.Generator, draws: int) -> Stochasticity:
    """S_eps between two gradient clouds at the same weights w (P, 222) from different minibatches, beside that of two
    disjoint halves of the weights, and the mean cosine of the two gradients of a weight (the cosine's ceiling).

    Blocks of BLOCK weights, ``draws`` of them.
    """
    w = w.to(classifier.device, torch.float32)
    size = min(BLOCK, len(w) // 2)
    same, apart, cosines = [], [], []
    for _ in range(draws):
        order = torch.randperm(len(w), generator=generator).to(w.device)
        here, there = w[order[:size]], w[order[size : 2 * size]]
        first, second, other = (classifier.gradient(part, generator).cpu() for part in (here, here, there))
        eps = default_eps(first)
        same.append(sinkhorn_divergence(second, first, eps))
        apart.append(sinkhorn_divergence(other, first, eps))
        cosines.append(torch.nn.functional.cosine_similarity(first, second, dim=1))
    return {
        "value": sum(same) / draws,
        "self_distance": sum(apart) / draws,
        "values": same,
        "cosine": float(torch.cat(cosines).mean()),
        "n": size,
        "draws": draws,
    }


def distances(there: Tensor, again: Tensor, y: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Distances to gradients y (n, d), (n,) each: "inverse", of those at generated weights, ``there``; "floor", of
    those at y's own weights on another minibatch, ``again``; "trivial", of y dealt out at random (NPF Figure 13)."""
    dealt = y[torch.randperm(len(y), generator=generator)]
    clouds = {"inverse": there, "floor": again, "trivial": dealt}
    return {name: (cloud.cpu() - y.cpu()).norm(dim=1) for name, cloud in clouds.items()}


def distance_to_nearest(x: Tensor, cloud: Tensor) -> Tensor:
    """|x_i - nearest of cloud| (n,) for x (n, d), cloud (m, d)."""
    return torch.cat([torch.cdist(part, cloud).amin(dim=1) for part in x.float().cpu().split(1024)]).float()
