"""The command ``landscape``: sample exp(-c g) and say how much of it is in each basin."""

from __future__ import annotations

import argparse
from typing import Any

from npf_engine.cli.output import Answer, columns, number


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed after `landscape`."""
    command.add_argument(
        "name", metavar="NAME", help="himmelblau, cosines, double-well, mueller-brown, rastrigin, mixture, a terrain, "
        "a place, a raster file, or a potential written out such as 'x^4 - x^2 + y^2'",
    )  # fmt: skip
    command.add_argument(
        "--method", default="lmc-npf-corrected", help="lmc-npf-corrected (default: its law is exp(-c g)), lmc-npf (the "
        "paper's, with a law of its own), lmc, tempering or nuts",
    )  # fmt: skip
    command.add_argument(
        "--law", default="target", help="what the verdict is against: target, exp(-c g) (default), or own, the law of "
        "lmc-npf itself",
    )  # fmt: skip
    for side, where in (("low", "lower"), ("high", "upper")):
        command.add_argument(
            f"--{side}", metavar=side[0], type=float, nargs="+", default=[],
            help=f"{where} corner of another box than the landscape's own",
        )  # fmt: skip
    command.add_argument("--particles", metavar="P", type=int, default=None, help="particles (quick: 256)")
    command.add_argument("--steps", metavar="K", type=int, default=None, help="P * K gradients in all (quick: 4000)")
    command.add_argument("--start", metavar="x", type=float, nargs="+", default=[], help="where all particles begin")
    command.add_argument("--tau", type=float, default=None, help="step of Langevin (default: 0.13 / (c * curvature))")
    command.add_argument("--coefficient", type=float, default=None, help="c of the law exp(-c g)")
    command.add_argument(
        "--inner", metavar="N", type=int, default=None, help="Langevin steps between jumps (default 50; corrected 10)"
    )
    command.add_argument("--seed", type=int, default=0, help="seed of every random draw (default 0)")
    command.add_argument("--preset", default="quick", help="quick (256 x 4000, default) or paper (1024 x 20000)")
    command.add_argument(
        "--out", metavar="DIR", default=None, help="folder for particles and traces; a broken run goes on"
    )


def landscape(args: argparse.Namespace) -> Answer:
    """Run the job in this process, with checkpoints where --out names a folder."""
    from npf_engine.cli import running
    from npf_engine.studies.landscape.spec import LandscapeSpec

    spec = LandscapeSpec(
        name=args.name, method=args.method, particles=args.particles, steps=args.steps, start=tuple(args.start),
        tau=args.tau, coefficient=args.coefficient, inner=args.inner, seed=args.seed, preset=args.preset,
        low=tuple(args.low), high=tuple(args.high), law=args.law,
    )  # fmt: skip
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
            mode["kind"], "(" + ", ".join(number(value) for value in mode["location"]) + ")", number(mode["near"]),
            number(mode["occupancy"]), number(mode["target"]), *([number(mode["own_law"])] if own else []),
        )
        for mode in result["modes"]
    ]  # fmt: skip
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
