"""``machines``: where runs are worked on, what waits, and what each has cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from npf_engine.cli.output import Answer, columns
from npf_engine.runs.console import duration

if TYPE_CHECKING:
    from npf_engine.runs.machines import Machines

SHOWN = 10  # of the runs that are over, where people read
OTHER = "(another's run)"


def machines(args: argparse.Namespace) -> Answer:
    """All of it, as the page Machines has it."""
    from npf_engine.runs.machines import machines as found
    from npf_engine.runs.store import RunStore

    told = found(RunStore())
    return Answer(told.to_json(), text(told))


def text(told: Machines) -> str:
    """For reading."""
    parts = []
    for place in told.places:
        usual = ", the usual one" if place.usual and len(told.places) > 1 else ""
        parts.append(f"{place.title} ({place.name}{usual}): {place.free} of {len(place.slots)} slots free")
        parts += [f"  {place.problem}"] if place.problem else []
        for node in place.nodes:
            busy = "" if node.busy is None else f", {node.busy:.1f} of them busy"
            cores = "" if node.cores is None else f", {node.cores} cores{busy}"
            free = "" if node.free is None else f", {node.free / 2**30:.1f} GB free"
            parts.append(f"  {node.name}: {node.state}{cores}{free}{''.join(f', {gpu}' for gpu in node.gpus)}")
    rows = [
        (
            item.run.name if item.run else OTHER,
            item.state,
            item.slot or item.job or "-",
            item.device or "-",
            duration(item.seconds),
            f"{item.cost.core_hours:.2f}",
            f"{item.cost.gpu_hours:.2f}",
        )
        for item in (*told.working, *(item for item in told.spent[:SHOWN] if item.run and not item.run.active))
    ]
    if rows:
        parts += ["", columns(("run", "state", "where", "device", "worked", "core-hours", "GPU-hours"), rows)]
    if told.queue:
        parts += ["", "waiting:"]
        named = [(item.run.name if item.run else OTHER, item.why) for item in told.queue]
        parts += [f"  {name}: {why}" if why else f"  {name}" for name, why in named]
    cost, count = told.cost, len(told.spent)
    parts += ["", f"{count} run{'s' * (count != 1)}: {cost.core_hours:.2f} core-hours, {cost.gpu_hours:.2f} GPU-hours"]
    return "\n".join(parts)
