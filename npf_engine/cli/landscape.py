"""The command ``landscape``: sample exp(-c g) and say how much of it is in each basin."""

from __future__ import annotations

import argparse
from typing import Any

from npf_engine.cli import flags
from npf_engine.cli.output import Answer, columns, number
from npf_engine.settings.dotted import set_leaves
from npf_engine.studies.landscape.spec import LandscapeSpec


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    command.add_argument(
        "--out", metavar="DIR", default=None, help="folder for particles and traces; a broken run goes on"
    )
    flags.add_settings(command, LandscapeSpec(), {"name": "NAME"})


def landscape(args: argparse.Namespace) -> Answer:
    """Run the job in this process, with checkpoints where --out names a folder."""
    from npf_engine.cli import running

    spec = set_leaves(LandscapeSpec(), flags.typed(LandscapeSpec, args))
    result = running.run(spec, args.out)
    if args.out is None:
        result |= {"out": None, "bundle": None}  # they went with the folder
    return Answer(result, text(result))


def text(result: dict[str, Any]) -> str:
    """The table of modes and the figures under it."""
    from npf_engine.studies.landscape.verdict import WHY_EVERYWHERE

    own = result["method"] == "lmc-npf"
    rows = [
        (
            mode["kind"],
            "(" + ", ".join(number(value) for value in mode["location"]) + ")",
            number(mode["near"]),
            number(mode["occupancy"]),
            number(mode["target"]),
            *([number(mode["own_law"])] if own else []),
        )
        for mode in result["modes"]
    ]
    header = ("mode", "location", "near it", "in its basin", "exp(-c g)", *(["own law"] if own else []))
    lines = [columns(header, rows)] if rows else []
    told = result["truth"] or {}
    if told:
        laws = [("the draws", result), ("exp(-c g)", told), *([("own law", told["own"])] if told["own"] else [])]
        near = [(name, *(number(law[f"near_{kind}"]) for kind in ("modes", "saddles", "maxima"))) for name, law in laws]
        lines += ["", columns(("share of", "near modes", "near saddles", "near maxima"), near), ""]
    lines.append(
        f"energy distance {number(result['energy_distance'])} (of exact samples: "
        f"{number(told.get('energy_distance_of_exact_samples'))}), acceptance {number(result['acceptance'])}, "
        f"{result['gradient_evaluations']} gradients, tau {result['tau']}, c {result['coefficient']}"
    )
    if "verdict" in result:
        lines.append(f"verdict: {result['verdict']} ({result['verdict_reason']})")
    elif own:
        lines.append(f"{WHY_EVERYWHERE}.")
    if result["out"]:
        lines.append(f"particles and traces in {result['out']}")
    if result["bundle"]:
        lines.append(f"networks in {result['bundle']}")
    return "\n".join(lines)
