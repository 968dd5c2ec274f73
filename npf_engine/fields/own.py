"""Fields from a program: its own samples, or its own function. Neither can be built again from a name.

A bundle that names a function would have to import it, and whoever wrote the bundle would choose what is run. So F
travels as samples alone, and says so; the library takes the function again where it is given (library/model.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.field import Field
from npf_engine.fields.function_field import Formula, Progress, function_field, make_domain
from npf_engine.fields.readers.columns import Column, Layout
from npf_engine.fields.readers.table import Table
from npf_engine.fields.readers.tables import samples_of
from npf_engine.fields.samples import samples_field
from npf_engine.fields.spec import FieldSpec

OWN_SAMPLES, OWN_FUNCTION = "own-samples", "own-function"  # as a field's source
NAMES = (OWN_SAMPLES, OWN_FUNCTION)
TRAVELS = (
    "F is a Python function, which no file holds: a saved model knows it on samples only, until the function is given "
    "again with npf.load(path, function=...)."
)


def from_samples(name: str, x: np.ndarray, y: np.ndarray, spec: FieldSpec) -> Field:
    """The Field of F(x_i) = y_i, both (n, d) float64; rho is the law of the x_i. Raises InputError for its defects."""
    d = x.shape[1]
    positions = tuple(Column(k, f"x[:, {k}]", f"x{k + 1}", "") for k in range(d))
    values = tuple(Column(d + k, f"y[:, {k}]", f"F{k + 1}", "") for k in range(d))
    columns = {column.role: x[:, k] for k, column in enumerate(positions)}
    columns |= {column.role: y[:, k] for k, column in enumerate(values)}
    table = Table("x and y", Layout("samples", positions, values, ()), columns)
    field = samples_field(name, samples_of(table, spec), spec)
    field.provenance["source"] = "samples of a program's own"
    return field


def from_function(
    name: str, function: Callable[[Tensor], Tensor], spec: FieldSpec, progress: Progress | None = None
) -> Field:
    """The Field of F on the domain that ``spec`` says (rho, low, high). function: user's positions (n, d) -> (n, d)."""
    domain = make_domain(name, spec.rho, spec.low, spec.high)
    field = function_field(Formula(name, function), domain, spec, f"{name}: a Python function", progress)
    return dataclasses.replace(field, warnings=[*field.warnings, TRAVELS])


def refuse(source: str) -> InputError:
    """The sentence where such a field is to be built from its name."""
    what = "samples of a program's own" if source == OWN_SAMPLES else "a Python function"
    return InputError(f"The field {source} was {what} and cannot be built by name; pass it to npf.factorize again.")
