"""Names for people: methods by their family, tasks, and what each is."""

from __future__ import annotations

from npf_engine.transport.methods.names import title as method

__all__ = ["ANY_DIMENSION", "FAMILIES", "METHODS", "METRICS", "TASKS", "method"]

# method -> (family, what it does)
METHODS: dict[str, tuple[str, str]] = {
    "explicit": ("Drifting", "regression on a step of the gradient flow"),
    "implicit": ("Drifting", "the step's end decides the step"),
    "implicit-summed": ("Drifting", "the implicit scheme with the sum in place of the mean"),
    "euclidean": ("Drifting", "plain gradient descent on the functional"),
    "adam": ("Drifting", "Adam on the functional"),
    "gauss-newton": ("Drifting", "the explicit step solved properly, in natural gradients"),
    "cmgn": ("Monotone networks", "a cascaded monotone gradient network"),
    "mmgn": ("Monotone networks", "a modular monotone gradient network"),
    "icnn": ("Convex potentials", "our input-convex network, by the dual"),
    "icnn-linear": ("Convex potentials", "the ICNN with linear skips"),
    "icnn-fquad": ("Convex potentials", "the ICNN with quadratic first layers"),
    "lse": ("Convex potentials", "a soft maximum of planes"),
    "entropic": ("References", "the barycentric map of entropic transport"),
    "exact": ("References", "exact discrete transport, each point to the nearest cell"),
    "gaussian": ("References", "the closed form from means and covariances"),
    "fit": ("References", "the potential as the app trains it for a field"),
}
FAMILIES = tuple(dict.fromkeys(family for family, _ in METHODS.values()))
TASKS = {
    "mixtures": "Two components to three",
    "drift-mixture": "Four modes to a normal, as published",
    "four-to-normal": "Four modes to a normal",
    "gaussian": "Gaussian to Gaussian (map known)",
    "convex": "Gradient of a random convex function (map known)",
    "seven-gaussians": "A normal to seven Gaussians",
    "digits": "Digits from noise",
}
ANY_DIMENSION = ("gaussian", "convex", "seven-gaussians")
METRICS = {
    "l2_uvp": ("L2-UVP (%)", "Squared error of the map over the target's variance; 0 is the true map."),
    "s_eps": ("Sε", "Sinkhorn divergence of the pushforward to the target."),
    "mmd": ("MMD²", "Squared energy-distance MMD of the pushforward to the target."),
}
