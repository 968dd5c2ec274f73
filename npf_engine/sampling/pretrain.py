"""A factorization of grad g over all of Omega for a landscape of few dimensions, before a chain starts.

The stages are those of polar/train.py. Then the sampler of I_psi is refined where jumps land: only a small share of
Omega has an M(x) near argmin u, and a bridge trained on uniform samples hardly sees it. More samples are drawn,
uniformly over the cells of Omega that hold all pre-images of that neighbourhood, so that the law of x given y is that
of rho.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.field import Field, Units, draw_rho, split_indices
from npf_engine.fields.function_field import axis_names
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.mlp import MLP
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.train import train
from npf_engine.sampling.chain import Oracle
from npf_engine.sampling.landscapes import Landscape
from npf_engine.settings.stages import (
    AmortizerConfig,
    ConjugateConfig,
    InverseConfig,
    MapConfig,
    PotentialConfig,
    StageSettings,
)
from npf_engine.tasks.recorder import Recorder
from npf_engine.tasks.restoring import trained_once
from npf_engine.transport.optimise import optimise
from npf_engine.transport.pairing import neighbours
from npf_engine.transport.schedule import At, Schedule, Stage, Steps

CELLS = 48  # along an axis, for the choice of where to draw more
REACH = 4.5  # standard deviations of exp(-c u) that the neighbourhood of argmin u reaches
LEAST_SPREAD = 1e-6  # of F, against its size, below which it is one value
WATCHED = 1024  # points of each cloud that the progress of u compares
SMALLEST, LARGEST = 0.1, 0.8  # bounds of its radius in model units


@dataclass(frozen=True)
class PretrainSettings:
    """What the stages train with, and the refinement's numbers (samples, steps of bridge and M_xi)."""

    seed: int = 0
    u: PotentialConfig = field(
        default_factory=lambda: PotentialConfig(
            hidden=(48, 48, 48), pair_size=1500, pairings=4, regression_steps=500, batch=768
        )
    )
    conjugate: ConjugateConfig = field(default_factory=ConjugateConfig)
    v: AmortizerConfig = field(default_factory=lambda: AmortizerConfig(hidden=(96, 96), steps=300))
    m: MapConfig = field(default_factory=lambda: MapConfig(hidden=(128, 128), steps=0))
    inverse: InverseConfig = field(
        default_factory=lambda: InverseConfig(hidden=(128, 128, 128), steps=0, sampler_steps=40)
    )
    samples: int = 16_000
    refined: int = 12_000
    bridge_steps: int = 2500
    map_steps: int = 1000
    batch: int = 512

    @property
    def stages(self) -> StageSettings:
        """Of the factorization before the refinement."""
        return StageSettings(self.u, self.conjugate, self.v, self.m, self.inverse, seed=self.seed, watched=WATCHED)


@dataclass
class Pretrained:
    """The model, the field it was trained on, and samples (model positions): x, f (n, d) of rho, and those of the
    refined neighbourhood."""

    model: PolarFactorization
    field: Field
    x: Tensor
    f: Tensor
    near_x: Tensor
    near_f: Tensor


def pretrain(
    landscape: Landscape, coefficient: float, oracle: Oracle, settings: PretrainSettings, recorder: Recorder
) -> Pretrained:
    """Train u, V, M_xi and X_psi on Omega. ``oracle`` is in model positions and counts what is drawn here. Raises
    InputError for a gradient that is the same everywhere."""
    field_ = _field(landscape, oracle, settings)
    if float(field_.y_train.std(0).max()) <= LEAST_SPREAD * float(field_.y_train.abs().max()):
        raise InputError(
            f"The gradient of {landscape.name} is the same all over the box, so there is nothing to jump between; "
            "take lmc, or another box."
        )
    model = train(field_, settings.stages, recorder).model
    assert model.v is not None and model.m is not None and model.bridge is not None
    x = torch.cat([field_.x_train, field_.x_test])
    f = torch.cat([field_.y_train, field_.y_test])
    m = model.solve(f).x
    near_x, near_f = _neighbourhood(model, x, m, coefficient, oracle, settings)
    near_m = model.solve(near_f).x
    recorder.note(f"refining I_psi on {len(near_x)} more samples")
    sets = ((x, m), (near_x, near_m)) if len(near_x) else ((x, m),)
    parts: dict[str, nn.Module] = {"m": model.m, "bridge": model.bridge}
    for module in parts.values():
        module.requires_grad_(True).train()
    bridge, m_xi = model.bridge, model.m
    trained_once(
        recorder,
        "refine.done",
        parts,
        lambda: _fit_bridge(bridge, sets, settings, recorder) + _fit_map(m_xi, sets, settings, recorder),
    )
    for module in parts.values():
        module.requires_grad_(False).eval()
    return Pretrained(model, field_, x, f, near_x, near_f)


