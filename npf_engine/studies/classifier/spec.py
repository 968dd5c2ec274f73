"""What an experiment on the classifier runs with: NPF sections 5.3, 5.4 and 5.5, in two sizes.

``paper`` has the sizes of Figures 18, 19 and 20 with our solvers and, in 5.3 and 5.4, our u, and needs a GPU; ``quick``
shows the same effects on one CPU core in minutes. ``solver=published`` has the figures' networks, rates and steps
themselves. ``stages`` are those that ``polar.train`` reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.errors import InputError
from npf_engine.fields.classifier_sizes import MINIBATCH, SIZES
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.base import Settings, Spec
from npf_engine.settings.limits import MAX_PARTICLES, MAX_STEPS
from npf_engine.settings.setting import NO_FLAG, device_setting, group, seed_setting, setting, threads_setting, widths
from npf_engine.settings.stages import (
    AmortizerConfig,
    ConjugateConfig,
    MapConfig,
    PotentialConfig,
    ReportConfig,
    StageSettings,
    ValueInverseConfig,
    batch_size,
    rate,
)
from npf_engine.studies.factorization.spec import check_potential

# On MNIST's gradients (the Gaussian map 225, the floor 111) this takes a minute to S_eps 117, in which the papers'
# network, at a rate that does not throw it far off, stays at 227.
WIDE = PotentialConfig(
    network="wide",
    hidden=(128, 64),
    rank=8,
    method="dual",
    dual_steps=280,
    dual_lr=2e-2,
    batch=512,
    beta2=0.99,
    ema=0.95,
)

EXPERIMENTS = ("5.3", "5.4", "5.5")
PRESETS = ("quick", "paper")
SMALLEST_SAMPLES = 1000  # 222 x 222 covariances, and 15 % of them to test with


@dataclass(frozen=True)
class ParticlesConfig(Settings):
    """Particles of 5.4 (gradient flow) and 5.5 (Langevin).

    start: from all of Omega (start 1) most reach no minimum: their ReLUs die (measured on the embedded digits: after
    1000 steps 31 % were above half; from 0.3, 60 % after 400). warmup_tau: warmup_tau * coefficient is the step of the
    descent (on MNIST a step of 1 kills most particles; after 1500 of 0.1, 97 % are above half). u_coefficient: a small
    one leaves y near the law of M: minibatch noise, which tau and c know nothing of, spreads the gradients that X_psi
    has seen. confined: far out the loss is so steep that a jump which lands there runs away.
    """

    count: int = setting(1024, "Particles, each a set of 222 weights.", title="particles", most=MAX_PARTICLES)
    start: float = setting(
        0.3, "They begin uniform on [-start, start]²²².", why="from farther out most reach no minimum"
    )
    confined: bool = setting(
        False,
        "Reflect the particles of 5.5 at the edge of Ω = [-1, 1]²²².",
        title="kept in Ω",
        why="the paper does not; the sizes quick and paper do, since jumps would run away",
    )
    warmup: int = setting(
        30_000,
        "Steps of the descent (5.4), or of plain Langevin before the two samplers part (5.5).",
        title="steps of the warm-up",
        most=MAX_STEPS,
    )
    warmup_tau: float = setting(1e-4, "Step size of the warm-up; times c it is the step of the descent.")
    steps: int = setting(
        30_000,
        "Steps of the samplers: the same number of gradients for each.",
        title="steps of the samplers",
        most=MAX_STEPS,
    )
    inner: int = setting(
        200,
        "N of Algorithm 2: Langevin steps between two jumps through u.",
        title="N, steps between jumps",
        most=MAX_STEPS,
    )
    tau: float = setting(1e-4, "Step size of the sampling. τ times c is the step of the descent.", title="step size τ")
    coefficient: float = setting(
        1000.0, "Inverse temperature c: the law is near exp(-c g).", title="coefficient c", most=1e12
    )
    first: int = setting(0, "The step from which on the networks learn from the particles.", least=0, most=MAX_STEPS)
    every: int = setting(10, "Steps between two looks whose samples the networks learn from.", most=MAX_STEPS)
    updates: int = setting(0, "Updates of the networks before the sampling begins.", least=0, most=MAX_STEPS)
    update_every: int = setting(1, "Looks between two updates of the networks.", most=MAX_STEPS)
    replay: int = setting(100_000, "Samples that are kept for the networks.", most=400_000)
    u_rate: float = rate(1e-4, "Learning rate of u while the sampler runs.", "rate of u")
    bridge_rate: float = rate(5e-4, "Learning rate of the bridge while the sampler runs.", "rate of the bridge")
    bridge_hidden: tuple[int, ...] = widths((512, 512), "Widths of the bridge's hidden layers.")
    sigma: float = setting(0.1, "Noise of the bridge.", most=1000.0)
    batch: int = batch_size(128)
    u_coefficient: float = setting(0.0, "Coefficient c of the steps on u; 0: the sampling's.", least=0)


@dataclass(frozen=True)
class ExperimentSpec(Spec):
    """One experiment. Raises InputError for what cannot be."""

    experiment: str = setting("5.3", "The section of the paper.", choices=EXPERIMENTS)
    preset: str = setting("quick", "`quick`: minutes on a CPU; `paper`: for a GPU.", title="size", choices=PRESETS)
    seed: int = seed_setting("Fixes every random draw; a GPU draws other numbers than a processor.")
    samples: int = setting(
        15_000,
        "Pairs (w, G(w)) of 5.3: weights drawn uniformly, each with its gradient; 15 % are kept for tests.",
        title="pairs (w, G(w))",
        most=400_000,
    )
    minibatch: int = setting(
        MINIBATCH,
        "A gradient is the mean over so many digits: fewer, more noise.",
        title="images of a minibatch",
        most=100_000,
    )
    share: int = setting(32, "Particles that see the same minibatch; 0: all of one step.", least=0, most=100_000)
    generated: int = setting(1000, "Weights drawn for the histograms.", most=MAX_PARTICLES)
    particles: ParticlesConfig = group(ParticlesConfig, "Particles", "Particles of 5.4 and 5.5.")
    u: PotentialConfig = group(PotentialConfig, "Potential u", "The convex network u.")
    conjugate: ConjugateConfig = group(ConjugateConfig, "Conjugate", "The solver of ∇u*.")
    v: AmortizerConfig = group(AmortizerConfig, "Amortizer V", "The first guess of ∇u*.")
    m: MapConfig = group(MapConfig, "Map M", "The network that learns M.")
    inverse: ValueInverseConfig = group(
        lambda: ValueInverseConfig(blocks=SIZES), "Inverse", "The bridge that draws pre-images."
    )
    report: ReportConfig = group(ReportConfig, "Accuracy", "How the accuracy is measured.")
    field: FieldSpec = group(lambda: FieldSpec(source="classifier"), flags=False)
    device: str = device_setting("cpu")
    threads: int = threads_setting(1)
    dtype: str = setting("float32", "Precision of the networks.", choices=("float32", "float64"))
    solver: str = setting(
        "fast",
        "`published`: u, V and the bridge of the paper's Figures 18 to 20, trained as there.",
        choices=("fast", "published"),
        flag=NO_FLAG,
    )

    def together(self) -> None:
        """InputError for too few samples, and for networks that do not go together."""
        ours = (self.u.network, self.u.method, self.u.start) == (WIDE.network, WIDE.method, WIDE.start)
        if not ours or self.solver == "published":  # what is known to go together is not asked for: that imports torch
            check_potential(self.u, self.solver)
        if self.samples < SMALLEST_SAMPLES:
            raise InputError(f"{self.samples} samples are too few for 222 dimensions; take {SMALLEST_SAMPLES} or more.")
        p = self.particles
        if p.confined and self.experiment != "5.5":
            raise InputError(f"particles.confined is for the samplers of 5.5; {self.experiment} has none")
        if self.experiment != "5.3" and p.count * ((p.warmup - p.first) // p.every) < SMALLEST_SAMPLES:
            raise InputError(
                f"{p.count} particles looked at every {p.every} of {p.warmup - p.first} steps give fewer than "
                f"{SMALLEST_SAMPLES} samples; take more particles or steps."
            )

    @property
    def stages(self) -> StageSettings:
        """What the stages of the factorization are trained with."""
        return StageSettings(
            self.u,
            self.conjugate,
            self.v,
            self.m,
            self.inverse,
            self.solver,
            self.seed,
            self.device,
            self.dtype,
            self.report.n,
        )
