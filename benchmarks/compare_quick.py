"""The preset ``quick`` of this checkout and of another one, in turn on this machine: seconds, accuracy, ratio.

    git worktree add /tmp/before COMMIT
    python -m benchmarks.compare_quick --before /tmp/before [--field Chamonix.tif] [--rounds 3] [--threads 2] [--json]

Both run in the same environment. The ratio is of the medians, by the clock and by the processor's time; the latter
tells less of what else the machine does meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
RATIOS = ("pushforward", "measure_preservation", "inverse")


def run(checkout: Path, field: str, threads: int) -> dict[str, Any]:
    """One training by the command line: seconds by the clock and of the processor, by stage, and its figures."""
    command = [sys.executable, "-m", "npf_engine", "train", field, "--preset", "quick", "--threads", str(threads)]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [*command, "--json"], cwd=checkout, env=environment, capture_output=True, text=True, check=True
    )
    after, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begin
    answer = json.loads(done.stdout)
    figures = {name: round(answer["metrics"][name]["ratio"], 3) for name in RATIOS}
    miss = answer["metrics"]["inverse_miss"]
    return {
        "clock": clock,
        "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "stages": answer["seconds"],
        "figures": figures | {"inverse_miss_mean": miss["mean"], "inverse_miss_median": miss["median"]},
    }


def main() -> None:
    """Print both and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the code to compare with")
    parser.add_argument("--field", default="jacksboro", help="a name, or the path of a raster")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    field = str(Path(asked.field).resolve()) if Path(asked.field).exists() else asked.field
    runs: dict[str, list[dict[str, Any]]] = {"before": [], "now": []}
    for _ in range(asked.rounds):
        for name, checkout in (("before", asked.before.resolve()), ("now", HERE)):
            runs[name].append(run(checkout, field, asked.threads))
    ratio = {}
    for key in ("clock", "processor"):
        now, before = (statistics.median(one[key] for one in runs[name]) for name in ("now", "before"))
        ratio[key] = round(now / before, 3)
    if asked.json:
        print(json.dumps({"field": asked.field, "threads": asked.threads, "ratio": ratio} | runs))
        return
    for name, several in runs.items():
        for one in several:
            stages = "  ".join(f"{stage} {seconds:.1f}" for stage, seconds in one["stages"].items())
            print(f"{name:6s} {one['clock']:6.1f} s, of the processor {one['processor']:6.1f}:  {stages}")
            print(f"       {one['figures']}")
    print(f"ratio now / before: {ratio}")


if __name__ == "__main__":
    main()
