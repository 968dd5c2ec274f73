"""What a constrained drift is told: the settings of its methods, and what of them a run may choose."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.settings.base import Settings
from npf_engine.settings.setting import setting

CALIBRATED, SELF_ENTROPIC = "calibrated", "self-entropic"
KL, MMD, SINKHORN = FUNCTIONALS = ("kl", "mmd", "sinkhorn")
DENSITY, SAMPLES = TARGETS = ("density", "samples")
ICNN, QUADRATIC, LSE = NETWORKS = ("icnn", "quadratic", "lse")
GAUSSIAN, RANDOM = STARTS = ("gaussian", "random")


@dataclass(frozen=True)
class DriftSettings:
    """scheme: of ``drifting.SCHEMES``. functional: kl, mmd (energy distance) or sinkhorn; by default kl where the
    target's density is known, else mmd. target: density or samples, by default what is known and the functional can
    use. network: icnn (the paper's), quadratic (the same with a quadratic term beside its layers) or lse (log-sum-exp).
    score: how the score of a sample is estimated. start: gaussian (the closed-form map) or random, from the identity
    on. guarded: steps that raise the functional are taken back and rates fall; without it, all as the paper has it.
    The others are those of ``drifting.DriftConfig``, the scheme's own where they are None.
    """

    scheme: str
    functional: str | None = None
    target: str | None = None
    network: str = QUADRATIC
    score: str = CALIBRATED
    start: str = GAUSSIAN
    guarded: bool = True
    tau: float | None = None
    outer: int | None = None
    inner: int | None = None
    rate: float | None = None
    steps: int | None = None
    atoms: int | None = None


@dataclass(frozen=True)
class DriftChoice(Settings):
    """What may be chosen of ``DriftSettings``; what is left empty is each scheme's own."""

    functional: str | None = setting(
        None,
        "The divergence whose flow the map follows.",
        why="KL where the target's density is known, else the energy distance",
        choices={KL: "KL divergence", MMD: "energy distance", SINKHORN: "Sinkhorn"},
    )
    target: str | None = setting(
        None,
        "How the target is known; a density serves Kullback-Leibler alone.",
        title="target known by",
        why="its density where that is known and serves",
        choices={DENSITY: "its density", SAMPLES: "samples"},
    )
    network: str | None = setting(
        None,
        "The convex potential.",
        why="an ICNN with a quadratic term; in the paper's own experiment its ICNN",
        choices={ICNN: "ICNN, as published", QUADRATIC: "ICNN with a quadratic term", LSE: "log-sum-exp"},
    )
    start: str | None = setting(
        None,
        "Where the flow begins.",
        why="the closed-form Gaussian map; in the paper's own experiment random weights",
        choices={GAUSSIAN: "the Gaussian map", RANDOM: "random weights"},
    )
    tau: float | None = setting(None, "Length of an outer step.", why="the scheme's own", most=1e4)
    outer: int | None = setting(None, "Outer steps.", title="outer steps", why="the scheme's own", most=100_000)
    inner: int | None = setting(
        None, "Gradient steps in an outer one.", title="inner steps", why="the scheme's own", most=100_000
    )
    rate: float | None = setting(None, "Learning rate of the gradient steps.", why="the scheme's own", most=10)
    steps: int | None = setting(
        None, "Gradient steps of Descent and Adam, which have no outer ones.", why="the scheme's own", most=10_000_000
    )
    atoms: int | None = setting(None, "Samples of a step.", why="the scheme's own", least=4, most=8192)
