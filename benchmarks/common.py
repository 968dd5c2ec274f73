"""What the benchmarks share: arguments, medians, tables, JSON."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from npf_engine.tasks.files import finite
from npf_engine.tasks.memory import keep_freed_memory

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts" / "benchmarks"
# Where there is none: no peer, or all solvers get the same seconds and differ in accuracy.
NO_SPEEDUP: dict[str, Any] = {"median": None, "per_seed": []}


def arguments(about: str, *, runs: bool = False) -> argparse.ArgumentParser:
    """--json and --threads, the same for every script; ``runs``: and --runs, for those that time something again."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the table")
    if runs:
        parser.add_argument("--runs", type=int, default=3, help="runs of which the median is given")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    return parser


def numbers(text: str) -> list[int]:
    """For argparse: ``0,1,2`` as a list of integers; ``1e4`` is one."""
    return [int(float(part)) for part in text.split(",")]


def rates(text: str) -> list[float]:
    """For argparse: ``5e-3,1e-3`` as a list of positive numbers."""
    values = [float(part) for part in text.split(",")]
    if min(values) <= 0:
        raise argparse.ArgumentTypeError(f"{text}: a rate is above 0")
    return values


def names_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    """For argparse: ``a,b`` as a list of known names, ``none`` or nothing as an empty one."""
    allowed = list(known)

    def parse(text: str) -> list[str]:
        names = [] if text == "none" else [part for part in text.split(",") if part]
        if unknown := [name for name in names if name not in allowed]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: take of {', '.join(allowed)}, or none")
        return names

    return parse


def cpu_times(work: Callable[[], Any], runs: int) -> tuple[list[float], Any]:
    """CPU time (all threads) of each of ``runs`` runs after one that is thrown away, and the last result."""
    return _times(work, runs, time.process_time)


def median_seconds(work: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Median wall time of ``runs`` runs after one that is thrown away, and the last result."""
    seconds, result = _times(work, runs, time.perf_counter)
    return statistics.median(seconds), result


def _times(work: Callable[[], Any], runs: int, clock: Callable[[], float]) -> tuple[list[float], Any]:
    work()
    seconds, result = [], None
    for _ in range(runs):
        begin = clock()
        result = work()
        seconds.append(clock() - begin)
    return seconds, result


def speedup_over(theirs: list[float], ours: list[float]) -> dict[str, Any]:
    """A peer's seconds over ours: the median, and ``per_seed`` from the times of each run."""
    per_seed = [their / our for their, our in zip(theirs, ours, strict=True)]
    return {"median": statistics.median(per_seed), "per_seed": per_seed}


def least_speedup(by_name: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The least of several, and which it is (``of``); one without a median is less than any number."""
    if not by_name:
        return NO_SPEEDUP
    name = min(by_name, key=lambda each: by_name[each]["median"] or 0.0)
    return by_name[name] | {"of": name}


def without(key: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without one of their columns."""
    return [{k: v for k, v in row.items() if k != key} for row in rows]


def show(title: str, rows: list[dict[str, Any]], result: dict[str, Any], as_json: bool) -> None:
    """The table of rows, or the object."""
    if as_json:
        print(json.dumps(finite({"benchmark": title, "rows": rows, **result})))
        return
    print(title)
    if rows:
        names = list(dict.fromkeys(name for row in rows for name in row))  # a note is only where there is one
        cells = [[_text(row.get(name, "")) for name in names] for row in rows]
        widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
        print("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)))
        for line in cells:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    for key, value in result.items():
        print(f"{key}: {_text(value)}")


def keep(
    name: str, rows: list[dict[str, Any]], result: dict[str, Any], draw: Callable[[Any], None] | None = None
) -> None:
    """artifacts/benchmarks/NAME.json, and with ``draw`` NAME.png, drawn by ``draw(axes)`` on two axes side by side."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    (ARTIFACTS / f"{name}.json").write_text(json.dumps(finite({"benchmark": name, "rows": rows, **result}), indent=1))
    tell(f"written: {ARTIFACTS / name}.json")
    if draw is not None:
        _picture(ARTIFACTS / f"{name}.png", draw)


def _picture(path: Path, draw: Callable[[Any], None]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots(1, 2))
    figure.savefig(path, dpi=120)
    tell(f"written: {path}")


def tell(text: str) -> None:
    """Progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def set_threads(count: int) -> None:
    """One place, so that every peer gets the same; the same heap, too (children: peers/launch.py)."""
    torch.set_num_threads(count)
    keep_freed_memory()


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return json.dumps(value) if isinstance(value, dict) else str(value)
