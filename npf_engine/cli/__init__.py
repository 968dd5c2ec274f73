"""The command line: one JSON value on stdout with --json, progress on stderr.

Exit code 0: done. 1: ``doctor`` found what must be mended. 2: bad input, with one sentence on stderr.
130: stopped by Ctrl-C, with a sentence too.
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
    except BrokenPipeError:
        # The reader of our output went away (``| head``); nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _finite(data: object) -> object:
    from npf_engine.runs.files import finite

    return finite(data)
