"""Names for people: methods by their family, tasks, and what each is."""

from __future__ import annotations

# method -> (family, what it is called, what it does)
METHODS: dict[str, tuple[str, str, str]] = {
    "explicit": ("Drifting", "Explicit", "regression on a step of the gradient flow"),
    "implicit": ("Drifting", "Implicit", "the step's end decides the step"),
    "implicit-summed": ("Drifting", "Implicit, summed", "the implicit scheme with the sum in place of the mean"),
    "euclidean": ("Drifting", "Descent", "plain gradient descent on the functional"),
    "adam": ("Drifting", "Adam", "Adam on the functional"),
    "gauss-newton": ("Drifting", "Gauss-Newton", "the explicit step solved properly, in natural gradients"),
    "cmgn": ("Monotone networks", "C-MGN", "a cascaded monotone gradient network"),
    "mmgn": ("Monotone networks", "M-MGN", "a modular monotone gradient network"),
    "icnn": ("Convex potentials", "ICNN", "our input-convex network, by the dual"),
    "icnn-linear": ("Convex potentials", "ICNN, linear", "the ICNN with linear skips"),
    "icnn-fquad": ("Convex potentials", "ICNN, quadratic", "the ICNN with quadratic first layers"),
    "lse": ("Convex potentials", "Log-sum-exp", "a soft maximum of planes"),
    "entropic": ("References", "Entropic", "the barycentric map of entropic transport"),
    "exact": ("References", "Exact", "exact discrete transport, each point to the nearest cell"),
    "gaussian": ("References", "Gaussian", "the closed form from means and covariances"),
    "fit": ("References", "Full fit", "the potential as the app trains it for a field"),
}
FAMILIES = tuple(dict.fromkeys(family for family, _, _ in METHODS.values()))
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


def method(name: str) -> str:
    """What a method is called."""
    return METHODS[name][1] if name in METHODS else name
