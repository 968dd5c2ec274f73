"""What a graphics card gives: the runs that can use one, on it and on the processor, in a few minutes.

    make gpu-check            (python -m benchmarks.gpu_check --json)

Run it where a card is, and send back what it prints: steps a second and waits a step of each training, memory, the
figures of a whole training and of a small experiment on both, and what fails, with its sentence. A kind of run that
works on the processor alone (landscape, lab, recolor) is not in it. Without a card it says so, and does what needs
none: the counts of ``bench_steps``, steps a second and the training on the processor. Exit 1 where something fails.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.bench_steps import Training, count_all, trainings

ROOT = Path(__file__).resolve().parents[1]
TIMED, WARM = 300, 30  # steps
LIMIT = 240.0  # seconds of one run
# Two devices draw other numbers, so that a figure differs by chance: by this share of itself, or of its trivial answer.
OF_ITSELF, OF_TRIVIAL = 0.4, 0.02
SMALL = ("samples=6000", "u.dual_steps=150", "v.steps=200", "inverse.steps=400")
RUNS: Mapping[str, tuple[str, ...]] = {
    "train, preset quick": ("train", "jacksboro", "--preset", "quick"),
    "experiment 5.3, small": ("experiment", "5.3", "--preset", "quick", "--set", *SMALL),
}
FIGURES = ("pushforward", "measure_preservation", "inverse", "inverse_miss", "reconstruction", "inverse_cosine")
WAITING = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


@dataclass
class Findings:
    """All that was found, as JSON has it."""

    machine: dict[str, str] = field(default_factory=dict)
    counts: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def described() -> dict[str, str]:
    """Processor, torch and card."""
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "no card that torch can use"
    return {"processor": platform.processor() or platform.machine(), "torch": torch.__version__, "card": card}


def timed(training: Training, device: torch.device) -> dict[str, Any]:
    """Steps a second, and on a card waits a step and the most memory."""
    row: dict[str, Any] = {"what": training.what, "device": device.type}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()  # or the most of all before would be told as this one's
    training.take(WARM)
    settle(device)
    begin = time.perf_counter()
    training.take(TIMED)
    settle(device)
    row["steps_per_second"] = round(TIMED / (time.perf_counter() - begin), 1)
    if device.type == "cuda":
        row |= {"waits_per_step": waits(training), "memory_mb": round(torch.cuda.max_memory_allocated() / 2**20)}
    return row


def settle(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def waits(training: Training) -> float:
    """Calls that wait for the card a step, by torch's profiler; those at the ends of a training are in it."""
    with torch.profiler.profile() as seen:
        training.take(TIMED)
    return round(sum(event.count for event in seen.key_averages() if event.key in WAITING) / TIMED, 3)


def run(what: str, arguments: tuple[str, ...], device: str) -> dict[str, Any]:
    """One run by the command line: its seconds by stage and its figures. Raises RuntimeError with its sentence."""
    command = [sys.executable, "-m", "npf_engine", *arguments, "--device", device, "--json"]
    begin = time.perf_counter()
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it took longer than {LIMIT:g} s") from None
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}")
    answer = json.loads(done.stdout)
    figures = {name: figure(answer["metrics"].get(name)) for name in FIGURES}
    return {
        "what": what,
        "device": device,
        "wall": round(time.perf_counter() - begin, 1),
        "seconds": answer["seconds"],
        "figures": {name: value for name, value in figures.items() if value is not None},
    }


def figure(measured: object) -> dict[str, float] | None:
    """Its value and trivial answer."""
    if not isinstance(measured, dict):
        return None
    value = next((measured[key] for key in ("value", "relative", "median", "mean") if key in measured), None)
    trivial = measured.get("trivial")
    return None if value is None else {"value": float(value), "trivial": abs(float(trivial or value))}


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """Sentences on figures that differ by more than chance."""
    said = []
    for name, own in here["figures"].items():
        other = there["figures"].get(name, {"value": float("nan")})
        allowed = max(OF_ITSELF * abs(own["value"]), OF_TRIVIAL * own["trivial"])
        if not abs(other["value"] - own["value"]) <= allowed:
            said.append(f"{there['what']}: {name} is {other['value']:.4g} on the card and {own['value']:.4g} here")
    return said


def check() -> Findings:
    """Everything once; a device that cannot is a finding, not the end."""
    found, card = Findings(described()), torch.cuda.is_available()
    found.counts = [vars(row) for row in count_all()]
    devices = ["cpu", "cuda"] if card else ["cpu"]
    for name in devices:
        device, made = torch.device(name), list[Training]()
        try:
            made = trainings(device)
        except Exception as error:
            found.failures.append(f"the trainings on {name}: {type(error).__name__}: {error}")
        for training in made:
            try:
                found.steps.append(timed(training, device))
            except Exception as error:
                found.failures.append(f"{training.what} on {name}: {type(error).__name__}: {error}")
    for what, arguments in RUNS.items():
        done = {}
        for name in devices:
            try:
                done[name] = run(what, arguments, name)
                found.runs.append(done[name])
            except RuntimeError as error:
                found.failures.append(f"{what} on {name}: {error}")
            except Exception as error:  # what it printed is not what is known
                found.failures.append(f"{what} on {name}: {type(error).__name__}: {error}")
        if len(done) == 2:
            found.failures += differences(done["cuda"], done["cpu"])
    return found


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print everything as JSON, to send back")
    asked = parser.parse_args()
    found = check()
    if asked.json:
        print(json.dumps(vars(found)))
    else:
        print(", ".join(f"{key}: {value}" for key, value in found.machine.items()))
        for row in found.steps:
            more = "".join(f", {row[key]} {key}" for key in ("waits_per_step", "memory_mb") if key in row)
            print(f"{row['what']:40s} {row['device']:5s} {row['steps_per_second']:9.1f} steps a second{more}")
        for row in found.runs:
            told = "  ".join(f"{name} {figure['value']:.4g}" for name, figure in row["figures"].items())
            print(f"{row['what']:40s} {row['device']:5s} {row['wall']:6.1f} s   {told}")
        for failure in found.failures:
            print(f"FAILED {failure}")
        if "no card" in found.machine["card"]:
            print("There is no card here: nothing was compared. Run this where one is.")
    raise SystemExit(1 if found.failures else 0)


if __name__ == "__main__":
    main()
