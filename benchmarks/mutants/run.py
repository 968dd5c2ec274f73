"""make check-mutants: a sample of small faults in the mathematics, and whether the tests see them.

A mutant is caught when one of its tests fails, or takes many times its time. Asked are the tests that run the changed
lines, those of the same room and the quickest first, up to BUDGET seconds of CPU.

The libraries for this do not fit. cosmic-ray starts a process for every mutant, with one command for all of them: the
imports of torch alone cost more than most of these tests. mutmut forks, but only after all tests ran in the parent,
whose threads torch's kernels then wait for in the fork; and it leaves decorated functions alone, here all that stands
under ``torch.no_grad``, ``property`` and ``staticmethod``. Neither drops a term, an axis, a ``square`` or a centring.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import random
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutants import server
from benchmarks.mutants.operators import Mutant, mutants
from benchmarks.mutants.seen import Entry, Seen, Watcher

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".mutants"
ROOMS = {
    "networks": "npf_engine/networks",
    "divergences": "npf_engine/divergences",
    "transport": "npf_engine/transport",
    "polar": "npf_engine/polar",
    "sampling": "npf_engine/sampling",
    "measures": "npf_engine/measures",
    "studies": "npf_engine/studies",
}
# No mathematics in them: processes, files, names, what progress says, what a form offers.
NOT_MATHEMATICS = (
    "npf_engine/networks/sizes.py",
    "npf_engine/measures/embedding.py",
    "npf_engine/studies/recolor/run.py",
    "npf_engine/polar/storage.py",
    "npf_engine/polar/watching.py",
    "npf_engine/studies/classifier/*",
    "npf_engine/sampling/replay.py",
    "npf_engine/sampling/learned.py",
    "npf_engine/sampling/setting.py",
    "npf_engine/studies/lab/progress.py",
    "npf_engine/transport/methods/*",
)
BUDGET = 10.0  # CPU seconds of tests for a mutant that none of them sees
FOREIGN = 2.0  # a second of another room's test counts as much as two of the own room's


@dataclass(frozen=True)
class Equivalent:
    """Mutants that change nothing a test could see: path, where, before and after are patterns (fnmatch), statement a
    part of the statement's text; reason says why."""

    path: str
    reason: str
    where: str = "*"
    before: str = "*"
    after: str = "*"
    statement: str = ""

    def holds(self, mutant: Mutant) -> bool:
        """Whether this one is meant."""
        pairs = ((mutant.path, self.path), (mutant.where, self.where))
        texts = ((mutant.before, self.before), (mutant.after, self.after))
        return (
            all(fnmatch.fnmatchcase(value, pattern) for value, pattern in pairs)
            and all(pattern == "*" or pattern == value for value, pattern in texts)
            and self.statement in mutant.statement
        )


def equivalents() -> list[Equivalent]:
    """Those of equivalent.toml, beside this file."""
    rows = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text())["equivalent"]
    return [Equivalent(**row) for row in rows]


def all_mutants(rooms: list[str]) -> list[Mutant]:
    """Every fault of these rooms' modules."""
    files = sorted({path for room in rooms for path in (ROOT / ROOMS[room]).rglob("*.py")})
    if "sampling" not in rooms:
        files = [file for file in files if ROOT / ROOMS["sampling"] not in file.parents]
    found: list[Mutant] = []
    for file in files:
        path = file.relative_to(ROOT).as_posix()
        if not any(fnmatch.fnmatchcase(path, pattern) for pattern in NOT_MATHEMATICS):
            found += mutants(path, file.read_text())
    return found


def test_files(rooms: list[str]) -> list[str]:
    """The test files of these rooms, whose layout is the engine's: those of the sampling are polar's."""
    folders = {ROOT / "tests" / ROOMS[room].split("/")[1] for room in rooms}
    return sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("test_*.py"))


def asked(mutant: Mutant, tests: dict[str, Entry], budget: float) -> tuple[list[str], float]:
    """The names of the tests to run, in order, and the CPU seconds that they take without the fault."""
    first, last = mutant.lines
    at = {name for name, test in tests.items() if any(first <= n <= last for n in test.lines.get(mutant.path, ()))}
    if not mutant.where or "." not in mutant.where:  # what runs at import is seen by all who use the module
        at = at or {name for name, test in tests.items() if mutant.path in test.lines and not mutant.where}
    room = "tests/" + mutant.path.split("/")[1] + "/"

    def price(name: str) -> float:
        test = tests[name]
        return (test.seconds + sum(test.shared.values())) * (1.0 if name.startswith(room) else FOREIGN)

    groups: dict[str, list[str]] = {}
    for name in sorted(at, key=price):
        alone = not tests[name].shared
        groups.setdefault(name if alone else name.partition("::")[0] + "|" + min(tests[name].shared), []).append(name)
    chosen, spent, made = list[str](), 0.0, set[str]()
    for group in groups.values():
        for name in group:
            fresh = {key: value for key, value in tests[name].shared.items() if key not in made}
            cost = tests[name].seconds + sum(fresh.values())
            if chosen and spent + cost > budget:
                continue
            chosen.append(name)
            spent += cost
            made |= set(fresh)
    return chosen, spent


