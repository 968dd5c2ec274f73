"""A landscape job, from spec to result: sample exp(-c g) by any sampler at an equal count of gradients of g.

    spec -> Landscape -> (pretrained networks) -> chain -> occupancy of each basin against the exact weights

Chains run in model positions, [-1, 1]^d; results are in the user's. See sampling/samplers/.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.field import Field
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.sampling import outcome
from npf_engine.sampling.chain import Oracle
from npf_engine.sampling.exact import Truth
from npf_engine.sampling.known import KnownFactorization
from npf_engine.sampling.landscapes import Landscape
from npf_engine.sampling.langevin import LangevinSettings, lipschitz, step_size_warning
from npf_engine.sampling.pretrain import PretrainSettings
from npf_engine.sampling.sampler import get as sampler
from npf_engine.sampling.setting import Chains, Setting
from npf_engine.settings import reading
from npf_engine.studies.landscape.bundling import write_networks
from npf_engine.studies.landscape.judging import judge
from npf_engine.studies.landscape.result import Expected, LandscapeResult, Mode, Near
from npf_engine.studies.landscape.spec import KNOWN, LEARNED, PRESETS, LandscapeSpec
from npf_engine.tasks.files import write_atomic, write_json, writing
from npf_engine.tasks.recorder import Recorder

STEP_SHARE = 0.13  # tau c L of the default step
Keep = Callable[[PolarFactorization, Field, PretrainSettings], None]


def resolved(spec: LandscapeSpec, landscape: Landscape, truth: Truth | None) -> LandscapeSpec:
    """The spec with every default filled in. Raises InputError for a start outside Omega or of another dimension."""
    particles, steps = PRESETS[spec.preset]
    coefficient = spec.coefficient or landscape.coefficient
    start = spec.start or landscape.start or landscape.scaling.offset
    if len(start) != landscape.d:
        raise InputError(f"start has {len(start)} numbers, but {landscape.name} has {landscape.d} dimensions")
    place = torch.tensor([start], dtype=torch.float64)
    if not bool(landscape.region().inside(place)[0]):
        raise InputError(f"start {_point(start)} is outside Omega, {_point(landscape.low)} to {_point(landscape.high)}")
    if not bool(torch.isfinite(landscape.potential(place))[0]):
        raise InputError(f"the potential is not a finite number at the start {_point(start)}; start elsewhere")
    if not bool(torch.isfinite(landscape.gradient(place)).all()):
        raise InputError(f"the potential has no gradient at the start {_point(start)}; start elsewhere")
    tau = spec.tau
    if tau is None:
        tau = float(f"{STEP_SHARE / (coefficient * largest_curvature(landscape, truth, place)):.3g}")
    inner = spec.inner or sampler(spec.method).inner
    return replace(
        spec,
        inner=inner,
        particles=spec.particles or particles,
        steps=spec.steps or steps,
        start=tuple(start),
        coefficient=coefficient,
        tau=tau,
    )


def largest_curvature(landscape: Landscape, truth: Truth | None, start: Tensor) -> float:
    """The largest Hessian eigenvalue at the minima and the start, in the units of tau."""
    points = [start]
    if truth is not None:
        points += [torch.tensor([p.location], dtype=torch.float64) for p in truth.critical if p.kind == "minimum"]
    elif landscape.mixture is not None:
        points.append(torch.tensor(landscape.mixture.means, dtype=torch.float64))
    unit = torch.tensor(landscape.unit or (1.0,) * landscape.d, dtype=torch.float64)
    found = lipschitz(lambda z: landscape.gradient(z * unit) * unit, torch.cat(points) / unit)
    return max(found, 1e-12)


def run(
    spec: LandscapeSpec, recorder: Recorder, folder: Path | None, networks: PretrainSettings | None = None
) -> LandscapeResult:
    """``run_landscape`` with a verdict and, for a method with networks, a bundle in its folder.

    networks: other sizes of them. Raises InputError.
    """
    bundle: Path | None = None

    def keep(model: PolarFactorization, field: Field, settings: PretrainSettings) -> None:
        nonlocal bundle
        if folder is not None:
            bundle = write_networks(model, field, settings, spec, recorder, folder)

    result = run_landscape(spec, recorder, folder, networks, keep)
    return replace(result, verdict=judge(result), bundle=bundle)


def run_landscape(
    spec: LandscapeSpec,
    recorder: Recorder | None = None,
    folder: Path | None = None,
    networks: PretrainSettings | None = None,
    keep: Keep | None = None,
) -> LandscapeResult:
    """Run the job; not judged yet. Files go to ``folder`` where there is one.

    networks: other sizes of the networks and of their training; keep: called with the networks as the chain left them.

    Progress, live pictures (snapshot ``landscape``: x, jumped) and checkpoints go through the recorder. Raises
    InputError for bad input and for a chain that diverges (what it had is then in the folder).
    """
    recorder = recorder or Recorder()
    began = recorder.clock()
    landscape = spec.landscape()
    coefficient = spec.coefficient or landscape.coefficient
    truth = Truth(landscape, coefficient) if landscape.d == 2 else None
    spec = resolved(spec, landscape, truth)
    assert spec.tau is not None and spec.particles is not None and spec.steps is not None and spec.inner is not None
    for text in (*landscape.warnings, *spec.idle()):
        recorder.note(text)
    place = torch.tensor([spec.start], dtype=torch.float64)
    settings = LangevinSettings(spec.tau, coefficient, spec.inner, True, landscape.metric)
    warning = step_size_warning(settings, largest_curvature(landscape, truth, place))
    if warning:
        recorder.note(warning)
    value, slope = landscape.in_model()
    x = landscape.scaling.to_model(place).repeat(spec.particles, 1)
    setting = Setting(
        landscape,
        Oracle(slope, value),
        settings,
        x,
        spec.steps * spec.particles,
        spec.seed,
        recorder,
        truth or landscape.mixture,
        networks or PretrainSettings(),
        _known(spec, landscape),
        spec.start_at,
        spec.density,
    )
    chains = Chains()
    try:
        sampler(spec.method).run(setting, chains)
    except InputError:
        if folder is not None and chains.traces:
            write_files(folder, spec, landscape, chains, None)
        raise
    result = _result(spec, landscape, truth, setting, chains)
    result = replace(result, seconds=recorder.clock() - began, out=folder)
    if folder is not None:
        write_files(folder, spec, landscape, chains, result)
    if keep is not None and chains.networks is not None:
        keep(*chains.networks)
    return result


def _known(spec: LandscapeSpec, landscape: Landscape) -> KnownFactorization | None:
    """The factorization that is not to be learned. Raises InputError where one is asked for that is not known."""
    if spec.factorization != KNOWN and not sampler(spec.method).known_only:
        return None
    if landscape.known is None:
        raise InputError(
            f"no factorization of {landscape.name} is known in closed form; sample the landscape folds"
            + (f", or set factorization to {LEARNED}" if spec.factorization == KNOWN else "")
        )
    return landscape.known


def _result(
    spec: LandscapeSpec, landscape: Landscape, truth: Truth | None, setting: Setting, chains: Chains
) -> LandscapeResult:
    """All but seconds and out."""
    assert spec.tau is not None
    draws = landscape.scaling.to_user(chains.draws())
    told = outcome.UNKNOWN
    if truth is not None:
        own = sampler(spec.method).own_law
        settings = replace(setting.settings, metric=())  # in the user's positions
        told = outcome.compare(truth, draws, truth.own_draws(settings, chains.lifted) if own else None, spec.seed)
    elif landscape.mixture is not None and setting.settings.coefficient == 1.0:
        box = landscape.region() if spec.low or spec.high else None
        told = outcome.compare_parts(landscape.mixture, draws, spec.seed, box)
    expected = reading.maybe_mapping(told, "truth")
    return LandscapeResult(
        method=spec.method,
        law=spec.law,
        coefficient=setting.settings.coefficient,
        tau=spec.tau,
        gradient_evaluations=setting.oracle.evaluations,
        modes=tuple(map(Mode.of_json, reading.mappings(told, "modes"))),
        near=Near.of_json(told),
        energy_distance=reading.maybe_number(told, "energy_distance"),
        truth=Expected.of_json(expected) if expected else None,
        accuracy=None,
        acceptance=chains.acceptance,
        seconds=0.0,
        mixing=chains.mixing(),
        fingerprint=None if chains.networks is None else chains.networks[0].fingerprint(),
    )


def write_files(
    folder: Path, spec: LandscapeSpec, landscape: Landscape, chains: Chains, result: LandscapeResult | None
) -> None:
    """particles.npz (x, and the trace: steps, paths, jumped, shares), particles.csv (last particles), the result."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    scaling = landscape.scaling
    last = scaling.to_user(chains.last()).numpy()
    steps, paths, jumped = chains.paths()
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        x=last,
        draws=scaling.to_user(chains.draws()).numpy(),
        steps=steps,
        paths=scaling.to_user(torch.from_numpy(paths)).numpy(),
        jumped=jumped,
        shares=chains.shares(),
    )
    write_atomic(folder / "particles.npz", buffer.getvalue())
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(landscape.units.axes if landscape.units else [f"x{k + 1}" for k in range(landscape.d)])
    writer.writerows(last.tolist())
    write_atomic(folder / "particles.csv", text.getvalue().encode())
    write_json(
        folder / "landscape.json", {"spec": spec.to_json(), "result": None if result is None else result.to_json()}
    )


def _point(x: Iterable[float]) -> str:
    return "(" + ", ".join(f"{float(value):.6g}" for value in x) + ")"
