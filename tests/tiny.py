"""A model trained for two seconds: good for nothing but having every part of a real one."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

from npf_engine.fields import analytic
from npf_engine.fields.catalog import resolve
from npf_engine.fields.spec import FieldSpec
from npf_engine.measures.report import accuracy_report
from npf_engine.polar import PolarFactorization
from npf_engine.polar.train import train
from npf_engine.studies.factorization.bundling import write_bundle
from npf_engine.studies.factorization.spec import TrainingSpec, preset, with_values

SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "threads": 1,
    "u.hidden": (8, 8),
    "u.regression_steps": 20,
    "u.polish_steps": 4,
    "u.pairings": 1,
    "u.pair_size": 200,
    "v.hidden": (16,),
    "v.steps": 20,
    "m.hidden": (16,),
    "m.steps": 20,
    "inverse.hidden": (16,),
    "inverse.steps": 20,
    "inverse.sampler_steps": 10,
    "report.draws": 2,
    "report.n": 256,
    "report.neighbourhoods": 4,
    "report.neighbourhood_size": 32,
    "field.n_samples": 4000,
}


def tiny_spec(source: str = "himmelblau", **settings: Any) -> TrainingSpec:
    """A spec that trains in about two seconds."""
    return with_values(preset("quick"), {"name": source, "field.source": source, **SETTINGS, **settings})


@functools.cache
def tiny_run(source: str = "himmelblau") -> tuple[PolarFactorization, dict[str, Any], TrainingSpec]:
    """(model, report as ``train --json`` prints it but for the bundle, spec); trained once a test session."""
    spec = tiny_spec(source)
    field = resolve(spec.field)
    model = train(field, spec.stages).model
    report = accuracy_report(model, field, spec.report, spec.seed).to_json()
    report |= {"seconds": {"u": 1.0, "total": 2.0}, "device": "cpu", "threads": 1, "seed": spec.seed}
    return model, report, spec


def tiny_bundle(folder: Path, source: str = "himmelblau") -> Path:
    """A bundle of the tiny run in ``folder``."""
    model, report, spec = tiny_run(source)
    return write_bundle(model, report, spec, folder / f"npf-{source}.zip")


def default_spec(name: str, **changes: Any) -> FieldSpec:
    """The spec of an analytic field with the rho that suits it (a disc where the answer is known)."""
    return dataclasses.replace(FieldSpec(source=name, rho=analytic.INFO[name].rho), **changes)
