"""A fuzzer that is led by coverage: each reader for so many seconds of the processor.

    python -m pip install -r requirements-bench.txt
    python -m benchmarks.fuzz_guided a.csv a.vtu --seconds 600 --out finds

Files that go new ways through a reader are kept in --out and damaged further, so that a second call goes on where the
first ended. A find is an exception that is not InputError, a refusal that is no sentence, a file that takes over five
seconds of the processor, or one that ends the process and has no sentence from the locked child either; each has its
file and a text with the traceback in --out. Exit code 1 where there is any. Where the memory of a child is not enough
the child says so: counted apart.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import fuzz_readers

_REACHED = re.compile(rb"cov: (\d+) ft: (\d+) corp: (\d+)")
STUBBORN = 40  # processes in a row that died of a file within their first second: the hunt is given up
START_SECONDS = 120.0  # of the processor, in which a process must read its first files


@dataclass
class Told:
    """seconds of the processor while files were read; edges and features of the code that were reached."""

    seconds: float = 0.0
    edges: int = 0
    features: int = 0
    corpus: int = 0
    starts: int = 0
    counts: Counter[str] = field(default_factory=Counter)


def hunt(name: str, reader: fuzz_readers.Reader, seconds: float, out: Path, seed: int) -> Told:
    """Read damaged files until the time is spent; finds and the corpus are in ``out``."""
    corpus, told, idle = out / "corpus", Told(), 0
    corpus.mkdir(parents=True, exist_ok=True)
    while told.seconds < seconds and idle < STUBBORN:
        told.starts += 1
        counts, code = _work(name, reader, seconds - told.seconds, out, seed + told.starts)
        spent = float(counts.pop("seconds", 0.0))
        idle = idle + 1 if spent < 1.0 else 0
        told.seconds += spent
        told.counts.update({key: int(value) for key, value in counts.items()})
        for edges, features, kept in _REACHED.findall((out / "log").read_bytes()):
            told.edges, told.features = max(told.edges, int(edges)), max(told.features, int(features))
            told.corpus = int(kept)
        if code:
            told.counts["ended"] += 1
            _ended(name, out, code)
    return told


def _work(name: str, reader: fuzz_readers.Reader, seconds: float, out: Path, seed: int) -> tuple[dict[str, float], int]:
    counts = out / "counts.json"
    counts.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.fuzz_worker", name, "--seconds", str(seconds), "--state", str(out)]
    command += ["--corpus", str(out / "corpus"), "--seed", str(seed)]
    command += [part for library in reader.libraries for part in ("--library", library)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])

    def limits() -> None:
        most = int(seconds + START_SECONDS + 60)
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))

    with open(out / "log", "wb") as log:
        code = subprocess.run(command, stdout=log, stderr=log, env=environment, cwd=out, preexec_fn=limits).returncode
    return (json.loads(counts.read_text()) if counts.exists() else {}), code


def _ended(name: str, out: Path, code: int) -> None:
    """The process died of a file: a find, unless the locked child answers by a sentence, as a visitor has it."""
    path = out / name
    if not path.exists():
        return
    answer = _child_says(path)
    kind = "ended" if answer else "find"
    number = len(list(out.glob(f"{kind}-*.txt"))) + 1
    (out / f"{kind}-{number}.txt").write_text(f"the process died ({code}); its child says: {answer or 'nothing'}\n")
    (out / f"{kind}-{number}-{name}").write_bytes(path.read_bytes())


def _child_says(path: Path) -> str:
    """The sentence of the child that reads such files; a word of praise where it reads this one."""
    from npf_engine.fields import pictures, uploads

    try:
        if path.name.startswith("photo"):
            pictures.open_picture(path)
            return "nothing wrong"
        if not path.name.endswith(uploads.SUFFIXES) or path.name.startswith("npf-"):
            return ""
        return " ".join(uploads.preview(path).defects) or "nothing wrong"
    except Exception as error:
        return str(error) if type(error).__name__ in ("InputError", "Stopped") else ""


def main() -> int:
    """Each reader that is named, or all of them in the order of what may be wrong."""
    every = fuzz_readers.readers()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", nargs="*", help=f"of {', '.join(every)}; default: all")
    parser.add_argument("--seconds", type=float, default=600.0, help="of the processor, for each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="folder for corpora and finds")
    args = parser.parse_args()
    unknown = set(args.reader) - set(every)
    if unknown:
        parser.error(f"no reader is called {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    out = args.out or Path(tempfile.mkdtemp(prefix="npf-guided-"))
    found = 0
    for name in args.reader or every:
        folder = (out / name).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        told = hunt(name, every[name], args.seconds, folder, args.seed)
        finds = sorted(folder.glob("find-*.txt"))
        found += len(finds)
        row = {"reader": name, "seconds": round(told.seconds, 1), "edges": told.edges, "features": told.features}
        row |= {"corpus": told.corpus, "starts": told.starts, **told.counts, "finds": len(finds)}
        print(json.dumps(row), *(f"    {f.name}: {f.read_text().splitlines()[0]}" for f in finds), sep="\n", flush=True)
    print(f"corpora and finds are in {out}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
