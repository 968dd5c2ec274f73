"""The command ``landscape``: sample exp(-c g) and say how much of it is in each basin."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from npf_engine.cli import flags
from npf_engine.cli.output import Answer, columns, number
from npf_engine.settings.dotted import with_dotted
from npf_engine.studies.landscape.spec import TARGET, LandscapeSpec

if TYPE_CHECKING:
    from npf_engine.studies.landscape.result import LandscapeResult


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    command.add_argument(
        "--out", metavar="DIR", default=None, help="folder for particles and traces; a broken run goes on"
    )
    flags.add_settings(command, LandscapeSpec(), {"name": "NAME"})


def landscape(args: argparse.Namespace) -> Answer:
    """Run the job in this process, with checkpoints where --out names a folder."""
    from npf_engine.cli import running
    from npf_engine.studies.landscape.result import LandscapeResult

    spec = with_dotted(LandscapeSpec(), flags.typed(LandscapeSpec, args))
    result = running.run(spec, args.out)
    if args.out is None:
        result |= {"out": None, "bundle": None}  # they went with the folder
    return Answer(result, text(LandscapeResult.of_json(result)))


def text(result: LandscapeResult) -> str:
    """The table of modes and the figures under it."""
    from npf_engine.studies.landscape.judging import unjudged
    from npf_engine.studies.landscape.result import KINDS, LAWS

    own = any(mode.own_law is not None for mode in result.modes)
    rows = [
        (
            mode.kind,
            "(" + ", ".join(number(value) for value in mode.location) + ")",
            number(mode.near),
            number(mode.occupancy),
            number(mode.target),
            *([number(mode.own_law)] if own else []),
        )
        for mode in result.modes
    ]
    header = ("mode", "location", "near it", "in its basin", "exp(-c g)", *(["own law"] if own else []))
    lines = [columns(header, rows)] if rows else []
    truth = result.truth
    if truth is not None:
        laws = [("the draws", result.near), ("exp(-c g)", truth.near)]
        laws += [] if truth.own is None else [("own law", truth.own.near)]
        near = [(name, *(number(law.of(kind)) for kind in KINDS)) for name, law in laws]
        lines += ["", columns(("share of", "near modes", "near saddles", "near maxima"), near), ""]
    floor, held = None if truth is None else truth.energy_floor, result.held
    energy = result.energy_distance if held is None else held.energy_distance
    to = "" if held is None or held.law == TARGET else f" to draws of {LAWS[held.law]}"
    lines.append(
        f"energy distance{to} {number(energy)} (of exact samples: "
        f"{number(floor)}), acceptance {number(result.acceptance)}, "
        f"{result.gradient_evaluations} gradients, tau {result.tau}, c {result.coefficient}"
    )
    if result.mixing is not None:
        mixed = result.mixing
        lines.append(
            f"R-hat {number(mixed.r_hat)}, effective sample size {number(mixed.ess)} of {mixed.chains} chains at "
            f"{mixed.frames} moments (a mode that no chain has found is not seen by them)"
        )
    if result.verdict is not None:
        lines.append(f"verdict: {result.verdict.level} ({result.verdict.reason})")
    else:
        lines += unjudged(result)
    if result.out:
        lines.append(f"particles and traces in {result.out}")
    if result.bundle:
        lines.append(f"networks in {result.bundle}")
    return "\n".join(lines)
