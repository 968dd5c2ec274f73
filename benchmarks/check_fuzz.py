"""make check-fuzz SECONDS=60: damaged files for every reader; what is not answered by a field or a sentence is a find.

Each target has a process of its own, in which its reader parses one damaged file after another under the memory limit
of a real child. A find is an exception that is not InputError, a file that takes over five seconds of CPU, or a process
that dies; its file is kept in --out. Exit code 1 where there is any. Files stopped at the limit of memory, which a
child answers by a sentence, are counted apart.

A reader to come is one more line in ``targets``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import fuzz_bundle, fuzz_grid, fuzz_mesh, fuzz_seeds, fuzzing
from benchmarks.fuzzing import Target, any_bytes, in_ifd, in_npy, in_png, in_text, in_zip
from npf_engine.errors import InputError
from npf_engine.fields import clouds, pictures
from npf_engine.fields.readers import file_reading
from npf_engine.fields.spec import FieldSpec
from npf_engine.tasks import lockdown
from npf_engine.tasks.child import Limits

HANG_SECONDS = 5


class Hang(BaseException):
    """A file took too long."""


def upload(path: Path) -> None:
    """What preview and field do with a file."""
    spec = FieldSpec(source="fuzz", sigma=1.0)
    seen = file_reading.read_preview(path, spec)
    try:
        file_reading.read_upload(path, spec)
    except InputError:
        return
    assert seen.ok, f"the preview refused what the field takes: {seen.defects}"


def _picture(path: Path) -> object:
    return pictures.decode(path, None)


def targets() -> dict[str, Target]:
    """Every reader, by the name of the file that it is given."""
    found = [
        Target("a.tif", fuzz_seeds.tifs, (any_bytes, in_ifd, in_ifd), upload),
        Target("a.tif.zip", lambda: fuzz_seeds.zipped("a.tif", fuzz_seeds.tifs()), (in_zip(in_ifd), any_bytes), upload),
        Target(
            "N45E006.hgt.zip",
            lambda: fuzz_seeds.zipped("N45E006.hgt", fuzz_seeds.tiles()),
            (any_bytes, in_zip(any_bytes)),
            upload,
        ),
        Target("a.csv", fuzz_seeds.csvs, (in_text, in_text, any_bytes), upload),
        Target("a.parquet", fuzz_seeds.parquets, (any_bytes,), upload),
        Target("a.npz", fuzz_seeds.npzs, (in_zip(in_npy), any_bytes), upload),
        Target("points.npz", fuzz_seeds.npzs, (in_zip(in_npy), any_bytes), clouds.read_points),
        Target("points.csv", fuzz_seeds.csvs, (in_text, any_bytes), clouds.read_points),
        Target("photo.png", fuzz_seeds.photos, (any_bytes, in_png, in_ifd), _picture),
        Target("npf-bundle.zip", fuzz_bundle.seeds, (fuzz_bundle.mutator,), fuzz_bundle.target),
        *fuzz_mesh.targets(),
        *fuzz_grid.targets(),
    ]
    return {target.name: target for target in found}


def work(
    target: Target, seed: int, seconds: float, folder: Path, results: Any, clock: Callable[[], float] = time.monotonic
) -> None:
    """Damage and read until the time is up; finds go to ``results`` as they come."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where decoders in C say what they think of the files
    limits = Limits()
    lockdown.limit(limits.memory, None, limits.file_bytes, 512)
    signal.signal(signal.SIGPROF, _hang)
    rng = random.Random(seed)
    path, count, end = folder / target.name, 0, clock() + seconds
    seeds = target.seeds()
    target = Target(target.name, lambda: seeds, target.mutators, target.read)
    while clock() < end:
        path.write_bytes(fuzzing.damaged(target, rng))
        count += 1
        signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)
        try:
            target.read(path)
        except InputError as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            if len(str(error)) > 2000 or "\n" in str(error):
                results.put(("find", "a sentence that is none", str(error)[:300], path.read_bytes()))
        except MemoryError:
            signal.setitimer(signal.ITIMER_PROF, 0)
            results.put(("limit", "", "1", b""))
        except (Exception, Hang) as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            results.put(("find", _place(error), traceback.format_exc()[-3000:], path.read_bytes()))
        signal.setitimer(signal.ITIMER_PROF, 0)
    results.put(("count", "", str(count), b""))


def _hang(*_: object) -> None:
    raise Hang(f"over {HANG_SECONDS} seconds")


def _place(error: BaseException) -> str:
    """By what finds are told apart: the exception and the last line of ours that it came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "npf_engine" in f.filename]
    last = frames[-1] if frames else None
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}" if last else type(error).__name__


def fuzz(target: Target, seed: int, seconds: float, out: Path) -> tuple[Counter[str], dict[str, str]]:
    """Counts of files read and of files stopped at the limit of memory, and each find once: where -> what."""
    context = multiprocessing.get_context("spawn")
    finds: dict[str, str] = {}
    total, end = Counter[str](), time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="npf-fuzz-") as folder:
        while time.monotonic() < end:
            results = context.SimpleQueue()
            arguments = (target.name, seed, end - time.monotonic(), folder, results)
            worker = context.Process(target=_work_named, args=arguments)
            worker.start()
            while worker.is_alive() or not results.empty():
                if results.empty():
                    time.sleep(0.05)
                    continue
                kind, where, what, data = results.get()
                if kind != "find":
                    total[kind] += int(what)
                elif where not in finds:
                    finds[where] = what
                    (out / f"{len(finds)}-{target.name}").write_bytes(data)
            worker.join()
            if worker.exitcode:
                where = f"the process died ({worker.exitcode})"
                last = Path(folder) / target.name
                if where not in finds and last.exists():
                    finds[where] = "see the file"
                    (out / f"{len(finds)}-{target.name}").write_bytes(last.read_bytes())
            seed += 1
    return total, finds


def _work_named(name: str, seed: int, seconds: float, folder: str, results: Any) -> None:
    os.environ["MALLOC_ARENA_MAX"] = "1"
    work(targets()[name], seed, seconds, Path(folder), results)


def main() -> int:
    """Fuzz the targets asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--target", action="append", choices=list(targets()), help="default: all")
    parser.add_argument("--out", type=Path, default=None, help="folder for the files that are finds")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args()
    out = args.out or Path(tempfile.mkdtemp(prefix="npf-finds-"))
    out.mkdir(parents=True, exist_ok=True)
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(10**6)
    rows = []
    for name, target in targets().items():
        if args.target and name not in args.target:
            continue
        count, finds = fuzz(target, seed, args.seconds, out)
        rows.append({"target": name, "files": count["count"], "at_the_limit": count["limit"], "finds": finds})
        if not args.json:
            told = f"{name:18} {count['count']:9,} files  {count['limit']:5,} at the limit  {len(finds)} finds"
            print(told, *(f"    {f}" for f in finds), sep="\n", flush=True)
    if args.json:
        print(json.dumps({"seed": seed, "rows": rows}, indent=1))
    elif any(row["finds"] for row in rows):
        print(f"seed {seed}; the files are in {out}")
    return 1 if any(row["finds"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
