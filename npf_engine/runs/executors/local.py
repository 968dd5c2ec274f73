"""Workers on this machine: each in a session of its own, niced, one to a slot."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import threading
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs.executors import command, jobs
from npf_engine.runs.executors.executor import Executor, Worker
from npf_engine.runs.executors.node import Node, this_machine
from npf_engine.runs.executors.registry import register
from npf_engine.tasks import layout, processes
from npf_engine.tasks.processes import Identity


@functools.cache
def accelerators() -> tuple[str, ...]:
    """Slots of this machine's accelerators: cuda0, cuda1, ... or mps0, or none."""
    import torch

    if torch.cuda.is_available():
        return tuple(f"cuda{index}" for index in range(torch.cuda.device_count()))
    return ("mps0",) if torch.backends.mps.is_available() else ()


@functools.cache
def accelerator_names() -> tuple[str, ...]:
    """What they are called, in the order of their slots."""
    import torch

    return tuple(
        torch.cuda.get_device_name(int(slot.removeprefix("cuda"))) if slot.startswith("cuda") else "MPS"
        for slot in accelerators()
    )


@register
class LocalExecutor(Executor):
    """Starts, finds and ends workers on this machine."""

    name, title = "local", "This machine"

    def slots(self, device: str) -> list[str]:
        """The accelerators' where the run may use them and there are any, else as many as NPF_CPU_SLOTS says, or 1."""
        if device != "cpu" and accelerators():
            return list(accelerators())
        return [f"cpu{index}" for index in range(command.positive("NPF_CPU_SLOTS", 1))]

    def width(self, device: str, devices: int) -> int:
        """An accelerator each; processes of the processor share its slot."""
        return devices if device != "cpu" and accelerators() else 1

    def start(self, folder: Path, slot: str) -> Worker:
        """Start a worker on a run folder. Raises InputError where that fails."""
        words = command.on_folder(self.command, folder)
        env = self._environment(slot)
        if jobs.read(folder) is not None:  # a cluster had it before, and may have a worker that nobody hears of
            env[command.ATTEMPT] = str(jobs.next_attempt(folder, self.name).attempt)
        with layout.writing(folder / layout.LOG), open(folder / layout.LOG, "ab") as log:
            try:
                # The new session makes the worker deaf to the terminal's Ctrl-C and hang-up, and a group of its own.
                child = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env=env,
                )
            except FileNotFoundError:
                raise InputError(
                    f"the worker's command {words[0]!r} does not exist; check {command.COMMAND_VARIABLE}"
                ) from None
        identity = Identity.of(child.pid) or Identity(child.pid, "gone")
        # Somebody has to wait for it, or it stays as a zombie when it ends.
        threading.Thread(target=self._reap, args=(child,), name=f"npf-reap-{child.pid}", daemon=True).start()
        return Worker(identity)

    def _environment(self, slot: str) -> dict[str, str]:
        env = command.environment(self.home, self.command)
        if slot.startswith("cuda"):
            visible = [item for item in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if item]
            own = [int(part.removeprefix("cuda")) for part in slot.split("+")]
            env["CUDA_VISIBLE_DEVICES"] = ",".join(
                visible[index] if index < len(visible) else str(index) for index in own
            )
        return env

    def _reap(self, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        if self.on_exit is not None:
            self.on_exit()

    def find(self, folder: Path, known: Identity | None) -> Worker | None:
        """The living worker of a run folder: the one we started, or the one that signed the folder."""
        if known is not None and known.alive():
            return Worker(known)
        signed = Identity.from_json(layout.read_json(folder / layout.WORKER))
        return Worker(signed) if signed is not None and signed.alive() else None

    def nodes(self) -> list[Node]:
        """This one."""
        return [this_machine(accelerator_names())]

    def cancel(self, worker: Worker, *, now: bool = False) -> None:
        """TERM to the group, or KILL."""
        if worker.process is not None:
            processes.signal_group(worker.process, signal.SIGKILL if now else signal.SIGTERM)
