"""What a run folder tells while its worker writes to it: a half-written or broken line is left out, never fatal."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from npf_engine.bundle.cleaning import clean_record, clean_text
from npf_engine.tasks import layout
from npf_engine.tasks.files import arrays as arrays
from npf_engine.tasks.progress import STAGES

LOG_BYTES = 200_000
Curves = dict[str, tuple[np.ndarray, np.ndarray]]  # stage -> (step, value), (k,) float32 each


class StageStatus(TypedDict):
    """A stage as status.json tells it; seconds: once it is done."""

    name: str
    state: str
    seconds: float | None


class Told(TypedDict):
    """What status.json tells. seconds_left of the whole run and rate (steps a second): where they are known; worked:
    seconds of work so far; waiting: why a run rests by
    itself; updated: unix seconds."""

    stage: str | None
    step: int
    total: int
    stages: list[StageStatus]
    seconds_left: float | None
    worked: float
    scalars: dict[str, float]
    rate: float | None
    text: str
    waiting: str | None
    updated: float


class Status(Told):
    """The newest state of a run. stopping: asked to pause or to end, and not yet heard; pausing: asked to pause; ahead:
    runs before it in the queue; error: one sentence."""

    state: str
    error: str | None
    ahead: int
    stopping: bool
    pausing: bool


def status(folder: Path, created: float, stages: Sequence[str] = STAGES) -> Told:
    """What status.json says, with every key there even where it does not exist or is broken (see RunStore.status)."""
    told = clean_record(layout.read_json(folder / layout.STATUS)) or {}
    numbers = {key: value for key, value in _numbers(told).items() if value >= 0}
    texts = {key: value for key in ("stage", "text", "waiting") if isinstance(value := told.get(key), str)}
    return {
        "stage": texts.get("stage"),
        "step": int(numbers.get("step", 0)),
        "total": int(numbers.get("total", 0)),
        "stages": _stages(told.get("stages"))
        or [{"name": name, "state": "waiting", "seconds": None} for name in stages],
        "seconds_left": numbers.get("seconds_left"),
        "worked": numbers.get("worked", 0.0),
        "scalars": _numbers(told.get("scalars")),
        "rate": numbers.get("rate"),
        "text": texts.get("text", ""),
        "waiting": texts.get("waiting"),
        "updated": numbers.get("updated", created),
    }


def _stages(told: object) -> list[StageStatus]:
    """The stages as told; none where one of them cannot be read."""
    if not isinstance(told, list) or not all(isinstance(stage, dict) for stage in told):
        return []
    return [
        {
            "name": clean_text(stage.get("name")),
            "state": clean_text(stage.get("state")),
            "seconds": _numbers(stage).get("seconds"),
        }
        for stage in told
    ]


def _numbers(data: object) -> dict[str, float]:
    items = data.items() if isinstance(data, dict) else ()
    return {key: value for key, value in items if isinstance(value, int | float) and not isinstance(value, bool)}


def events(folder: Path, after: int = 0) -> list[dict[str, object]]:
    """The events behind line ``after``, each with its line number ``i``."""
    try:
        lines = (folder / layout.EVENTS).read_bytes().split(b"\n")
    except OSError:
        return []
    found = []
    for number, line in enumerate(lines[:-1], start=1):  # behind the last newline: nothing, or half a line
        if number <= after:
            continue
        with contextlib.suppress(ValueError, RecursionError):
            event = json.loads(line)
            if isinstance(event, dict):
                found.append({**event, "i": number})
    return found


def history(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """The curves of each stage, see RunStore.history."""
    stages: dict[str, dict[int, dict[str, object]]] = {}
    for event in events(folder):
        stage, step = event.get("stage"), event.get("step")
        if event.get("kind") != "progress" or not isinstance(stage, str) or not isinstance(step, int) or step > 2**53:
            continue
        steps = stages.setdefault(stage, {})
        while steps and next(reversed(steps)) >= step:
            steps.popitem()
        steps[step] = event
    return {stage: _columns(list(steps.values())) for stage, steps in stages.items()}


def kept_curve(folder: Path, scalar: str) -> Curves:
    """``curve``, read once for as long as the run tells no more. What comes back is everybody's."""
    try:
        told = (folder / layout.EVENTS).stat()
    except OSError:
        return {}
    return _kept_curve(folder, scalar, told.st_size, told.st_mtime_ns)


@functools.lru_cache(maxsize=512)
def _kept_curve(folder: Path, scalar: str, size: int, changed: int) -> Curves:
    return curve(folder, scalar)


def curve(folder: Path, scalar: str, most: int = 200) -> Curves:
    """Stage -> (step, value) of one scalar, (k,) float32, at most about ``most`` of each stage, evenly chosen: a
    hundred runs are laid over one another, and only the lines that are shown are read as JSON."""
    try:
        lines = (folder / layout.EVENTS).read_bytes().split(b"\n")[:-1]
    except OSError:
        return {}
    wanted, by_stage = f'"{scalar}": '.encode(), dict[bytes, list[bytes]]()
    for line in lines:
        if wanted in line and b'"progress"' in line:
            by_stage.setdefault(line.partition(b'"stage": ')[2].partition(b",")[0], []).append(line)
    found: dict[str, dict[int, float]] = {}
    for told in by_stage.values():
        for line in [*told[: -1 : -(-len(told) // most)], told[-1]]:
            _take(found, line, scalar)
    return {
        stage: (np.array([*steps], np.float32), np.array([*steps.values()], np.float32))
        for stage, steps in found.items()
    }


def _take(found: dict[str, dict[int, float]], line: bytes, scalar: str) -> None:
    """One event into the curves: steps that were done again after a break appear once."""
    with contextlib.suppress(ValueError, RecursionError, AttributeError):
        event = json.loads(line)
        stage, step, value = event.get("stage"), event.get("step"), _scalar(event.get(scalar))
        if isinstance(stage, str) and isinstance(step, int) and step <= 2**53 and isinstance(value, int | float):
            steps = found.setdefault(stage, {})
            while steps and next(reversed(steps)) >= step:
                steps.popitem()
            steps[step] = float(value)


def _columns(found: list[dict[str, object]]) -> dict[str, np.ndarray]:
    keys = dict.fromkeys(key for event in found for key in event if key not in ("i", "kind", "stage"))
    values: dict[str, np.ndarray] = {}
    for key in keys:
        column = [event.get(key) for event in found]
        numbers = [float(item) if isinstance(item, int | float) else np.nan for item in map(_scalar, column)]
        values[key] = np.array(numbers, dtype=np.float64 if key == "t" else np.float32)
    return values


def _scalar(value: object) -> object:
    """A whole number of hundreds of digits is no scalar of ours."""
    return value if not isinstance(value, int) or abs(value) < 2**63 else None


def snapshot(folder: Path) -> dict[str, np.ndarray] | None:
    """The newest live picture, or None."""
    try:
        data = (folder / layout.SNAPSHOT).read_bytes()
        with np.load(io.BytesIO(data), allow_pickle=False) as content:
            return {key: content[key] for key in content.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def log(folder: Path) -> str:
    """The end of the log, at most 200 kB."""
    try:
        with open(folder / layout.LOG, "rb") as file:
            file.seek(max(0, file.seek(0, io.SEEK_END) - LOG_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
