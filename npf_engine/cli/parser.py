"""What can be typed: commands, their arguments, and a sentence for what cannot."""

from __future__ import annotations

import argparse
import difflib
import functools
import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from npf_engine import __version__
from npf_engine.cli import anykind, experiment, landscape
from npf_engine.errors import InputError
from npf_engine.studies import kinds

NEGATIVE_NUMBER = re.compile(r"^-(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")


class Parser(argparse.ArgumentParser):
    """An argument parser that raises InputError with one sentence instead of printing its usage."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # argparse takes -1e-3 for an option, since its own pattern knows no exponents (Python 3.11 to 3.13).
        self._negative_number_matcher = NEGATIVE_NUMBER

    def error(self, message: str) -> NoReturn:
        """Raise InputError instead of exiting."""
        unknown = re.search(r"argument COMMAND: invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if unknown:
            commands = re.findall(r"[\w-]+", unknown[2])
            near = difflib.get_close_matches(unknown[1], commands, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the commands are {', '.join(commands)}"
            raise InputError(f"there is no command {unknown[1]!r}; {hint}")
        raise InputError(f"{message}; `{self.prog} --help` shows what can be given")


def build_parser() -> Parser:
    """The whole command line."""
    parser = Parser(
        prog="npf" if Path(sys.argv[0]).stem == "npf" else "python -m npf_engine",
        description="Polar factorizations F = grad u o M of vector fields: train, evaluate, invert.",
    )
    parser.add_argument("--version", action="version", version=f"npf_engine {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command", parser_class=Parser)
    _fields(_command(commands, "fields", "the fields that can be trained on by name"))
    _preview(_command(commands, "preview", "what is read of a field: units, conversions, moments of F", "preview"))
    _evaluate(_command(commands, "evaluate", "the accuracy table of a bundle on unseen samples of a field"))
    _invert(_command(commands, "invert", "positions where the field takes a given value", "invert"))
    _kinds(commands)
    _doctor(_command(commands, "doctor", "what works on this machine, and what to install for the rest"))
    _worker(_command(commands, "worker", "run, or go on with, the training in a run folder (the app starts these)"))
    return parser


def _kinds(commands: Any) -> None:
    """A command for each kind of run: some arrange what can be typed by hand, any other has a flag for each setting."""
    arranged: dict[str, tuple[Callable[[Parser], None], str]] = {
        "train": (_train, "commands"),
        "experiment": (experiment.add_arguments, "experiment"),
        "landscape": (landscape.add_arguments, "landscape"),
        "lab": (_lab, "lab"),
        "recolor": (_recolor, "recolor"),
    }
    for kind in kinds.known().values():
        name = kind.words.command or kind.name
        add, module = arranged.get(kind.name, (functools.partial(anykind.add_arguments, kind), "anykind"))
        command = _command(commands, name, kind.words.summary or kind.title.lower(), module)
        if kind.name not in arranged:
            command.set_defaults(run=functools.partial(anykind.run, kind))
        add(command)


def _command(commands: Any, name: str, text: str, module: str = "commands") -> Parser:
    command: Parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(run=_later(name, module))
    command.add_argument("--json", action="store_true", help="one JSON value on stdout")
    return command


def _later(name: str, module: str) -> Callable[[argparse.Namespace], Any]:
    """Import the command only when it runs: --help and mistyped arguments need no torch."""

    def run(args: argparse.Namespace) -> Any:
        return getattr(importlib.import_module(f"npf_engine.cli.{module}"), name)(args)

    return run


def _fields(command: Parser) -> None:
    command.epilog = "Besides these: a file (.tif, .hgt, .csv, .parquet, .npz), any city, or an expression."


def _preview(command: Parser) -> None:
    command.add_argument("field", metavar="FIELD", help="a name (see `fields`), a place or a file")
    _settings(command, "keys of the field's settings, e.g. --set field.slope=per-metre field.height_unit=foot")


def _train(command: Parser) -> None:
    command.add_argument("field", metavar="FIELD", nargs="?", help="a name (see `fields`), a place or a file")
    # The presets and rho's values have one home, the spec of a training, which names the choices when one is wrong.
    command.add_argument(
        "--preset", default="quick", help="quick (minutes, default), paper (Figure 17's sizes) or custom"
    )
    command.add_argument("--seed", type=int, default=None, help="seed of every random draw of the training (default 0)")
    rho = "reference measure: box, disc, gaussian, land, samples (default: the field's own)"
    command.add_argument("--rho", default=None, help=rho)
    command.add_argument("--out", metavar="DIR", default=None, help="folder for the run; a broken run there goes on")
    command.add_argument("--name", default=None, help="name of the run and its bundle (default: the field's)")
    command.add_argument("--draws", type=int, default=None, help="draws of every figure of the report (default 8)")
    _settings(command, "any dotted key of the spec, e.g. --set u.pairings=8 field.sigma=10 solver=published")
    command.add_argument("--show-spec", action="store_true", help="print the spec as JSON and train nothing")


def _evaluate(command: Parser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="npf-....zip or its unpacked folder")
    command.add_argument("field", metavar="FIELD", help="a name, a place or a file")
    command.add_argument("--draws", type=int, default=64, help="draws of every figure (default 64)")
    command.add_argument("--seed", type=int, default=0, help="seed of the draws (default 0)")
    _settings(command, "keys of the field's settings that differ from the training's, e.g. --set field.sigma=10")


def _invert(command: Parser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="npf-....zip or its unpacked folder")
    command.add_argument(
        "--gradient",
        metavar="g",
        type=float,
        nargs="+",
        required=True,
        help="the value, d numbers in the field's units",
    )
    command.add_argument("--samples", type=int, default=500, help="how many positions to draw (default 500)")
    command.add_argument("--seed", type=int, default=0, help="seed of the draws (default 0)")
    exact = "carry each draw to where F is exactly the value: exact, places and weights in the file"
    command.add_argument("--exact", action="store_true", help=exact)
    command.add_argument("--out", metavar="FILE.npz", required=True, help="file for x (n, d) in the user's units")


def _lab(command: Parser) -> None:
    command.epilog = "Without a budget every method has its own settings; for drift-mixture those of its paper."
    # Tasks and methods have one home each, transport/lab, which names the choices when one is wrong.
    command.add_argument(
        "task",
        metavar="TASK",
        nargs="+",
        help="drift-mixture, gaussian, mixtures, four-to-normal, seven-gaussians, convex, digits, field:NAME, "
        "or two files of points (.csv, .npz)",
    )
    command.add_argument(
        "--methods",
        default="explicit,implicit,gauss-newton,icnn,entropic,exact,gaussian,fit",
        help="names with commas between: explicit, implicit, implicit-summed, euclidean, adam, gauss-newton, cmgn, "
        "mmgn, icnn, icnn-linear, icnn-fquad, lse, entropic, exact, gaussian, fit",
    )
    command.add_argument("--seeds", type=int, default=3, help="how many runs of each method (default 3)")
    command.add_argument("--first-seed", type=int, default=0, help="seed of the first run (default 0)")
    command.add_argument("--budget-seconds", type=float, default=None, help="seconds for each run")
    command.add_argument("--budget-steps", type=int, default=None, help="gradient steps for each run")
    command.add_argument("--dimension", type=int, default=None, help="of gaussian, convex, seven-gaussians (default 2)")
    command.add_argument("--points", type=int, default=None, help="test points (default: the task's)")
    command.add_argument("--out", metavar="DIR", default=None, help="folder for lab.json and lab.npz, the clouds")


def _recolor(command: Parser) -> None:
    command.epilog = "SOURCE and PALETTE may also be `day` and `sunset`, a pair made by code."
    command.add_argument("source", metavar="SOURCE", help="the picture to recolour (PNG, JPEG, ...)")
    command.add_argument("palette", metavar="PALETTE", help="the picture whose colours it gets")
    # The methods have one home, studies/recolor/transfer.py, which names the choices when one is wrong.
    command.add_argument("--method", default="fit", help="fit (default), cmgn, mmgn, entropic, exact or gaussian")
    command.add_argument("--out", metavar="FILE", required=True, help="file for the PNG")
    command.add_argument("--strength", type=float, default=1.0, help="how far to go, 0 to 1 (default 1)")
    command.add_argument("--smooth", type=int, default=0, help="radius in pixels of the smoothing (default 0: none)")
    command.add_argument("--seconds", type=float, default=20.0, help="seconds for the fit (default 20)")
    command.add_argument("--draws", type=int, default=4, help="draws of the divergence (default 4)")
    command.add_argument("--seed", type=int, default=0, help="seed of every random draw (default 0)")


def _doctor(command: Parser) -> None:
    command.epilog = "Exit code 1 where something is missing without which nothing works."


def _worker(command: Parser) -> None:
    command.add_argument("folder", metavar="RUN_FOLDER", help="folder with a spec.json")


def _settings(command: Parser, text: str) -> None:
    command.add_argument(
        "--set", dest="settings", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help=text
    )
