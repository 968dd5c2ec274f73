"""Who is alive, seen from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from npf_engine.errors import InputError
from npf_engine.tasks import processes
from npf_engine.tasks.processes import FileLock, Identity


def sleeper(code: str = "import time; time.sleep(60)") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)


def test_a_zombie_and_a_dead_process_are_not_alive():
    child = sleeper()
    identity = Identity.of(child.pid)
    assert identity is not None and identity.alive()
    assert Identity.from_json(identity.to_json()) == identity
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet waited for: a zombie
    assert not identity.alive()
    child.wait()
    assert not identity.alive() and Identity.of(child.pid) is None


def test_another_start_is_another_process():
    me = Identity.of(os.getpid())
    assert me is not None and me.alive()
    assert not Identity(os.getpid(), me.start + "0").alive()


def test_a_start_is_counted_from_the_boot_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch):
    me = Identity.of(os.getpid())
    assert me is not None
    if processes.BOOT.exists():  # as the kernel has it: field 22 of its line, in ticks
        line = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        assert me.start == f"{processes.BOOT.read_text().strip()}:{line[19]}"
    born, boot = psutil.Process().create_time(), psutil.boot_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: born + 7200.0)
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 7200.0)  # the clock was set: both move with it
    assert me.alive()


@pytest.mark.parametrize("junk", [None, {}, {"pid": "x", "start": 1}, {"pid": None, "start": ""}, {"pid": 3}])
def test_junk_is_no_identity(junk):
    assert Identity.from_json(junk) is None


def test_end_kills_a_whole_group_that_ignores_term():
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], preexec_fn=lambda: "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = sleeper(code)
    assert parent.stdout is not None
    grandchild = Identity.of(int(parent.stdout.readline()))
    identity = Identity.of(parent.pid)
    assert identity is not None and grandchild is not None
    processes.end(identity, patience=0.3)
    assert not identity.alive()
    deadline = time.monotonic() + 60
    while grandchild.alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not grandchild.alive()
    parent.wait()


def test_a_signal_never_reaches_another_process_with_the_same_number():
    child = sleeper()
    processes.signal_group(Identity(child.pid, "another time"), signal.SIGKILL)
    time.sleep(0.1)
    assert child.poll() is None
    child.kill()
    child.wait()


def test_a_lock_dies_with_its_holder(tmp_path):
    path = tmp_path / "lock"
    code = (
        "from pathlib import Path; from npf_engine.tasks.processes import FileLock; import time; "
        f"lock = FileLock(Path({str(path)!r})); print(lock.acquire(), flush=True); time.sleep(60)"
    )
    holder = sleeper(code)
    assert holder.stdout is not None and holder.stdout.readline() == b"True\n"
    lock = FileLock(path)
    assert not lock.acquire(0.1)
    with pytest.raises(InputError, match="another process has held"), lock.held(0.1):
        pass
    holder.kill()
    holder.wait()
    assert lock.acquire()
    lock.release()
