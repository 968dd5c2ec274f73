"""Where workers run. LocalExecutor starts them on this machine: own session, niced, one to a slot."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.tasks import layout, processes
from npf_engine.tasks.processes import Identity

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
COMMAND_VARIABLE = "NPF_WORKER_COMMAND"


@functools.cache
def accelerators() -> tuple[str, ...]:
    """Slots of this machine's accelerators: cuda0, cuda1, ... or mps0, or none."""
    import torch

    if torch.cuda.is_available():
        return tuple(f"cuda{index}" for index in range(torch.cuda.device_count()))
    return ("mps0",) if torch.backends.mps.is_available() else ()


def cpu_slots() -> int:
    """How many trainings share the CPU: NPF_CPU_SLOTS, 1 by default. Raises InputError for anything but 1, 2, ..."""
    text = os.environ.get("NPF_CPU_SLOTS") or "1"
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"NPF_CPU_SLOTS must be a positive whole number, not {text!r}")
    return int(text)


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


class LocalExecutor:
    """Starts, finds and ends workers on this machine."""

    def __init__(self, home: Path, command: Sequence[str] | None = None) -> None:
        """``command`` with ``{folder}`` in it starts a worker; the default is ``python -m npf_engine worker``."""
        self.home = home
        self.command = list(command) if command is not None else worker_command()
        self.on_exit: Callable[[], None] | None = None

    def slots(self, device: str) -> list[str]:
        """The slots that a run with this setting of ``device`` may take."""
        if device != "cpu" and accelerators():
            return list(accelerators())
        return [f"cpu{index}" for index in range(cpu_slots())]

    def start(self, folder: Path, slot: str) -> Identity:
        """Start a worker on a run folder, its output going to log.txt. Raises InputError where that fails."""
        command = [part.replace("{folder}", str(folder)) for part in self.command]
        with layout.writing(folder / layout.LOG), open(folder / layout.LOG, "ab") as log:
            try:
                # The new session makes the worker deaf to the terminal's Ctrl-C and hang-up, and a group of its own.
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env=self._environment(slot),
                )
            except FileNotFoundError:
                raise InputError(
                    f"the worker's command {command[0]!r} does not exist; check {COMMAND_VARIABLE}"
                ) from None
        identity = Identity.of(child.pid) or Identity(child.pid, "gone")
        # Somebody has to wait for it, or it stays as a zombie when it ends.
        threading.Thread(target=self._reap, args=(child,), name=f"npf-reap-{child.pid}", daemon=True).start()
        return identity

    def _environment(self, slot: str) -> dict[str, str]:
        paths = [str(PACKAGE_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        env = os.environ | {"NPF_HOME": str(self.home), "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
        env[COMMAND_VARIABLE] = json.dumps(self.command)
        if slot.startswith("cuda"):
            visible = [item for item in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if item]
            index = int(slot.removeprefix("cuda"))
            env["CUDA_VISIBLE_DEVICES"] = visible[index] if index < len(visible) else str(index)
        return env

    def _reap(self, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        if self.on_exit is not None:
            self.on_exit()

    def find(self, folder: Path, known: Identity | None) -> Identity | None:
        """The living worker of a run folder: the one we started, or the one that signed the folder."""
        if known is not None and known.alive():
            return known
        signed = Identity.from_json(layout.read_json(folder / layout.WORKER))
        return signed if signed is not None and signed.alive() else None

    def terminate(self, worker: Identity) -> None:
        """Ask the group to end."""
        processes.signal_group(worker, signal.SIGTERM)

    def kill(self, worker: Identity) -> None:
        """End the group at once."""
        processes.signal_group(worker, signal.SIGKILL)

    def end(self, worker: Identity) -> None:
        """TERM, a moment, KILL; returns when it is gone."""
        processes.end(worker)
