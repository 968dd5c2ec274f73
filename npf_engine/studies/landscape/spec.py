"""What a landscape run samples, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from npf_engine.errors import InputError
from npf_engine.sampling import sampler
from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import to_json, with_dotted
from npf_engine.settings.limits import MAX_STEPS
from npf_engine.settings.setting import PROCESSOR, device_setting, seed_setting, setting, threads_setting

if TYPE_CHECKING:
    from npf_engine.sampling.landscapes import Landscape

TARGET, OWN = "target", "own"  # laws: exp(-c g), and that of LMC-NPF uncorrected
PRESETS = {"quick": (256, 4000), "paper": (1024, 20_000)}
LEARNED, KNOWN = "learned", "known"  # where u, M and its inverse come from
AUTO = "empty: the landscape's own"


@dataclass(frozen=True)
class LandscapeSpec(Spec):
    """What to sample and how. None: the landscape's or the preset's default (``run.resolved`` fills them in).

    particles * steps is the budget of gradients, the same for every method. tau: step of Langevin (in the user's
    units; on terrain in half boxes).
    """

    name: str = setting(
        "himmelblau",
        "himmelblau, cosines, double-well, mueller-brown, rastrigin, mixture, mixture-10, folds, a terrain, a place, a "
        "raster file, or a potential such as 'x^4 - x^2 + y^2'.",
        path=True,
    )
    method: str = setting(
        "lmc-npf-corrected",
        "The sampler: lmc-npf-corrected has the law exp(-c g), lmc-npf (the paper's) one of its own.",
        title="sampler",
        choices=sampler.names,
    )
    particles: int | None = setting(
        None, "Chains that run together; empty: as the size says.", why="quick: 256", least=1, most=limits.MAX_PARTICLES
    )
    steps: int | None = setting(
        None,
        "Particles times steps is the number of gradients, the same for every sampler.",
        why="quick: 4000",
        least=1,
        most=MAX_STEPS,
    )
    start: tuple[float, ...] = setting((), f"Where all particles begin; {AUTO}.")
    tau: float | None = setting(
        None,
        f"Step size τ of Langevin: it only discretises; too large, and the chain runs away; {AUTO}.",
        title="step size τ",
        why="0.13 / (c * curvature)",
    )
    coefficient: float | None = setting(
        None, f"Inverse temperature c: the law is exp(-c g); {AUTO}.", title="coefficient c", most=1e12
    )
    inner: int | None = setting(
        None,
        "Langevin steps on g between two jumps through u.",
        title="N, steps between jumps",
        why=f"{sampler.INNER}; corrected 10",
        least=1,
        most=MAX_STEPS,
    )
    seed: int = seed_setting("Fixes every random draw.")
    preset: str = setting(
        "quick",
        "Particles and steps where those are left empty: quick (256 x 4000) or paper (1024 x 20000).",
        title="size",
        choices=tuple(PRESETS),
    )
    expression: str = setting("", "The potential g(x, y) as a formula.", longest=limits.MAX_FORMULA, lines=True)
    low: tuple[float, ...] = setting((), "Lower corner of another box than the landscape's own.")
    high: tuple[float, ...] = setting((), "Upper corner of another box than the landscape's own.")
    law: str = setting(
        TARGET,
        f"What the verdict is against: {TARGET}, exp(-c g), or {OWN}, that of lmc-npf or lmc-preconditioned itself.",
        choices=(TARGET, OWN),
    )
    factorization: str = setting(
        LEARNED,
        f"Where u, M and the way back of the jumps come from: {LEARNED}, or {KNOWN} in closed form (the landscape "
        "folds).",
        choices=(LEARNED, KNOWN),
    )
    start_at: str = setting(
        "v",
        "Where the solver of M(x) starts within a jump of lmc-npf: v, the network of the gradient, or m, that of x.",
        title="start of the solver",
        why="see docs/benchmarks.md",
        choices={"v": "V", "m": "M"},
    )
    density: str = setting(
        "mixture",
        "What a corrected jump comes back by, whose density must be known: a mixture density network, or a conditional "
        "normalizing flow over one.",
        choices=("mixture", "flow"),
    )
    device: str = device_setting("cpu", PROCESSOR)
    threads: int = threads_setting(1)

    @property
    def way(self) -> str:
        """The method, and whether its jumps are known in closed form: in the name of a run that has none."""
        known = self.factorization == KNOWN and sampler.get(self.method).jumps
        return f"{self.method}{', known' if known else ''}"

    def idle(self) -> tuple[str, ...]:
        """Sentences on settings of jumps that are without effect on this sampler."""
        told = []
        jumps = sampler.get(self.method).jumps
        if self.factorization == KNOWN and not jumps:
            told.append(f"factorization = {KNOWN} is without effect: {self.method} does not jump through u")
        if self.start_at != "v" and (self.method != "lmc-npf" or self.factorization == KNOWN):
            told.append(f"start_at = {self.start_at} is without effect: only lmc-npf with networks solves for M(x)")
        if self.density != "mixture" and (self.method != "lmc-npf-corrected" or self.factorization == KNOWN):
            told.append(
                f"density = {self.density} is without effect: only lmc-npf-corrected with networks comes back by it"
            )
        return tuple(told)

    def together(self) -> None:
        """InputError for a law that the method has not, and for more gradients than can be."""
        if self.law == OWN and not sampler.get(self.method).own_law:
            own = " and ".join(name for name, item in sampler.known().items() if item.own_law)
            raise InputError(
                f"only {own} have a law of their own; {self.method} is judged by exp(-c g): law = {TARGET}"
            )
        if self.particles and self.steps and self.particles * self.steps > limits.MAX_GRADIENTS:
            raise InputError(
                f"{self.particles:,} particles times {self.steps:,} steps are more than {limits.MAX_GRADIENTS:,} "
                "gradients; lower one"
            )

    def to_json(self) -> dict[str, object]:
        """As plain numbers, strings and lists."""
        return to_json(self)

    @staticmethod
    def from_json(data: Mapping[str, object]) -> LandscapeSpec:
        """The spec that ``to_json`` wrote. Raises InputError for unknown keys."""
        return with_dotted(LandscapeSpec(), data)

    def landscape(self) -> Landscape:
        """The potential. Raises InputError."""
        from npf_engine.sampling import landscapes

        texts = (self.expression,) if self.expression else ()
        found = landscapes.find(self.name, texts, self.low, self.high)
        most = sampler.get(self.method).most_d if found.mixture is not None else sampler.MAX_D
        if found.d > most:
            raise InputError(f"{self.name} has {found.d} dimensions; {self.method} takes up to {most} here")
        return found