def pytest_args(names: list[str]) -> list[str]:
    """Stop at the first failure, quietly, nothing written."""
    return [
        *names,
        "-x",
        "-q",
        "--no-header",
        "--tb=line",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-W",
        "ignore",
    ]


def judge(mutant: Mutant, names: list[str], seconds: float) -> str:
    """``caught``, ``hangs`` (caught as well), ``survived`` or ``unseen`` (no test runs the line)."""
    if not names:
        return "unseen"
    source = (ROOT / mutant.path).read_text()

    def task(text: str) -> int:
        server.put_in_place(ROOT / mutant.path, text)
        import pytest

        return int(pytest.main(pytest_args(names)))

    limits = 20 + 5 * seconds, 90 + 30 * seconds
    code = server.forked(lambda: task(mutant.applied(source)), *limits, KEPT / "last.txt")
    if code is None:
        return "hangs"
    if code in (4, 5, 70) and server.forked(lambda: task(source), *limits, KEPT / "clean.txt") != 0:
        # Not the fault's doing, which may well break an import: the tests do not run without it either.
        raise RuntimeError(f"the tests of {mutant.name} could not run:\n" + (KEPT / "clean.txt").read_text()[-3000:])
    return "survived" if code == 0 else "caught"


def build_map(seen: Seen, files: list[str]) -> None:
    """Run the test files whose entry is old, each in a fork of its own."""
    stale = seen.stale(files)
    for index, file in enumerate(stale, 1):
        print(f"which tests see which lines: {index} of {len(stale)}, {file}", flush=True)
        result = KEPT / "tests.json"
        result.unlink(missing_ok=True)

        def task(file: str = file, result: Path = result) -> int:
            found = Watcher(ROOT).run(file)
            result.write_text(json.dumps({name: test.__dict__ for name, test in found.items()}))
            return 0

        server.forked(task, 900, 3600, KEPT / "map.txt")
        rows = json.loads(result.read_text()) if result.is_file() else {}
        seen.add(file, {name: Entry(**row) for name, row in rows.items()})


def main() -> int:
    """Exit code 0 where at least --least percent are caught, the equivalent ones left out."""
    options = _options()
    sys.path.insert(0, str(ROOT))
    KEPT.mkdir(exist_ok=True)
    server.warm()
    rooms = options.rooms.split(",")
    files = test_files(rooms)
    seen = Seen(ROOT, KEPT / "seen.json")
    build_map(seen, files)
    tests, excused = seen.tests(files), equivalents()
    pool = [m for m in all_mutants(rooms) if fnmatch.fnmatchcase(m.path, options.only)]
    sample = random.Random(options.seed).sample(pool, min(options.count, len(pool)))
    print(f"{len(sample)} of {len(pool)} mutants, seed {options.seed}, {len(tests)} tests", flush=True)
    verdicts: Counter[str] = Counter()
    began = time.monotonic()
    for index, mutant in enumerate(sample, 1):
        reason = next((e.reason for e in excused if e.holds(mutant)), None)
        verdict = "equivalent" if reason else judge(mutant, *asked(mutant, tests, options.budget))
        verdicts[verdict] += 1
        if verdict in ("survived", "unseen") or options.verbose:
            print(f"[{index}] {verdict}: {mutant.name}\n      line {mutant.lines[0]}: {mutant.statement}", flush=True)
    return _sum_up(verdicts, time.monotonic() - began, options.least)


def _sum_up(verdicts: Counter[str], seconds: float, least: float) -> int:
    caught = verdicts["caught"] + verdicts["hangs"]
    counted = sum(verdicts.values()) - verdicts["equivalent"]
    share = 100 * caught / max(1, counted)
    print(
        f"{caught} of {counted} caught: {share:.1f} % ({verdicts['hangs']} by the time they took), "
        f"{verdicts['survived']} survived, {verdicts['unseen']} on lines that no quick test runs, "
        f"{verdicts['equivalent']} equivalent and excused; {seconds / 60:.1f} minutes"
    )
    return 0 if share >= least else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rooms", default=",".join(ROOMS), help="names with commas between")
    parser.add_argument("--only", default="*", help="pattern of the modules' paths")
    parser.add_argument("--budget", type=float, default=BUDGET, help="CPU seconds of tests for a mutant")
    parser.add_argument("--least", type=float, default=90.0, help="percent to be caught")
    parser.add_argument("--verbose", action="store_true", help="name those that were caught as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
