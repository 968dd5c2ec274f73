"""What can be typed: commands, their arguments, and a sentence for what cannot."""

from __future__ import annotations

import argparse
import difflib
import functools
import importlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from npf_engine import __version__
from npf_engine.cli import anykind, flags
from npf_engine.cli.output import Answer
from npf_engine.errors import InputError
from npf_engine.studies import kinds

# Kinds of run whose module arranges what can be typed and what is answered; any other has a flag for each setting.
ARRANGED = {name: name for name in ("train", "experiment", "landscape", "lab", "recolor", "reproduce")}
NEGATIVE_NUMBER = re.compile(r"^-(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")


class Parser(argparse.ArgumentParser):
    """An argument parser that raises InputError with one sentence instead of printing its usage."""

    def __init__(
        self,
        prog: str | None = None,
        description: str | None = None,
        *,
        add_help: bool = True,
        formatter_class: type[argparse.HelpFormatter] = argparse.HelpFormatter,
    ) -> None:
        super().__init__(prog=prog, description=description, add_help=add_help, formatter_class=formatter_class)
        # argparse takes -1e-3 for an option, since its own pattern knows no exponents (Python 3.11 to 3.13).
        self._negative_number_matcher = NEGATIVE_NUMBER
        self._later: list[Callable[[Parser], None]] = []

    def fill(self, arguments: Callable[[Parser], None]) -> None:
        """Add these arguments once somebody types this command: the other commands' settings are not loaded."""
        self._later.append(arguments)

    def parse_known_args(  # type: ignore[override]  # argparse's is generic in the namespace; ours has one kind of it
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's, with all arguments."""
        while self._later:
            self._later.pop(0)(self)
        return super().parse_known_args(args, namespace or argparse.Namespace())

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
    parser.add_argument("--server", metavar="URL", help="a server for a group that is to do it, with `train`")
    parser.add_argument("--token", metavar="TOKEN", help="whom it knows you by (better: NPF_TOKEN)")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command", parser_class=Parser)
    _fields(_command(commands, "fields", "the fields that can be trained on by name"))
    _preview(_command(commands, "preview", "what is read of a field: units, conversions, moments of F", "preview"))
    for kind in kinds.known().values():
        module = ARRANGED.get(kind.name, "anykind")
        command = _command(commands, kind.words.command or kind.name, kind.words.summary or kind.title.lower(), module)
        if module == "anykind":
            command.set_defaults(run=functools.partial(anykind.run, kind))
        command.fill(functools.partial(_arguments, kind, module))
    _surface(_command(commands, "surface", "the polar factorization of a map of a torus or the sphere", "surface"))
    _evaluate(_command(commands, "evaluate", "the accuracy table of a bundle on unseen samples of a field"))
    _invert(_command(commands, "invert", "positions where the field takes a given value", "invert"))
    _export(_command(commands, "export", "a bundle's maps as ONNX or .pt2, or its folder for a model hub", "export"))
    _figure(_command(commands, "figure", "a figure for a paper, as vectors, of a run or a bundle", "figure"))
    _report(_command(commands, "report", "a bundle's results as a PDF or one page of HTML, to print or send", "report"))
    _share(_command(commands, "share", "a model's clouds as one file that plays in a browser without network", "share"))
    _command(commands, "machines", "where runs are worked on, what waits, and what each has cost", "machines")
    _artifacts(_command(commands, "artifacts", "finished runs at NPF_ARTIFACTS: list, send, fetch", "artifacts"))
    _regions(_command(commands, "regions", "fetch the elevation of places, to be used without a network", "regions"))
    _doctor(_command(commands, "doctor", "what works on this machine, and what to install for the rest"))
    _worker(_command(commands, "worker", "run, or go on with, the training in a run folder (the app starts these)"))
    return parser


def _arguments(kind: kinds.AnyKind, module: str, command: Parser) -> None:
    """What can be typed for a kind of run: as its module arranges it, or a flag for each setting."""
    arranged = importlib.import_module(f"npf_engine.cli.{module}")
    if arranged is anykind:
        anykind.add_arguments(kind, command)
    else:
        arranged.add_arguments(command)


def _command(commands: argparse._SubParsersAction[Parser], name: str, text: str, module: str = "commands") -> Parser:
    command: Parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(run=_later(name, module))
    command.add_argument("--json", action="store_true", help="one JSON value on stdout")
    return command


def _later(name: str, module: str) -> Callable[[argparse.Namespace], Answer | None]:
    """Import the command only when it runs: --help and mistyped arguments need no torch."""

    def run(args: argparse.Namespace) -> Answer | None:
        command: Callable[[argparse.Namespace], Answer | None] = getattr(
            importlib.import_module(f"npf_engine.cli.{module}"), name
        )
        return command(args)

    return run


def _fields(command: Parser) -> None:
    command.epilog = "Besides these: a file (.tif, .hgt, .csv, .parquet, .npz), any city, or an expression."


def _preview(command: Parser) -> None:
    from npf_engine.cli.options import PreviewOptions

    command.add_argument("field", metavar="FIELD", nargs="?", help="a name (see `fields`), a place or a file")
    command.add_argument("--callable", metavar="FILE.py:F", default=None, help="code of your own in place of FIELD")
    flags.add_settings(command, PreviewOptions(), without=("field.source",))


def _evaluate(command: Parser) -> None:
    from npf_engine.cli.options import EvaluateOptions

    command.add_argument("bundle", metavar="BUNDLE", help="npf-....zip or its unpacked folder")
    command.add_argument("field", metavar="FIELD", help="a name, a place or a file")
    flags.add_settings(command, EvaluateOptions())


def _invert(command: Parser) -> None:
    from npf_engine.cli.options import InvertOptions

    command.add_argument("bundle", metavar="BUNDLE", help="npf-....zip or its unpacked folder")
    value = "the value, d numbers in the field's units"
    command.add_argument("--gradient", metavar="g", type=float, nargs="+", required=True, help=value)
    exact = "carry each draw to where F is exactly the value: exact, places and weights in the file"
    command.add_argument("--exact", action="store_true", help=exact)
    command.add_argument("--out", metavar="FILE.npz", required=True, help="file for x (n, d) in the user's units")
    flags.add_settings(command, InvertOptions())


def _export(command: Parser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="npf-....zip or its unpacked folder")
    what = "onnx and pt2: u, grad u and M_xi in the user's units; hub: the bundle as a folder to upload"
    command.add_argument("--format", choices=("onnx", "pt2", "hub"), default="onnx", help=what)
    command.add_argument("--out", metavar="PATH", help="the zip (hub: the folder) to write")


def _report(command: Parser) -> None:
    command.add_argument(
        "bundle", metavar="BUNDLE", help="npf-....zip or its unpacked folder, or the folder of its run"
    )
    what = "the report to write, .pdf or .html by its end (default: npf-NAME.html)"
    command.add_argument("--out", metavar="FILE", help=what)


def _share(command: Parser) -> None:
    command.add_argument("source", metavar="RUN", help="a run's folder, or a bundle: npf-....zip or its folder")
    command.add_argument("--out", metavar="FILE.html", help="the file to write (default: npf-NAME-clouds.html)")
    command.add_argument("--points", type=int, default=20_000, help="at most so many samples, up to 20000")


def _figure(command: Parser) -> None:
    command.fill(_figure_arguments)


def _figure_arguments(command: Parser) -> None:
    from npf_engine.cli.figure import add_arguments

    add_arguments(command)


def _surface(command: Parser) -> None:
    command.fill(_surface_arguments)


def _surface_arguments(command: Parser) -> None:
    from npf_engine.cli.surface_arguments import add_arguments

    add_arguments(command)


def _artifacts(command: Parser) -> None:
    actions = "list: all copies there; send: copy finished runs there; fetch: take copies back, checked"
    command.add_argument("action", metavar="list|send|fetch", choices=("list", "send", "fetch"), help=actions)
    command.add_argument("runs", metavar="RUN", nargs="*", help="a run's id or name")
    command.add_argument("--at", metavar="URL", help="the place, any URL of fsspec (default: NPF_ARTIFACTS)")
    command.add_argument("--out", metavar="DIR", help="fetch one run into this folder, not among the runs of NPF_HOME")


def _regions(command: Parser) -> None:
    command.epilog = "`fields` says of each place whether it needs the network."
    command.add_argument("action", metavar="fetch", choices=("fetch",), help="fetch what is not here yet")
    command.add_argument("names", metavar="NAME", nargs="+", help="a region of the gazetteer (see `fields`) or a city")


def _doctor(command: Parser) -> None:
    command.epilog = "Exit code 1 where something is missing without which nothing works."


def _worker(command: Parser) -> None:
    command.add_argument("folder", metavar="RUN_FOLDER", help="folder with a spec.json")
