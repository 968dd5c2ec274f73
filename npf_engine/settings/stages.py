"""Settings of the training stages. The presets that fill them are in studies/factorization/spec.py."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.potentials import potential_names
from npf_engine.settings import limits
from npf_engine.settings.base import Settings
from npf_engine.settings.limits import MAX_OCTAVES, MAX_STEPS
from npf_engine.settings.setting import setting, widths

# Where the held-out dual decides how many steps u takes (transport/plateau.py): the rate of the polish may then be
# higher, for the best weights are kept.
PATIENCE, POLISH_RATE = 3, 3e-3
EARLY = 0.4  # of the most steps: what the fit of u usually takes where patience ends it
SMALL = (64, 64)  # reaches the dual of the papers' four layers in two thirds of the time, as long as the steps are few
MOST_RATE, MOST_BATCH = 100.0, 1_000_000
ACTIVATIONS = ("silu", "relu")


def rate(default: float, help: str = "First learning rate.", title: str = "learning rate") -> float:
    """A learning rate, from which a cosine decay begins."""
    return setting(default, help, title=title, most=MOST_RATE)


def rate_floor(default: float = 0.01) -> float:
    """The share of its first value to which a rate falls."""
    return setting(
        default, "The learning rate falls to this share of the first; 1 keeps it as it is.", least=0, most=1.0
    )


def batch_size(default: int, why: str = "") -> int:
    """How many samples one step sees."""
    return setting(default, "Samples in one step.", why=why, most=MOST_BATCH)


def octaves(default: int, help: str) -> int:
    """Octaves of Fourier features."""
    return setting(default, help, least=0, most=MAX_OCTAVES)


@dataclass(frozen=True)
class PotentialConfig(Settings):
    """u_theta (NPF eq. 5, 6) and how it is trained."""

    network: str = setting(
        "icnn",
        "`icnn` is the papers' network; `wide` is for high dimension and needs the method `dual`.",
        choices=potential_names,
    )
    hidden: tuple[int, ...] = widths((64, 64, 64, 64), why="the papers' four layers")
    pieces: int = setting(64, "Functions whose smooth maximum a wide network adds.", most=limits.MAX_PIECES)
    rank: int = setting(
        1,
        "Rank of the quadratic term in each layer; of a wide network, in each of its pieces.",
        most=limits.MAX_RANK,
    )
    activation: str = setting("elu", "Convex activation of the layers.", choices=("softplus", "elu"))
    start: str = setting(
        "gaussian",
        "Start from the Gaussian approximation of the field (a full-rank quadratic), or from the identity.",
        choices=("gaussian", "identity"),
    )
    method: str = setting(
        "pairing",
        "`pairing` regresses ∇u on exact assignments; `dual` minimises the dual objective.",
        choices=("pairing", "dual"),
    )
    pair_size: int = setting(
        1600, "Points in one exact assignment.", why="its time grows faster than the square", most=16_384
    )
    pairings: int = setting(8, "How many independent assignments the regression averages.", most=10_000)
    regression_steps: int = setting(
        900, "Steps of the regression on the pairs, at most; 0 leaves it out.", least=0, most=MAX_STEPS
    )
    regression_lr: float = rate(3e-2, "First learning rate of the regression.", "rate of the regression")
    polish_steps: int = setting(
        80, "Steps on the dual objective after the regression, at most (method `pairing`).", least=0, most=MAX_STEPS
    )
    patience: int = setting(
        0,
        "Looks at the held-out dual without a gain that end the regression, and then the steps on the dual "
        "(method `pairing`). 0: all steps are taken.",
        least=0,
        most=10_000,
    )
    polish_lr: float = rate(
        1e-3, "First learning rate of the steps on the dual after the regression.", "rate of the polish"
    )
    dual_steps: int = setting(1500, "Steps of the method `dual`.", least=0, most=MAX_STEPS)
    dual_lr: float = rate(1e-3, "First learning rate of the method `dual`.", "rate of the dual")
    lr_floor: float = rate_floor()
    beta1: float = setting(0.9, "Adam's decay of the first moment.", least=0, most=1.0)
    beta2: float = setting(0.999, "Adam's decay of the second moment.", least=0, most=1.0)
    ema: float = setting(
        0.0,
        "Decay of the weights' running average over the dual's steps; 0 takes the last weights. "
        "Where the patience ends them, the best average is taken.",
        title="average of the weights",
        least=0,
        most=1.0,
    )
    batch: int = batch_size(1024)


@dataclass(frozen=True)
class ConjugateConfig(Settings):
    """The solver of grad u* (CS in NPF)."""

    method: str = setting(
        "auto",
        "`auto`: Newton up to eight dimensions, L-BFGS above.",
        choices=("auto", "newton", "lbfgs", "adam"),
    )
    tolerance: float = setting(
        1e-3,
        "Largest component of the gradient at which a point counts as found, while training.",
        why="evaluation uses 1e-6",
        most=1.0,
    )
    max_iterations: int = setting(200, "After so many iterations a point is given up as not converged.", most=100_000)


@dataclass(frozen=True)
class AmortizerConfig(Settings):
    """V_phi, the first guess of grad u*."""

    hidden: tuple[int, ...] = widths((256, 256))
    activation: str = setting("silu", "Activation of the layers.", choices=ACTIVATIONS)
    steps: int = setting(500, "Steps of the regression of V.", most=MAX_STEPS)
    lr: float = rate(2e-3)
    lr_floor: float = rate_floor()
    batch: int = batch_size(1024)


@dataclass(frozen=True)
class MapConfig(Settings):
    """M_xi, the regression of M_theta."""

    hidden: tuple[int, ...] = widths((256, 256))
    activation: str = setting("silu", "Activation of the layers.", choices=ACTIVATIONS)
    fourier: int = octaves(5, "Octaves of Fourier features on x; more let M vary faster.")
    steps: int = setting(3200, "Steps of the regression of M.", most=MAX_STEPS)
    lr: float = rate(1.5e-2)
    batch: int = batch_size(512)


@dataclass(frozen=True)
class InverseConfig(Settings):
    """X_psi and the sampler of I_psi (NPF Algorithm 1)."""

    hidden: tuple[int, ...] = widths((192, 192))
    fourier: int = octaves(6, "Octaves of Fourier features on the point y and on its target x_t.")
    sigma: float = setting(1.0, "Noise of the Brownian bridge, in units of the scaled region.", most=1000.0)
    steps: int = setting(7500, "Steps of the bridge matching.", most=MAX_STEPS)
    lr: float = rate(2e-2)
    lr_floor: float = rate_floor()
    batch: int = batch_size(512)
    ema: float = setting(
        0.999,
        "Decay of the average of the weights that is used in the end; 0 for none.",
        title="average of the weights",
        least=0,
        most=1.0,
    )
    time_power: float = setting(
        3.0, "How densely times near the end of the bridge are trained: t = 1 - (1 - U)^power.", most=100.0
    )
    peers: int = setting(
        32, "Points of nearly the same M that share a target (d up to 6); 1 is the paper's own target.", most=1024
    )
    sampler: str = setting(
        "bridge",
        "`bridge`: exact steps of the bridge; `heun`: the reference integrator (torchsde).",
        choices=("bridge", "heun"),
    )
    sampler_steps: int = setting(20, "Steps of the sampler for one pre-image.", most=limits.MAX_SAMPLER_STEPS)
    grid_power: float = setting(
        1.5, "How dense the sampler's times are near the end: t = 1 - (1 - k / steps)^power.", most=100.0
    )
    guide_steps: int = setting(
        12,
        "Steps at the end of a path that bring it to where Mξ(x) is the point asked for (d up to 16); 0: none.",
        least=0,
        most=limits.MAX_GUIDE_STEPS,
    )
    redraws: int = setting(
        2,
        "Times that a path which Mξ still finds far from its point is drawn anew; 0: every path counts.",
        least=0,
        most=limits.MAX_REDRAWS,
    )


@dataclass(frozen=True)
class ValueInverseConfig(InverseConfig):
    """X_psi that sees grad u(y) too (networks/value_bridge.py), or does not, as the paper's."""

    values: bool = setting(True, "The bridge sees ∇u(y) beside y; the paper's sees y alone.")

    blocks: tuple[int, ...] = setting((), "Sizes of the groups of F's coordinates.", longest=limits.MAX_BLOCKS)
    guide_steps: int = 0
    redraws: int = 0


