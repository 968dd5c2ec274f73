"""``experiment 5.3|5.4|5.5``: the paper's experiments on the loss of a small classifier."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from npf_engine.cli import flags
from npf_engine.cli.output import Answer, columns, number
from npf_engine.studies.classifier.presets import experiment_preset, with_values
from npf_engine.studies.classifier.spec import ExperimentSpec

if TYPE_CHECKING:
    from npf_engine.runs.console import ConsoleRecorder
    from npf_engine.studies.classifier.result import ExperimentResult


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    command.add_argument("--out", metavar="DIR", default=None, help="folder; a broken experiment there goes on")
    command.add_argument("--fetch-mnist", action="store_true", help="fetch MNIST (11 MB) and use it")
    command.epilog = (
        "Digits: MNIST from the folder NPF_MNIST_DIR, else scikit-learn's, embedded; the answer says which. "
        "--device is cpu for quick and auto for paper where none is named."
    )
    flags.add_settings(command, experiment_preset("5.3"), {"experiment": "5.3|5.4|5.5"})


def experiment(args: argparse.Namespace) -> Answer:
    """Run it, with checkpoints in its folder."""
    from npf_engine.cli import running
    from npf_engine.fields.classifier import Classifier
    from npf_engine.fields.digits import fetch_mnist, load_digits
    from npf_engine.runs import machine
    from npf_engine.runs.console import ConsoleRecorder
    from npf_engine.studies.classifier.result import ExperimentResult

    values = flags.typed(ExperimentSpec, args, "an unknown key is answered with all that there are")
    number_, preset = (str(values.pop(key, default)) for key, default in (("experiment", ""), ("preset", "quick")))
    device = "auto" if preset == "paper" else "cpu"
    spec = with_values(experiment_preset(number_, preset), {"device": device} | values)
    machine.resolve_device(spec.device)  # or it is refused
    # The digits first: a folder is only made for an experiment that can begin.
    digits = load_digits(fetch_mnist(_told(ConsoleRecorder())) if args.fetch_mnist else None)
    Classifier(digits, minibatch=spec.minibatch)
    folder = args.out or running.home_folder(f"experiment-{number_}-{preset}")
    data = running.run(spec, folder, digits=digits) | {"out": folder}
    return Answer(data, experiment_text(ExperimentResult.of_json(data), folder))


def _told(recorder: ConsoleRecorder) -> Callable[[float, float, str], None]:
    def progress(done: float, total: float, text: str) -> None:
        recorder.working("fetch", done, total, text)

    return progress


def experiment_text(result: ExperimentResult, folder: str) -> str:
    """The answer for reading."""
    rows: list[tuple[str, ...]] = []
    for key, title in (("pushforward", "grad u#rho against G#rho"), ("inverse", "I_psi against pre-images")):
        row = result.cloud(key)
        if row:
            rows.append((title, *(number(row[k]) for k in ("value", "self_distance", "ratio", "se", "trivial"))))
    parts = [result.data]
    if rows:
        parts.append(columns(("", "value", "floor", "ratio", "s.e.", "trivial"), rows))
    cosine = result.cosine
    if cosine is not None:
        parts.append(
            f"cosine of G(I_psi(grad u*(v))) with v: {cosine.mean:.3f} +- {cosine.std:.2f}; a constant direction "
            f"{cosine.trivial:.3f}, minibatch noise {cosine.ceiling:.3f}"
        )
    keys = ("share_above_half", "median_accuracy", "median_loss", "median_norm", "distance_to_warmup")
    names = ("generated", "flow", "warmup", "lmc-npf", "lmc", "restart", "uniform")
    found = {name: cloud for name in names if (cloud := result.cloud(name))}
    clouds: list[tuple[str, ...]] = [(name, *(number(cloud.get(key)) for key in keys)) for name, cloud in found.items()]
    if clouds:
        parts.append(columns(("weights", "above half", "accuracy", "loss", "|G|", "distance"), clouds))
    if result.verdict is not None:
        parts.append(f"verdict: {result.verdict.level} ({result.verdict.reason})")
    parts.append(f"time: {result.seconds['total']:.0f} s; particles, figures and best weights in {folder}")
    return "\n\n".join(parts)
