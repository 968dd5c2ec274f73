"""Settings of the training stages. The presets that fill them are in studies/factorization/spec.py."""

from __future__ import annotations

from dataclasses import dataclass

# Where the held-out dual decides how many steps u takes (transport/plateau.py): the rate of the polish may then be
# higher, for the best weights are kept.
PATIENCE, POLISH_RATE = 3, 3e-3
EARLY = 0.4  # of the most steps: what the fit of u usually takes where patience ends it
SMALL = (64, 64)  # reaches the dual of the papers' four layers in two thirds of the time, as long as the steps are few


@dataclass(frozen=True)
class PotentialConfig:
    """u_theta (NPF eq. 5, 6) and how it is trained."""

    network: str = "icnn"  # icnn | wide (networks/framed.py, for high dimension; with method dual)
    hidden: tuple[int, ...] = (64, 64, 64, 64)
    pieces: int = 64  # functions in the log-sum-exp of a wide network
    rank: int = 1
    activation: str = "elu"  # elu | softplus
    start: str = "gaussian"  # gaussian | identity
    method: str = "pairing"  # pairing (exact assignment, regression, dual polish) | dual
    pair_size: int = 1600  # points in one exact assignment
    pairings: int = 8  # how many assignments are averaged by the regression
    regression_steps: int = 900  # at most, where patience ends it
    regression_lr: float = 3e-2
    polish_steps: int = 80  # dual steps after the regression (method pairing); at most, where patience ends them
    patience: int = 0  # looks at the held-out dual without a gain that end regression and polish; 0: all their steps
    polish_lr: float = 1e-3
    dual_steps: int = 1500  # method dual
    dual_lr: float = 1e-3
    lr_floor: float = 0.01  # cosine decay ends at this share of the first rate
    beta1: float = 0.9
    beta2: float = 0.999
    ema: float = 0.0  # of the weights over the dual's steps
    batch: int = 1024


@dataclass(frozen=True)
class ConjugateConfig:
    """The solver of grad u* (CS in NPF)."""

    method: str = "auto"  # auto (newton for d <= 8, else lbfgs) | newton | lbfgs | adam
    tolerance: float = 1e-3  # sup-norm of the gradient inside training loops; evaluation uses 1e-6
    max_iterations: int = 200


@dataclass(frozen=True)
class AmortizerConfig:
    """V_phi, the first guess of grad u*."""

    hidden: tuple[int, ...] = (256, 256)
    activation: str = "silu"  # silu | relu
    steps: int = 500
    lr: float = 2e-3
    batch: int = 1024


@dataclass(frozen=True)
class MapConfig:
    """M_xi, the regression of M_theta."""

    hidden: tuple[int, ...] = (256, 256)
    activation: str = "silu"
    fourier: int = 5  # octaves of Fourier features on x
    steps: int = 3200
    lr: float = 1.5e-2
    batch: int = 512


@dataclass(frozen=True)
class InverseConfig:
    """X_psi and the sampler of I_psi (NPF Algorithm 1)."""

    hidden: tuple[int, ...] = (192, 192)
    fourier: int = 6  # octaves of Fourier features on y and x_t
    sigma: float = 1.0
    steps: int = 7500
    lr: float = 2e-2
    batch: int = 512
    ema: float = 0.999
    time_power: float = 3.0  # t = 1 - (1 - U)^power: how densely times near 1 are trained
    peers: int = 32  # points of nearly equal M that share a target (d <= 6); 1: the paper's own target
    sampler: str = "bridge"  # bridge (exact step) | heun (torchsde)
    sampler_steps: int = 20
    grid_power: float = 1.5  # times of the sampler: t = 1 - (1 - k / steps)^power
    guide_steps: int = 12  # at the end of a path, towards M_xi(x) = y (polar/guidance.py); d <= 16
    redraws: int = 2  # times that a draw which the guidance did not bring to y is drawn anew


@dataclass(frozen=True)
class ValueInverseConfig(InverseConfig):
    """X_psi that sees grad u(y) too (networks/value_bridge.py). blocks: sizes of groups of F's coordinates."""

    blocks: tuple[int, ...] = ()
    guide_steps: int = 0
    redraws: int = 0


@dataclass(frozen=True)
class ReportConfig:
    """The accuracy table (NPF 5.1)."""

    draws: int = 8
    n: int = 2048
    neighbourhoods: int = 64
    neighbourhood_size: int = 128
