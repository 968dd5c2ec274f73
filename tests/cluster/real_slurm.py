"""A real Slurm of two nodes on this machine: munge, slurmctld and two slurmd of Debian's packages, in a folder."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.conftest import missing

PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge"}
CONFIG = """
ClusterName=npf
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={place}/munge.sock
CredType=cred/munge
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool-%n
SlurmctldPidFile={place}/ctld.pid
SlurmdPidFile={place}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdTimeout=10
KillWait=10
MinJobAge=300
MaxJobCount=1000
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cores}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cores}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=10
"""
NODES = ("n1", "n2")


def install() -> None:
    """Debian's packages, where they are not there and may be installed; else says which."""
    lacking = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if lacking and os.geteuid() == 0 and shutil.which("apt-get"):
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=env)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *lacking], check=True, env=env)
    elif lacking:
        missing(f"a real Slurm is needed: apt-get install {' '.join(lacking)}")


class Slurm:
    """The cluster. ``cores`` of each node are counted, not given: both are this machine."""

    def __init__(self, place: Path, cores: int = 2) -> None:
        self.place, self.cores = place, cores
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        ports = [_free_port() for _ in range(3)]
        text = CONFIG.format(host=platform.node(), ports=ports, user=getpass.getuser(), place=place, cores=cores)
        self.config = place / "slurm.conf"
        self.config.write_text(text)
        self.env = os.environ | {"SLURM_CONF": str(self.config)}

    def up(self) -> None:
        (self.place / "state").mkdir()
        key = self.place / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = {"key": "munge.key", "socket": "munge.sock", "pid": "munged.pid", "log": "munged.log", "seed": "seed"}
        options = [
            f"--{key if key in ('socket',) else f'{key}-file'}={self.place / name}" for key, name in files.items()
        ]
        self._begin("munged", ["munged", "--force", "--foreground", *options])
        _until(lambda: (self.place / "munge.sock").exists(), "munged")
        self._begin("slurmctld", ["slurmctld", "-D", "-c"])
        for node in NODES:
            self.node_up(node)
        _until(lambda: self.states() == ["idle", "idle"], "two idle nodes")

    def node_up(self, node: str) -> None:
        self._begin(node, ["slurmd", "-D", "-N", node])

    def kill(self, node: str, *, hang: bool = False) -> list[psutil.Process]:
        """kill -9 of a node's daemon and of all that it had started, which with ``hang`` is only stopped: returned."""
        daemon, steps = self._daemons.pop(node), self._started(node)
        # At once, as where the power fails: a step that saw its worker die would tell the controller.
        for number in (signal.SIGSTOP,) if hang else (signal.SIGSTOP, signal.SIGKILL):
            for process in steps:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
        daemon.kill()
        daemon.wait()
        return steps

    def stop_controller(self) -> None:
        daemon = self._daemons.pop("slurmctld")
        daemon.terminate()
        daemon.wait(30)

    def start_controller(self) -> None:
        self._begin("slurmctld", ["slurmctld", "-D"])
        _until(lambda: self.states() == ["idle", "idle"], "two idle nodes")

    def heal(self) -> None:
        """No job, and both nodes idle."""
        self.ask("scancel", "--user", str(os.getuid()))
        for node in NODES:
            if node not in self._daemons:
                self.node_up(node)
            self.ask("scontrol", "update", f"NodeName={node}", "State=RESUME", check=False)
        _until(lambda: self.states() == ["idle", "idle"], "two idle nodes")

    def down(self) -> None:
        """End all of it: the daemons first, then what they have started, until nothing is left."""
        for daemon in reversed(list(self._daemons.values())):
            daemon.terminate()
        for daemon in self._daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for _ in range(20):
            left = [process for process in self._started() if process.status() != psutil.STATUS_ZOMBIE]
            if not left:
                break
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, 0.5)

    def ask(self, *words: str, text: str = "", check: bool = True) -> str:
        found = subprocess.run(words, input=text, env=self.env, capture_output=True, text=True, check=False, timeout=60)
        assert found.returncode == 0 or not check, f"{words}: {found.stderr}"
        return found.stdout

    def states(self) -> list[str]:
        return self.ask("sinfo", "-h", "-N", "-p", "main", "-o", "%t", check=False).split()

    def jobs(self) -> list[tuple[str, str, str, str]]:
        """Number, name, state, node of every job that is not forgotten."""
        lines = self.ask("squeue", "-h", "-t", "all", "-o", "%A|%j|%T|%N").splitlines()
        found = [line.split("|") for line in lines]
        return [(number, name, state, node) for number, name, state, node in found]

    def _begin(self, name: str, words: list[str]) -> None:
        with open(self.place / f"{name}.out", "ab") as out:
            self._daemons[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env
            )

    def _started(self, node: str = "") -> list[psutil.Process]:
        """What the daemons have started, or that of one node: steps, and what runs in them."""
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter(["environ", "name"]):
            env = process.info["environ"] or {}
            ours = env.get("SLURM_CONF") == str(self.config) and process.pid != os.getpid()
            if ours and (env.get("SLURMD_NODENAME") == node or (not node and "SLURM_JOB_ID" in env)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    step = process.parent()
                    if step is not None and step.name() == "slurmstepd":
                        found[step.pid] = step
                found[process.pid] = process
            elif not node and process.info["name"] == "slurmstepd" and self._listens(process):
                found[process.pid] = process
        return list(found.values())

    def _listens(self, process: psutil.Process) -> bool:
        """Whether a step has its socket here; its title is written over its environment."""
        with contextlib.suppress(psutil.Error):
            return any(str(end.laddr).startswith(str(self.place)) for end in process.net_connections("unix"))
        return False


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _until(condition: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.2)
