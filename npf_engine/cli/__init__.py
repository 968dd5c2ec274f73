"""The command line: one JSON value on stdout with --json, progress on stderr.

Exit code 0: done. 1: ``doctor`` found what must be mended, or a training failed. 2: bad input. 130: stopped by Ctrl-C.
The last three come with one sentence on stderr.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from npf_engine.cli.parser import build_parser
from npf_engine.errors import Cancelled, InputError, TrainingDiverged
from npf_engine.tasks.memory import keep_freed_memory

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. Once a plain KeyboardInterrupt has passed through code compiled from a string, as some of torch's is,
    Python ends the process by the signal whatever ``main`` returns; one of our own keeps exit code 130."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        with _interruptible():
            return _run(argv)
    except InputError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except TrainingDiverged as error:
        print(error, file=sys.stderr)
        return FAILED
    except FloatingPointError as error:
        print(f"the training diverged ({error}); try a smaller learning rate or another seed", file=sys.stderr)
        return FAILED
    except MemoryError:
        print("memory ran out; choose fewer samples or smaller networks and batches", file=sys.stderr)
        return FAILED
    except (KeyboardInterrupt, Cancelled) as error:
        print(f"\n{error}" if str(error) else "\nstopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (``| head``); nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _run(argv: Sequence[str] | None) -> int:
    args = build_parser().parse_args(argv)
    if args.server is not None and args.command != "train":
        raise InputError(f"--server takes `train` alone, not {args.command!r}; run it here, or on a page of the server")
    keep_freed_memory()
    out = sys.stdout
    # Whatever a library prints goes to stderr: stdout belongs to the answer.
    with contextlib.redirect_stdout(sys.stderr):
        answer = args.run(args)
    if answer is None:
        return OK
    print(_json(answer.data) if args.json else answer.text, file=out, flush=True)
    return OK if answer.ok else FAILED


def _json(data: object) -> str:
    from npf_engine.tasks.layout import finite

    return json.dumps(finite(data), allow_nan=False, ensure_ascii=False)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C raises Interrupted for as long as the block runs (in the main thread; others get no signals)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(*_: object) -> None:
    raise Interrupted
