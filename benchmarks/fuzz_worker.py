"""The process of ``fuzz_guided`` in which a reader is followed: libFuzzer keeps the files that go new ways through it.

Half of the files are damaged by libFuzzer, half where the structure of the format lies (``fuzzing``). A find is noted
and the process goes on; one that dies is started again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import atheris

from npf_engine.errors import InputError
from npf_engine.tasks import lockdown
from npf_engine.tasks.child import Limits

HANG_SECONDS, STUCK_SECONDS = 5.0, 20.0  # of the processor: told by Python, and where a library in C never returns
LOOK = 200  # files between two looks at the memory
LEAKED = 300 << 20  # bytes, from which the process is begun anew
FOLLOWED = ("npf_engine.fields", "npf_engine.tasks.archives", "npf_engine.bundle")


class Hang(BaseException):
    """A file took too long."""


class Worker:
    """One process: reads file after file, counts them, and keeps what is a find."""

    def __init__(self, read: Callable[[Path], object], state: Path, name: str, seconds: float) -> None:
        self.read, self.state, self.path, self.seconds = read, state, state / name, seconds
        self.counts: Counter[str] = Counter()
        self.finds: set[str] = set()
        self.began, self.told = time.process_time(), 0.0
        self.held = _held()

    def one(self, data: bytes) -> None:
        """A file: a field, a sentence, or a find."""
        self.path.write_bytes(data)
        self.counts["files"] += 1
        signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)
        signal.setitimer(signal.ITIMER_VIRTUAL, STUCK_SECONDS)
        try:
            self.read(self.path)
            self.counts["fields"] += 1
        except InputError as error:
            if len(str(error)) > 2000 or "\n" in str(error):
                self._find("a sentence that is none", str(error)[:300], data)
        except MemoryError:
            self.counts["at_the_limit"] += 1
        except (Exception, Hang) as error:
            _stop()
            self._find(_place(error), traceback.format_exc()[-3000:], data)
        _stop()
        self._tell()

    def _find(self, where: str, what: str, data: bytes) -> None:
        if where in self.finds:
            return
        self.finds.add(where)
        number = len(list(self.state.glob("find-*.txt"))) + 1
        (self.state / f"find-{number}.txt").write_text(f"{where}\n\n{what}\n")
        (self.state / f"find-{number}-{self.path.name}").write_bytes(data)

    def _tell(self) -> None:
        spent = time.process_time() - self.began
        if spent - self.told > 1.0 or spent > self.seconds:
            self.told = spent
            (self.state / "counts.json").write_text(json.dumps({"seconds": spent, **self.counts}))
        if spent > self.seconds or (self.counts["files"] % LOOK == 0 and _held() > self.held + LEAKED):
            (self.state / "counts.json").write_text(json.dumps({"seconds": spent, **self.counts}))
            os._exit(0)


def _stop() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _hang(*_: object) -> None:
    raise Hang(f"over {HANG_SECONDS:g} seconds")


def _held() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


def _place(error: BaseException) -> str:
    """By what finds are told apart: the exception and the last line of ours that it came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "npf_engine" in f.filename]
    last = frames[-1] if frames else None
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}" if last else type(error).__name__


def main() -> None:
    """Read until the seconds of the processor are spent."""
    parser = argparse.ArgumentParser()
    parser.add_argument("reader")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--library", action="append", default=[])
    args = parser.parse_args()
    with atheris.instrument_imports(include=[*FOLLOWED, *args.library]):
        from benchmarks import fuzz_readers

        reader = fuzz_readers.readers()[args.reader]
        seeds = reader.target.seeds()
        for k, content in enumerate(seeds):  # a library that is loaded late is followed, and is not the file's memory
            (args.state / args.reader).write_bytes(content)
            (args.corpus / f"seed-{k}").write_bytes(content)
            with contextlib.suppress(InputError):
                reader.target.read(args.state / args.reader)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        try:
            if rng.random() < 0.5:
                return atheris.Mutate(data, longest)
            return rng.choice(reader.target.mutators)(bytes(data), rng)[:longest]
        except Exception:  # of the fuzzer's own, whose memory the limit counts too
            return data

    limits = Limits()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    worker = Worker(reader.target.read, args.state, args.reader, args.seconds)
    lockdown.limit(limits.memory, None, limits.file_bytes, 512)
    signal.signal(signal.SIGPROF, _hang)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    worker.held = _held()
    longest = reader.longest or 2 * max(map(len, seeds))
    flags = ("-timeout=3600", "-rss_limit_mb=0", "-malloc_limit_mb=0", "-close_fd_mask=3", "-len_control=0")
    atheris.Setup(
        [sys.argv[0], *flags, f"-seed={args.seed}", f"-max_len={longest}", str(args.corpus)],
        worker.one,
        custom_mutator=mutate,
    )
    try:
        atheris.Fuzz()
    except BaseException:  # the fuzzer's, not a file's: its own way out waits for ever in the destructors of C++
        (args.state / "died.txt").write_text(traceback.format_exc())
        os._exit(1)


if __name__ == "__main__":
    main()