def _field(landscape: Landscape, oracle: Oracle, settings: PretrainSettings) -> Field:
    """rho uniform on Omega and grad g with respect to model positions, as a Field of kind function."""
    d = landscape.d
    x = draw_rho("box", settings.samples, d, seeds.generator(settings.seed, "landscape.samples"))
    f = oracle.gradient(x.double()).float()
    good = torch.isfinite(f).all(dim=1)
    x, f = x[good], f[good]
    train_, test = split_indices(len(x), settings.seed)
    _, slope = landscape.in_model()
    return Field(
        landscape.name,
        "function",
        x[train_],
        f[train_],
        x[test],
        f[test],
        landscape.low,
        landscape.high,
        landscape.scaling,
        landscape.units or Units(axis_names(d), ("",) * d, ""),
        "box",
        slope,
    )


def _neighbourhood(
    model: PolarFactorization, x: Tensor, m: Tensor, coefficient: float, oracle: Oracle, settings: PretrainSettings
) -> tuple[Tensor, Tensor]:
    """Samples uniform over the cells in which M(x) comes near argmin u, and grad g there."""
    d = x.shape[1]
    bottom, radius = bottom_of(model, coefficient)
    if settings.refined <= 0 or d > 3:
        return x[:0], x[:0]
    near = (m - bottom).norm(dim=1) < radius
    cells = _cells(x[near])
    offsets = torch.cartesian_prod(*[torch.arange(-1, 2)] * d).reshape(-1, d)
    wide = (cells[:, None] + offsets).reshape(-1, d)
    wide = torch.unique(wide[((wide >= 0) & (wide < CELLS)).all(dim=1)], dim=0)
    if not len(wide):
        return x[:0], x[:0]
    generator = seeds.generator(settings.seed, "landscape.refined")
    pick = torch.randint(len(wide), (settings.refined,), generator=generator)
    place = (wide[pick] + torch.rand(settings.refined, d, generator=generator)) / CELLS * 2 - 1
    f = oracle.gradient(place.double()).float()
    good = torch.isfinite(f).all(dim=1)
    return place[good], f[good]


def _cells(x: Tensor) -> Tensor:
    return torch.unique(((x + 1) / 2 * CELLS).floor().long().clamp(0, CELLS - 1), dim=0)


def bottom_of(model: PolarFactorization, coefficient: float) -> tuple[Tensor, float]:
    """argmin u in Omega (d,), and how far exp(-c u) reaches from it, in model units."""
    zero = torch.zeros(1, model.d).to(model.u.like)
    bottom = model.solve(zero).x.clamp(-1.0, 1.0)
    smallest = float(torch.linalg.eigvalsh(model.u.hessian(bottom)[0])[0])
    radius = REACH / math.sqrt(max(coefficient * smallest, 1e-12))
    return bottom[0], min(LARGEST, max(SMALLEST, radius))


Sets = tuple[tuple[Tensor, Tensor], ...]


def _draw(sets: Sets, batch: int, generator: torch.Generator) -> list[Tensor]:
    """Indices into each set, an equal share of the batch from each."""
    return [torch.randint(len(x), (batch // len(sets),), generator=generator, device=generator.device) for x, _ in sets]


def _fit_bridge(bridge: Bridge, sets: Sets, settings: PretrainSettings, recorder: Recorder) -> float:
    """Bridge matching on all sets alike: the law of x given y does not depend on how often a y is drawn."""
    config = settings.inverse
    starts = [bridge.project(m) for _, m in sets]
    count = min(config.peers, *map(len, starts))  # the same of each set, of which one may be small
    peers = [neighbours(start, count) for start in starts]

    def loss(at: At, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        picks = _draw(sets, settings.batch, generator)
        x = torch.cat([part[pick] for (part, _), pick in zip(sets, picks, strict=True)])
        y = torch.cat([start[pick] for start, pick in zip(starts, picks, strict=True)])
        near = torch.cat([part[peer[pick]] for (part, _), peer, pick in zip(sets, peers, picks, strict=True)])
        t = 1 - (1 - torch.rand(len(x), 1, generator=generator, device=generator.device)) ** config.time_power
        return bridge.loss(x, y, t, torch.randn(x.shape, generator=generator, device=generator.device), near), {}

    schedule, stage = Schedule(config.lr, ema=min(config.ema, 0.995)), Stage("inverse", "refine.inverse", settings.seed)
    return optimise(loss, {"bridge": bridge}, schedule, Steps(settings.bridge_steps), recorder, stage).seconds


def _fit_map(m: MLP, sets: Sets, settings: PretrainSettings, recorder: Recorder) -> float:
    def loss(at: At, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        picks = _draw(sets, settings.batch, generator)
        x = torch.cat([part[pick] for (part, _), pick in zip(sets, picks, strict=True)])
        y = torch.cat([target[pick] for (_, target), pick in zip(sets, picks, strict=True)])
        return (m(x) - y).square().sum(1).mean(), {}

    schedule, stage = Schedule(settings.m.lr, ema=0.99), Stage("m", "refine.m", settings.seed)
    return optimise(loss, {"m": m}, schedule, Steps(settings.map_steps), recorder, stage).seconds
