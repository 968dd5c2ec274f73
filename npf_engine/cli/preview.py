"""``preview``: what was read of a field, as a training would see it."""

from __future__ import annotations

import argparse
import dataclasses
import time
from typing import TYPE_CHECKING

from npf_engine.cli import flags
from npf_engine.cli.options import PreviewOptions
from npf_engine.cli.output import Answer, columns
from npf_engine.errors import InputError
from npf_engine.numbers import number
from npf_engine.settings.paths import whole_path

if TYPE_CHECKING:
    from npf_engine.fields.field import Field
    from npf_engine.fields.summary import FieldSummary

MOST_ROWS = 12  # components written in a terminal


def preview(args: argparse.Namespace) -> Answer:
    """The field, built as for a training, with its units, conversions, warnings and the moments of F."""
    from npf_engine.fields.summary import summary_of

    if (args.field is None) == (args.callable is None):
        raise InputError("preview needs a FIELD (`fields` lists those with a name), or --callable flow.py:F")
    settings = flags.typed(PreviewOptions, args)
    if wrong := [key for key in settings if not key.startswith("field.")]:
        raise InputError(f"--set {wrong[0]}: preview trains nothing; only keys that begin with field. can be set")
    began = time.perf_counter()
    field, title = _of_code(args.callable, settings) if args.field is None else _named(args.field, settings)
    summary = summary_of(field, title, time.perf_counter() - began)
    return Answer(dataclasses.asdict(summary), _text(summary))


def _named(name: str, settings: dict[str, object]) -> tuple[Field, str]:
    from npf_engine.fields.catalog import resolve
    from npf_engine.fields.sources.registry import source_of
    from npf_engine.studies.factorization.spec import of_field, with_values

    spec = with_values(of_field("quick", whole_path(name)), settings).field
    return resolve(spec), source_of(spec).title


def _of_code(text: str, settings: dict[str, object]) -> tuple[Field, str]:
    from npf_engine.cli.train import code_field

    _, field = code_field(text, settings)
    return field, field.provenance["code"]


def _text(summary: FieldSummary) -> str:
    """The summary for a terminal."""
    unit = f" {summary.units.value}" if summary.units.value else ""
    head = f"{summary.title}: {summary.kind}, d = {summary.d}, {summary.n:,} samples, {summary.voids:,} void"
    moments = summary.F
    rows: list[tuple[str, ...]] = [
        (f"F{k + 1}", *(number(part[k], 6) for part in (moments.mean, moments.std, moments.min, moments.max)))
        for k in range(min(summary.d, MOST_ROWS))
    ]
    region = [
        f"{axis}: {low:.10g} to {high:.10g} {unit_}".rstrip()
        for axis, low, high, unit_ in zip(
            summary.units.axes, summary.region.low, summary.region.high, summary.units.position, strict=True
        )
    ][:MOST_ROWS]
    parts = [head, *region, "", columns(("F in" + (unit or " no unit"), "mean", "std", "min", "max"), rows)]
    parts += [f"median of |F|: {number(moments.median_norm, 6)}{unit}"]
    parts += [f"converted: {text}" for text in summary.conversions]
    parts += [f"note: {text}" for text in summary.warnings]
    return "\n".join(parts)