@dataclass(frozen=True)
class ReportConfig(Settings):
    """The accuracy table (NPF 5.1)."""

    draws: int = setting(
        8, "How many independent batches each figure is averaged over; 64 make it sharp.", flag="draws", most=10_000
    )
    n: int = setting(2048, "Points in one batch.", title="points", most=20_000)
    neighbourhoods: int = setting(64, "Neighbourhoods whose pre-images are compared, for the inverse.", most=10_000)
    neighbourhood_size: int = setting(128, "Points in one neighbourhood.", most=10_000)


@dataclass(frozen=True)
class StageSettings:
    """All that the stages of a factorization are trained with (polar/train.py).

    watched: points of each cloud whose divergence is shown while u is trained, as many as the accuracy table's.
    devices: over how many of them batches are divided where d is large (transport/distributed.py).
    """

    u: PotentialConfig = PotentialConfig()
    conjugate: ConjugateConfig = ConjugateConfig()
    v: AmortizerConfig = AmortizerConfig()
    m: MapConfig = MapConfig()
    inverse: InverseConfig = InverseConfig()
    solver: str = "fast"  # fast (ours) | published (the paper's algorithm unchanged)
    seed: int = 0
    device: str = "cpu"  # cpu | cuda | mps
    dtype: str = "float32"  # float32 | float64
    watched: int = ReportConfig.n
    devices: int = 1
