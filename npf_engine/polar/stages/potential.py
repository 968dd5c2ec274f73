"""Stage u: the potential u_theta (NPF eq. 5 and 6), whose gradient carries rho to the law of F.

Ours begins at the Gaussian map, is fitted to exact assignments between small subsamples, and then descends the dual of
NPF section 3. The published algorithm descends the dual from the start, and trains V_phi beside u.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.networks.mlp import MLP
from npf_engine.networks.potential import Potential
from npf_engine.polar.stages.amortizer import untrained
from npf_engine.polar.stages.conjugates import judging
from npf_engine.polar.stages.job import Job, Network
from npf_engine.polar.watching import Watch
from npf_engine.potentials import potential_class
from npf_engine.settings import reading
from npf_engine.settings.stages import AmortizerConfig, ConjugateConfig, PotentialConfig, ReportConfig
from npf_engine.tasks.recorder import State
from npf_engine.tasks.restoring import check
from npf_engine.transport.dual import (
    DUAL,
    REGRESSION,
    DualPlan,
    PublishedPlan,
    collect_pairs,
    fit_dual,
    fit_published,
    fit_to_pairs,
)
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.pairing import LOOKUP_MAX_D, Stratifier, source_of_nearest
from npf_engine.transport.validation import HeldOut

HELD_OUT, HELD_OUT_SHARE = 4096, 0.1  # training samples on which the end of u is decided; at most that share of them

Look = Callable[[int], dict[str, float]]


@dataclass(frozen=True)
class TrainedPotential:
    """u_theta, the Gaussian map x -> S x + m of rho and F's law, and V_phi where the published algorithm trained it."""

    u: Network[Potential]
    S: Tensor
    m: Tensor
    v: Network[MLP] | None = None

    @property
    def seconds(self) -> float:
        """Of work."""
        return self.u.seconds


def train_potential(
    job: Job,
    config: PotentialConfig,
    solver: ConjugateConfig,
    *,
    published: AmortizerConfig | None = None,
    watched: int = ReportConfig.n,
) -> TrainedPotential:
    """Train u_theta. ``published``: by the paper's algorithm unchanged, which trains this V_phi beside it.

    watched: points of each cloud whose divergence the progress shows. Raises TrainingDiverged where going back with
    smaller rates did not help.
    """
    begin = job.recorder.clock()
    S, m = gaussian_map(job.field.x_train, job.field.y_train)  # in float64, which MPS does not have: on the CPU
    u = first_potential(job, config, S, m, published=published is not None)
    v = None if published is None else untrained(job, published)

    def train() -> float:
        watch = Watch(u.module, job.field, job.recorder, job.seed, watched)
        prepared = job.recorder.clock() - begin
        if v is not None and published is not None:
            plan = PublishedPlan(config, solver, published.lr, published.lr_floor)
            seconds = fit_published(u.module, v.module, job.x, job.y, plan, job.seed, job.recorder, watch=watch.loss)
        elif config.method == "dual":
            seconds = _dual(job, config, solver, u.module, watch.loss)
        else:
            seconds = _pairs_and_dual(job, config, solver, u.module, watch.loss)
        regression = v is None and config.method != "dual" and not config.polish_steps
        job.recorder.progress(REGRESSION if regression else DUAL, 1, 1, **watch.look())
        return prepared + seconds

    modules: dict[str, nn.Module] = {"u": u.module} | ({} if v is None else {"v": v.module})
    return TrainedPotential(replace(u, seconds=job.once("u", modules, train)), S, m, v)


def first_potential(job: Job, config: PotentialConfig, S: Tensor, m: Tensor, *, published: bool) -> Network[Potential]:
    """u before its first step: near the Gaussian map x -> S x + m, or near the identity."""
    kind = potential_class(config.network)
    u = kind.from_settings(job.field.d, config, seeds.child(job.seed, "u"), published=published)
    u = u.to(job.x.device, job.x.dtype)
    scale = float((job.y - job.y.mean(0)).square().sum(1).mean().sqrt())
    if config.start == "gaussian":
        u.start_at_gaussian(S, m, job.x, scale)
    else:
        u.start_at_identity(job.x, scale)
    return Network(u, u.to_config())


def _dual(job: Job, config: PotentialConfig, solver: ConjugateConfig, u: Potential, look: Look) -> float:
    """Descend the dual from where u is, on all samples. Returns seconds."""
    plan = replace(DualPlan.of(config, solver), devices=job.devices)
    return fit_dual(u, job.x, job.y, plan, job.seed, job.recorder, watch=look)


def _pairs_and_dual(job: Job, config: PotentialConfig, solver: ConjugateConfig, u: Potential, look: Look) -> float:
    """Regress grad u on exact assignments, then descend the dual, each until the dual on samples that were kept apart
    is flat. Returns seconds."""
    clock = job.recorder.clock
    fitted, apart = split(job, config)
    pairs = _pairs(job, config, fitted)
    begin = clock()
    source, target = pairs.source.to(job.x), pairs.target.to(job.y)
    near = job.field.d <= LOOKUP_MAX_D
    held_out = None
    if len(apart):
        x_check, y_check = job.x[apart], job.y[apart]
        first = source_of_nearest(source, target, y_check) if near else None
        held_out = HeldOut(u, x_check, y_check, first, judging(solver))
    seconds = pairs.seconds + clock() - begin
    seconds += fit_to_pairs(u, (source, target), config, job.seed, job.recorder, watch=look, held_out=held_out)
    if not config.polish_steps:
        return seconds
    begin = clock()
    x, y = job.x[fitted], job.y[fitted]
    start = source_of_nearest(source, target, y) if near else None
    seconds += clock() - begin
    plan = replace(DualPlan.polish(config, solver, start), devices=job.devices)
    return seconds + fit_dual(u, x, y, plan, job.seed, job.recorder, watch=look, held_out=held_out)


def split(job: Job, config: PotentialConfig) -> tuple[Tensor, Tensor]:
    """Indices of the training samples that u is fitted to, and of those kept apart to see when it is done: none where
    all steps are taken. Those kept apart are stratified, or their own chance would outweigh the last gains."""
    n = len(job.field.x_train)
    count = min(HELD_OUT, int(HELD_OUT_SHARE * n)) if config.patience else 0
    if not count:
        return torch.arange(n), torch.arange(0)
    apart = Stratifier(job.field.x_train, count).draw(seeds.generator(job.seed, "u.split"))
    fitted = torch.ones(n, dtype=torch.bool)
    fitted[apart] = False
    return fitted.nonzero()[:, 0], apart


@dataclass(frozen=True)
class _Pairs:
    """Exact assignments, joined: source and target (k, d), in seconds."""

    source: Tensor
    target: Tensor
    seconds: float


def _pairs(job: Job, config: PotentialConfig, fitted: Tensor) -> _Pairs:
    """Assignments between subsamples of the ``fitted`` samples."""
    x, y = job.field.x_train[fitted], job.field.y_train[fitted]

    def make() -> _Pairs:
        begin = job.recorder.clock()
        source, target = collect_pairs(x, y, config.pair_size, config.pairings, job.seed, job.recorder)
        return _Pairs(source, target, job.recorder.clock() - begin)

    def put(state: State) -> _Pairs:
        like = x.new_empty(len(reading.of(state, "source", Tensor)), x.shape[1])
        source, target = (check(name, state[name], like) for name in ("source", "target"))
        return _Pairs(source, target, float(reading.number(state, "seconds")))

    return job.recorder.kept("u.pairs", make, put=put, state=lambda pairs: dict(vars(pairs)))
