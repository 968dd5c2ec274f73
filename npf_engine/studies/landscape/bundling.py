"""The networks of a landscape run, left as a bundle like any other."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import torch

from npf_engine.fields.field import Field
from npf_engine.fields.spec import FieldSpec
from npf_engine.measures.report import accuracy_report
from npf_engine.numbers import typed
from npf_engine.polar import PolarFactorization
from npf_engine.sampling.pretrain import PretrainSettings
from npf_engine.settings import reading
from npf_engine.settings.stages import ReportConfig
from npf_engine.studies.factorization.bundling import write_bundle
from npf_engine.studies.factorization.spec import preset
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.tasks import layout
from npf_engine.tasks.recorder import Recorder

REPORT = ReportConfig(draws=4, n=1024, neighbourhoods=32)
NOTE = "F is the gradient of the potential with respect to positions in [-1, 1]^d, as the sampler sees it."


def write_networks(
    model: PolarFactorization,
    field: Field,
    settings: PretrainSettings,
    spec: LandscapeSpec,
    recorder: Recorder,
    folder: Path,
) -> Path:
    """Write the networks as the chain left them, with an accuracy table of their own; the path of the bundle."""

    def progress(done: float, total: float, text: str) -> None:
        recorder.check()
        recorder.progress("report", int(done), int(total))

    m_train, m_test = (model.solve(y.to(model.u.like)).x for y in (field.y_train, field.y_test))
    count = len(model.samples["m_train"]), len(model.samples["m_test"])
    samples = model.samples | {"m_train": m_train[: count[0]].float(), "m_test": m_test[: count[1]].float()}
    # F cannot be built again from its spec, which tells another unit of it; its samples are in the bundle.
    info = model.info | {"kind": "samples", "warnings": [*reading.texts(model.info, "warnings"), NOTE]}
    model = dataclasses.replace(model, samples=samples, info=info, function=None)
    report = accuracy_report(model, field, REPORT, spec.seed, progress, (m_train, m_test)).to_json()
    report |= {
        "seconds": model.seconds,
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "seed": spec.seed,
    }
    training = dataclasses.replace(
        preset("custom"),
        name=f"{spec.name} {spec.method}",
        seed=spec.seed,
        device="cpu",
        u=settings.u,
        v=settings.v,
        conjugate=settings.conjugate,
        m=dataclasses.replace(settings.m, steps=settings.map_steps),
        inverse=dataclasses.replace(settings.inverse, steps=settings.bridge_steps),
        report=REPORT,
        field=FieldSpec(source=spec.name, n_samples=field.n, low=field.low, high=field.high),
    )
    path = folder / layout.bundle_name(training.name)
    return write_bundle(model, report, training, path, command=sampling_command(spec))


def sampling_command(spec: LandscapeSpec) -> str:
    """The command line that samples ``spec`` again."""
    parts = [
        "python",
        "-m",
        "npf_engine",
        "landscape",
        spec.expression or Path(spec.name).name,
        "--method",
        spec.method,
    ]
    default = LandscapeSpec()
    for name in (
        "preset",
        "seed",
        "particles",
        "steps",
        "tau",
        "coefficient",
        "inner",
        "factorization",
        "start_at",
        "density",
        "law",
    ):
        value = getattr(spec, name)
        if value is not None and value != getattr(default, name):
            parts += [f"--{name.replace('_', '-')}", str(value)]
    for name in ("start", "low", "high"):
        if getattr(spec, name):
            parts += [f"--{name}", *map(typed, getattr(spec, name))]
    return shlex.join(parts)
