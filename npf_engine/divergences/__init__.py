"""Distances between point clouds and maps: one home for each formula and each epsilon."""

from npf_engine.divergences.distances import energy_mmd, l2_uvp
from npf_engine.divergences.entropic import solve_entropic
from npf_engine.divergences.plan import EntropicPlan, Epsilon
from npf_engine.divergences.sinkhorn import (
    batched_sinkhorn_divergence,
    default_eps,
    sinkhorn_divergence,
    sinkhorn_divergences,
)

__all__ = [
    "EntropicPlan",
    "Epsilon",
    "batched_sinkhorn_divergence",
    "default_eps",
    "energy_mmd",
    "l2_uvp",
    "sinkhorn_divergence",
    "sinkhorn_divergences",
    "solve_entropic",
]
