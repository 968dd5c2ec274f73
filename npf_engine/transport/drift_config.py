"""The settings of a constrained drift: seed 003's for its experiment, and ours for any two laws."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMES = ("explicit", "implicit", "implicit-summed", "euclidean", "adam", "gauss-newton")


@dataclass(frozen=True)
class DriftConfig:
    """Seed 003's own settings by default. For ``euclidean`` and ``adam`` only ``steps`` and ``rate`` count."""

    scheme: str = "explicit"
    tau: float = 0.4
    outer: int = 10
    inner: int = 100
    rate: float = 0.1
    steps: int = 1000
    atoms: int = 100
    average: float = 0.0  # share of the last inner steps whose parameters are averaged
    warm_up: int = 0  # gauss-newton: outer steps of the implicit scheme with Adam before it
    damping: float = 1e-3  # gauss-newton: start of the Levenberg-Marquardt damping
    guarded: bool = False
    from_identity: bool = True  # T_0 is the identity, not what the network is at the start

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ValueError(f"there is no scheme {self.scheme!r}; it is one of {', '.join(SCHEMES)}")

    @property
    def gradient_steps(self) -> int:
        """Of the whole run."""
        if self.scheme in ("euclidean", "adam"):
            return self.steps
        return self.outer * self.inner + self.warm_up * DriftConfig.inner


def published(scheme: str) -> DriftConfig:
    """The settings of seed 003 for a scheme; ours for ``gauss-newton``, which it lacks."""
    if scheme == "euclidean":
        return DriftConfig(scheme, rate=1e-3, steps=3000)
    if scheme == "adam":
        return DriftConfig(scheme, rate=1e-2, steps=1000)
    if scheme == "gauss-newton":
        # From random weights Gauss-Newton finds poor valleys; a few cheap implicit steps lead out of them.
        return DriftConfig(scheme, inner=6, atoms=1500, warm_up=4)
    return DriftConfig(scheme)


def own(scheme: str) -> DriftConfig:
    """Our settings for a scheme, with a guard: for any two laws."""
    if scheme == "euclidean":
        return DriftConfig(scheme, rate=0.2, steps=600, atoms=256, guarded=True)
    if scheme == "adam":
        return DriftConfig(scheme, rate=0.1, steps=800, atoms=512, guarded=True)
    if scheme == "gauss-newton":
        return DriftConfig(scheme, tau=4.0, outer=40, inner=4, atoms=1000, guarded=True)
    tau = {"explicit": 4.0, "implicit": 2.0, "implicit-summed": 0.02}[scheme]
    inner = 120 if scheme == "explicit" else 100
    return DriftConfig(scheme, tau=tau, outer=15, inner=inner, atoms=512, guarded=True)
