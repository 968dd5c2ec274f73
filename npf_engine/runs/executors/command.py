"""How a worker is started, wherever that is: its command and its environment."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from npf_engine.errors import InputError

PACKAGE_ROOT = Path(__file__).resolve().parents[3]
COMMAND_VARIABLE = "NPF_WORKER_COMMAND"
ATTEMPT = "NPF_ATTEMPT"  # told to the worker of a job: which attempt it is (jobs.py)


def worker_command() -> list[str]:
    """The command of a worker, ``{folder}`` standing for the run folder: NPF_WORKER_COMMAND (a JSON list) or ours."""
    text = os.environ.get(COMMAND_VARIABLE)
    if not text:
        return [sys.executable, "-u", "-m", "npf_engine", "worker", "{folder}"]
    try:
        command = json.loads(text)
    except ValueError:
        command = None
    if not isinstance(command, list) or not command or not all(isinstance(part, str) for part in command):
        raise InputError(f"{COMMAND_VARIABLE} must be a JSON list of strings with '{{folder}}' in it, not {text!r}")
    return command


def on_folder(command: Sequence[str], folder: Path) -> list[str]:
    """The command of the worker of this run folder."""
    return [part.replace("{folder}", str(folder)) for part in command]


def environment(home: Path, command: Sequence[str]) -> dict[str, str]:
    """What a worker inherits: ours, with the home, the package where it is imported from, and the command itself."""
    paths = [str(PACKAGE_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    env = os.environ | {"NPF_HOME": str(home), "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
    env[COMMAND_VARIABLE] = json.dumps(list(command))
    env.pop(ATTEMPT, None)  # of the worker that started the queue as it ended
    return env


def positive(variable: str, default: int) -> int:
    """A positive whole number of the environment. Raises InputError for anything else."""
    text = os.environ.get(variable) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"{variable} must be a positive whole number, not {text!r}")
    return int(text)
