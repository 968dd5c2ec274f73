"""The command line: one JSON value on stdout with --json, progress on stderr.

Exit code 0: done. 1: ``doctor`` found what must be mended, or a training failed. 2: bad input. 130: stopped by Ctrl-C.
The last three come with one sentence on stderr.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence

from npf_engine.cli.parser import build_parser
from npf_engine.errors import Cancelled, InputError

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    out = sys.stdout
    try:
        args = build_parser().parse_args(argv)
        # Whatever a library prints goes to stderr: stdout belongs to the answer.
        with contextlib.redirect_stdout(sys.stderr):
            answer = args.run(args)
        if answer is None:
            return OK
        text = json.dumps(_finite(answer.data), allow_nan=False, ensure_ascii=False) if args.json else answer.text
        print(text, file=out, flush=True)
        return OK if answer.ok else FAILED
    except InputError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except (KeyboardInterrupt, Cancelled) as error:
        print(f"\n{error}" if str(error) else "\nstopped", file=sys.stderr)
        return INTERRUPTED
    except (FloatingPointError, MemoryError) as error:
        say = f"the numbers ran away ({error}); try a smaller learning rate or another seed"
        print("memory ran out; choose fewer samples" if isinstance(error, MemoryError) else say, file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # The reader of our output went away (``| head``); nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _finite(data: object) -> object:
    from npf_engine.runs.files import finite

    return finite(data)
