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

from npf_engine.heap import keep_freed_memory

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts" / "benchmarks"


def arguments(about: str) -> argparse.ArgumentParser:
    """--json, --runs and --threads, the same for every script."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the table")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median is given")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    return parser


def numbers(text: str) -> list[int]:
    """For argparse: ``0,1,2`` as a list of integers; ``1e4`` is one."""
    return [int(float(part)) for part in text.split(",")]


def names_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    """For argparse: ``a,b`` as a list of known names, ``none`` or nothing as an empty one."""
    allowed = list(known)

    def parse(text: str) -> list[str]:
        names = [] if text == "none" else [part for part in text.split(",") if part]
        if unknown := [name for name in names if name not in allowed]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: take of {', '.join(allowed)}, or none")
        return names

    return parse


def cpu_seconds(work: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Median CPU time (all threads) of ``runs`` runs after one that is thrown away, and the last result."""
    return _median(work, runs, time.process_time)


def median_seconds(work: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Median wall time of ``runs`` runs after one that is thrown away, and the last result."""
    return _median(work, runs, time.perf_counter)


def _median(work: Callable[[], Any], runs: int, clock: Callable[[], float]) -> tuple[float, Any]:
    work()
    seconds, result = [], None
    for _ in range(runs):
        begin = clock()
        result = work()
        seconds.append(clock() - begin)
    return statistics.median(seconds), result


def show(title: str, rows: list[dict[str, Any]], result: dict[str, Any], as_json: bool) -> None:
    """The table of rows, or the object."""
    if as_json:
        print(json.dumps({"benchmark": title, "rows": rows, **result}))
        return
    print(title)
    if rows:
        names = list(rows[0])
        cells = [[_text(row[name]) for name in names] for row in rows]
        widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
        print("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)))
        for line in cells:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    for key, value in result.items():
        print(f"{key}: {_text(value)}")


def keep(name: str, rows: list[dict[str, Any]], result: dict[str, Any], draw: Callable[[Any], None]) -> None:
    """artifacts/benchmarks/NAME.json, and NAME.png drawn by ``draw(axes)`` on two axes side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    (ARTIFACTS / f"{name}.json").write_text(json.dumps({"benchmark": name, "rows": rows, **result}, indent=1))
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots(1, 2))
    figure.savefig(ARTIFACTS / f"{name}.png", dpi=120)
    tell(f"written: {ARTIFACTS / name}.json and .png")


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
