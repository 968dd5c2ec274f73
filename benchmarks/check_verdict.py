"""How often the verdict is wrong: exact answers condemned, wrong ones passed.

    python -m benchmarks.check_verdict [--seeds 200] [--faults 40] [--json]

Exact: for every seed samples are drawn anew (terrain's exact assignment, which takes seconds, anew for every ten seeds)
and the report's own draws too. Wrong: grad u off by 3 % of F's variance, M_xi off by 5 % of the spread of M, an I that
ignores y; for every seed and case one kind of each of these in turn. An exact answer is condemned when it is called not
trustworthy, a fault is caught when the model is not called good. Promised: at most 1 % condemned, at least 95 % caught.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch

from benchmarks.common import arguments, show, tell
from benchmarks.exact_models import BUILDERS, Case, wrong_i, wrong_m, wrong_u
from npf_engine.measures.report import accuracy_report
from npf_engine.measures.verdict import GOOD, UNTRUSTED
from npf_engine.settings.stages import ReportConfig

REPORT = ReportConfig(draws=8, n=320, neighbourhoods=32, neighbourhood_size=64)
OFF_U, OFF_M = 0.03, 0.05
KINDS_U, KINDS_M = ("stretch", "shift", "bend"), ("stretch", "shift", "turn")
CONDEMNED, CAUGHT = 0.01, 0.95
BLOCK = 10  # seeds that share terrain's assignment, and a task of a process
Count = collections.Counter[str]
Found = dict[str, Count]


def faults(case: Case, seed: int) -> Iterator[tuple[str, Case]]:
    """(what is wrong, the wrong model): one kind of each, in turn."""
    if (wrong := wrong_u(case, OFF_U, KINDS_U[seed % len(KINDS_U)])) is not None:
        yield f"u off by {100 * OFF_U:g} %", wrong
    yield f"M off by {100 * OFF_M:g} %", wrong_m(case, OFF_M, KINDS_M[seed % len(KINDS_M)])
    yield "I ignores y", wrong_i(case)


def level(case: Case, seed: int, config: ReportConfig = REPORT) -> str:
    """The verdict on a case by a report with this seed."""
    return accuracy_report(case.model, case.field, config, seed, known=case.known).verdict.level


def block(name: str, first: int, seeds: int, wrong: int) -> tuple[str, Found]:
    """Levels of one case for the seeds from ``first`` on: of the exact answer and, below ``wrong``, of the faults."""
    torch.set_num_threads(1)
    found: Found = collections.defaultdict(collections.Counter)
    case: Case | None = None
    for seed in range(first, first + seeds):
        if case is None or not name.startswith("terrain"):
            case = BUILDERS[name](seed)
        found["exact"][level(case, seed)] += 1
        if seed < wrong:
            for what, model in faults(case, seed):
                found[what][level(model, seed)] += 1
    return name, dict(found)


def measure(seeds: int, wrong: int, jobs: int) -> dict[str, Found]:
    """Case -> what was wrong, or "exact" -> how often each level was given."""
    tasks = [(name, first, min(BLOCK, seeds - first), wrong) for first in range(0, seeds, BLOCK) for name in BUILDERS]
    total: dict[str, Found] = {name: {} for name in BUILDERS}
    with ProcessPoolExecutor(jobs) as pool:
        for name, found in pool.map(block, *zip(*tasks, strict=True)):
            tell(f"{name}: " + "; ".join(f"{what} {dict(levels)}" for what, levels in found.items()))
            for what, levels in found.items():
                total[name].setdefault(what, collections.Counter()).update(levels)
    return total


def rows_of(total: dict[str, Found]) -> list[dict[str, Any]]:
    """A row a case and fault: how many, the shares of the levels, and whether the promise is kept."""
    rows = []
    for name, found in total.items():
        for what, levels in found.items():
            n = sum(levels.values())
            good, condemned = levels[GOOD] / n, levels[UNTRUSTED] / n
            rows.append(
                {
                    "case": name,
                    "model": what,
                    "reports": n,
                    "good": good,
                    "usable": 1 - good - condemned,
                    "not trustworthy": condemned,
                }
            )
    return rows


def rates(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The two error rates over all cases."""

    def share(wanted: bool, key: str) -> float | None:
        chosen = [row for row in rows if (row["model"] == "exact") == wanted]
        total = sum(row["reports"] for row in chosen)
        return sum(row["reports"] * row[key] for row in chosen) / total if total else None

    condemned, good = share(True, "not trustworthy"), share(True, "good")
    missed = share(False, "good")
    worst = max((row["good"] for row in rows if row["model"] != "exact"), default=None)
    kept = condemned is not None and condemned <= CONDEMNED and (worst is None or worst <= 1 - CAUGHT)
    return {
        "exact condemned": condemned,
        "exact called good": good,
        "faults missed": missed,
        "faults missed, worst case": worst,
        "kept": kept,
    }


def main() -> None:
    """The table and both rates; exit code 1 where the promise is not kept."""
    parser = arguments(str(__doc__))
    parser.add_argument("--seeds", type=int, default=200, help="reports of each exact answer")
    parser.add_argument("--faults", type=int, default=40, help="reports of each case and fault")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    args = parser.parse_args()
    tell(f"{args.seeds} reports of each exact answer, {args.faults} of each fault")
    rows = rows_of(measure(args.seeds, args.faults, args.jobs))
    found = rates(rows)
    show("Verdicts on exact and on wrong maps", rows, found, args.json)
    raise SystemExit(0 if found["kept"] else 1)


if __name__ == "__main__":
    main()
