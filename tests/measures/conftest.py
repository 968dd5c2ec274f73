"""A small model of a field known as a function, trained once for all tests of this folder."""

from __future__ import annotations

import pytest

from npf_engine.fields.catalog import resolve
from npf_engine.fields.field import Field
from npf_engine.polar import PolarFactorization
from npf_engine.polar.train import train
from npf_engine.studies.factorization.spec import TrainingSpec, preset, with_values

SMALL = {
    "u.pair_size": 300,
    "u.pairings": 1,
    "u.regression_steps": 150,
    "u.polish_steps": 10,
    "u.hidden": (16, 16),
    "v.steps": 100,
    "v.hidden": (32,),
    "m.steps": 150,
    "m.hidden": (32, 32),
    "inverse.steps": 150,
    "inverse.hidden": (32, 32),
    "inverse.batch": 128,
    "inverse.sampler_steps": 20,
    "threads": 1,
}


def small_spec(**field: object) -> TrainingSpec:
    """Seconds of training: enough for shapes, units and rough directions."""
    changes = SMALL | {f"field.{key}": value for key, value in field.items()}
    return with_values(preset("quick"), changes)


def small_model(**field: object) -> tuple[PolarFactorization, Field]:
    spec = small_spec(**field)
    built = resolve(spec.field)
    return train(built, spec.stages).model, built


@pytest.fixture(scope="session")
def swirl() -> tuple[PolarFactorization, Field]:
    return small_model(source="swirl", n_samples=4000)


@pytest.fixture(scope="session")
def terrain() -> tuple[PolarFactorization, Field]:
    return small_model(source="jacksboro", max_samples=4000)


@pytest.fixture(scope="session")
def five() -> tuple[PolarFactorization, Field]:
    return small_model(
        source="rastrigin", n_samples=4000, low=(-2.0, -1.0, -1.0, -1.0, -1.0), high=(2.0, 1.0, 1.0, 1.0, 1.0)
    )


@pytest.fixture(scope="session")
def line() -> tuple[PolarFactorization, Field]:
    return small_model(source="doubling", n_samples=4000)
