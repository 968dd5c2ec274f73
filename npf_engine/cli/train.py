"""``train``: a factorization of a field, in this process, with checkpoints in the run's folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.cli import flags, remote, sweeping
from npf_engine.cli.output import Answer, report_text
from npf_engine.errors import InputError
from npf_engine.settings.paths import whole_path
from npf_engine.studies.factorization.spec import TrainingSpec, of_field, preset, to_json, with_values

if TYPE_CHECKING:
    from npf_engine.fields.field import Field

CALLABLE_HELP = (
    "code of your own in place of FIELD: flow.py:F or module:F, a function of points (n, d) in numpy or torch; "
    "needs --low and --high. A function without parameters may answer with (module, loss) of a PyTorch network"
)
ADVICE = "`train --show-spec` prints all keys"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    # without a FIELD, --show-spec still has something to show
    command.add_argument(
        "field", metavar="FIELD", nargs="?", help="a name (see `fields`), a place, a file, or an expression"
    )
    command.add_argument("--callable", metavar="FILE.py:F", default=None, help=CALLABLE_HELP)
    command.add_argument("--out", metavar="DIR", default=None, help="folder for the run; a broken run there goes on")
    command.add_argument("--show-spec", action="store_true", help="print the spec as JSON and train nothing")
    sweeping.add_arguments(command)
    flags.add_settings(command, preset(TrainingSpec().preset), without=("field.source",))
    command.usage = (
        "%(prog)s [FIELD | --callable FILE.py:F] [--json] [--out DIR] [--show-spec] [--seeds A..B] "
        "[--sweep KEY=A,B,...] [--KEY VALUE ...] "
        "[--set KEY=VALUE ...]"
    )


def train(args: argparse.Namespace) -> Answer:
    """Train, or print what would be trained."""
    from npf_engine.cli import running

    if args.field is None and args.callable is None and not args.show_spec:
        raise InputError("train needs a FIELD: a name (`fields` lists them), a place or a file")
    if args.callable is None:
        spec, at_hand = training_spec(args), {}
    else:
        spec, field = own_field(args)
        at_hand = {"field": field}
    if args.show_spec:
        return Answer(to_json(spec), json.dumps(to_json(spec), indent=1))
    server = remote.asked(args)
    if server is not None:
        return _there(server, spec, args)
    several = sweeping.asked(args, spec)
    if several is not None:
        return sweeping.run(several, spec.name or spec.default_name, args.out, **at_hand)
    report = running.run(spec, args.out or running.home_folder(spec.name), **at_hand)
    return Answer(report, f"{report_text(report)}\nbundle: {report['bundle']}")


def _there(server: remote.Server, spec: TrainingSpec, args: argparse.Namespace) -> Answer:
    """Trained by a server for a group."""
    if args.callable is not None or sweeping.asked(args, spec) is not None:
        raise InputError("--server takes one training of a named field; leave --callable, --seeds and --sweep out")
    report = remote.run(server, spec, spec.name, args.out)
    return Answer(report, f"{report_text(report)}\nbundle: {report['bundle']}")


def training_spec(args: argparse.Namespace) -> TrainingSpec:
    """The spec of a preset with everything that was typed. Raises InputError."""
    values = flags.typed(TrainingSpec, args, ADVICE)
    start = str(values.pop("preset", TrainingSpec().preset))
    if args.field is None:
        return with_values(preset(start), values)
    source = whole_path(args.field)
    return with_values(of_field(start, source), {"name": field_title(args.field)} | values)


def own_field(args: argparse.Namespace) -> tuple[TrainingSpec, Field]:
    """The spec and the field of ``--callable``. Raises InputError."""
    if args.field is not None:
        raise InputError(f"--callable {args.callable} stands in place of FIELD; leave {args.field!r} out")
    return code_field(args.callable, flags.typed(TrainingSpec, args, ADVICE))


def code_field(text: str, values: dict[str, object]) -> tuple[TrainingSpec, Field]:
    """The spec and the field of the code that ``text`` names, with settings by their dotted keys. Raises InputError."""
    from npf_engine.library.factorize import Domain, of_function
    from npf_engine.library.own_code import file_of, load_function

    function = load_function(text)
    start = str(values.pop("preset", TrainingSpec().preset))
    given = with_values(preset(start), values).field
    domain: Domain = {}
    if "field.low" in values:
        domain["low"] = given.low
    if "field.high" in values:
        domain["high"] = given.high
    if "field.rho" in values:
        domain["rho"] = given.rho
    rest = {key: value for key, value in values.items() if key.removeprefix("field.") not in domain}
    spec, field = of_function(function, domain, start, {"name": field_title(file_of(text))} | rest, None)
    field.provenance["code"] = file_of(text)
    return spec, field


def field_title(source: str) -> str:
    """What to call a run on the field ``source``: a file's stem, else the name itself."""
    path = Path(source)
    return path.name.split(".")[0] or source if path.suffix else source
