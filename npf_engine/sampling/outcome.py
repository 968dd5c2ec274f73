"""Draws beside the law exp(-c g) and, for LMC-NPF, beside the law that it has of its own."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences.distances import energy_mmd
from npf_engine.sampling.exact import Truth
from npf_engine.sampling.langevin import Region
from npf_engine.sampling.mixtures import Mixture
from npf_engine.sampling.nearness import Nearness

COMPARED = 2000  # points a cloud of the energy distance
UNKNOWN: dict[str, object] = {
    "modes": [],
    "near_modes": None,
    "near_saddles": None,
    "near_maxima": None,
    "energy_distance": None,
    "truth": None,
}


def compare(truth: Truth, draws: Tensor, own: Tensor | None, seed: int) -> dict[str, object]:
    """What the result says of draws (n, 2), in the user's positions: modes, near_*, energy_distance, truth.

    own (m, 2): draws of the method's own law, where that is another. ``truth`` holds the same figures of exact draws,
    of a sampler that stays in the heaviest basin, and (``own``) of the own law. Without draws all of them are 0.
    """
    near = Nearness(truth)
    found, shares, weights = near.shares(draws), truth.shares(draws), np.array(truth.weights)
    own_shares = None if own is None else truth.shares(own)
    modes = [
        {
            "location": mode.location,
            "kind": mode.kind,
            "occupancy": float(shares[k]),
            "near": found.each[k],
            "target": truth.weights[k],
            "own_law": None if own_shares is None else float(own_shares[k]),
        }
        for k, mode in enumerate(truth.modes)
    ]
    generator = seeds.generator(seed, "landscape.compared")
    exact, other = truth.sample(COMPARED, generator), truth.sample(COMPARED, generator)
    pick = _few(draws, generator)
    told: dict[str, object] = {
        "weights": truth.weights,
        "energy_distance_of_exact_samples": energy_mmd(other, exact),
        "energy_distance_of_one_basin": None,
        "critical_points": [asdict(point) for point in truth.critical],
        "largest_error": float(np.abs(shares - weights).max()),
        **near.expected.to_json(),
        "own": None,
    }
    if len(modes) > 1:
        one = truth.sample(COMPARED, generator, int(weights.argmax()))
        told["energy_distance_of_one_basin"] = energy_mmd(one, exact)
    if own is not None and own_shares is not None:
        told["own"] = near.shares(own).to_json() | {
            "largest_error": float(np.abs(shares - own_shares).max()),
            "energy_distance": energy_mmd(pick, _few(own, generator)) if len(draws) else None,
        }
    energy = energy_mmd(pick, exact) if len(draws) else None
    return {"modes": modes, **found.to_json(), "energy_distance": energy, "truth": told}


def compare_parts(parts: Mixture, draws: Tensor, seed: int, box: Region | None = None) -> dict[str, object]:
    """The same of draws (n, d) of a mixture in any dimension at c = 1: a draw belongs to the part that it most likely
    comes from. near_* are not known, and no critical point but the parts' means. box: what the law is cut off at,
    where that takes away any of it."""
    generator = seeds.generator(seed, "landscape.compared")
    if box is not None:
        parts = parts.within(box)
    shares, weights = parts.shares(draws), np.array(parts.weights)
    exact, other = parts.sample(COMPARED, generator), parts.sample(COMPARED, generator)
    one = parts.sample(COMPARED, generator, int(weights.argmax()))
    modes = [
        {"location": list(mean), "kind": "minimum", "occupancy": float(share), "near": None, "target": weight}
        for mean, share, weight in zip(parts.means, shares, parts.weights, strict=True)
    ]
    told: dict[str, object] = {
        "weights": list(parts.weights),
        "energy_distance_of_exact_samples": energy_mmd(other, exact),
        "energy_distance_of_one_basin": energy_mmd(one, exact),
        "critical_points": [],
        "largest_error": float(np.abs(shares - weights).max()),
    }
    energy = energy_mmd(_few(draws, generator), exact) if len(draws) else None
    return UNKNOWN | {"modes": modes, "energy_distance": energy, "truth": told}


def _few(x: Tensor, generator: torch.Generator) -> Tensor:
    return x[torch.randperm(len(x), generator=generator)[:COMPARED]]
