"""Names for people: tasks and measures, and what each is; methods have theirs in transport/methods."""

from __future__ import annotations

from npf_engine.transport.methods.registry import title as method

__all__ = ["ANY_DIMENSION", "METRICS", "TASKS", "method"]

TASKS = {
    "mixtures": "Two components to three",
    "drift-mixture": "Four modes to a normal, as published",
    "four-to-normal": "Four modes to a normal",
    "gaussian": "Gaussian to Gaussian (map known)",
    "convex": "Gradient of a random convex function (map known)",
    "seven-gaussians": "A normal to seven Gaussians",
    "digits": "Digits from noise (32 principal components)",
    "digit-pixels": "Digits from noise, pixel by pixel",
}
ANY_DIMENSION = ("gaussian", "convex", "seven-gaussians")
METRICS = {
    "l2_uvp": ("L2-UVP (%)", "Squared error of the map over the target's variance; 0 is the true map."),
    "s_eps": ("Sε", "Sinkhorn divergence of the pushforward to the target."),
    "mmd": ("MMD²", "Squared energy-distance MMD of the pushforward to the target."),
}
