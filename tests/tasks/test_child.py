"""Functions in a child: their values, their limits, what they may not do, and how they end."""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import Cancelled, InputError
from npf_engine.tasks import child
from tests.tasks import jobs

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux's")


@pytest.fixture(autouse=True)
def own_temp(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own: whatever happens, nothing may stay in it."""
    folder = tmp_path_factory.mktemp("temp")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def children(parent: int, says: bytes) -> list[int]:
    """Processes below ``parent`` whose command line says so."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            above = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if above == parent and says in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:  # gone meanwhile
            continue
    return found


def living(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_values_arrays_and_refusals_travel(tmp_path: Path) -> None:
    found = child.call(jobs.answer, 6, ["a", "é"], what="x", returns=(jobs.Answer,))
    assert np.array_equal(found.numbers, np.arange(6, dtype=np.float32).reshape(3, 2))
    assert found.words == ("a", "é") and np.isnan(found.share)
    with pytest.raises(InputError, match=r"^in\.csv is no good; take another\.$") as caught:
        child.call(jobs.refuse, tmp_path / "in.csv", what="in.csv")
    assert not isinstance(caught.value, child.Stopped)
    with pytest.raises(child.Stopped):  # a type that was not asked for
        child.call(jobs.answer, 6, [], what="x")
    assert child.call(jobs.unpack, "kept here", what="x") == "kept here"


def test_each_limit_has_its_sentence(caplog: pytest.LogCaptureFixture) -> None:
    small = child.Limits(memory=200 << 20, seconds=1.0, patience=2.0, file_bytes=10_000_000)
    for job, arguments, reason, says in (
        (jobs.grow, (), "memory", "big.tif needs more than 0.2 GB of memory"),
        (jobs.spin, (), "time", "big.tif takes longer than 1 seconds"),
        (jobs.sleep, (60.0,), "time", "big.tif takes longer than 1 seconds"),
        (jobs.fill, (), "disk", "big.tif unpacks to more than 10 MB"),
        (jobs.fail, (), "crash", "big.tif cannot be read"),
        (jobs.abort, (), "crash", "big.tif cannot be read"),
    ):
        with pytest.raises(child.Stopped) as caught:
            child.call(job, *arguments, what="big.tif", limits=small)
        assert caught.value.reason == reason and str(caught.value).startswith(says), job
        assert str(caught.value).endswith(".")
    patient = child.Limits(seconds=1.0, patience=100.0)  # its processor's time ends long before the clock's
    with pytest.raises(child.Stopped, match="takes longer than 1 seconds") as caught:
        child.call(jobs.spin, what="big.tif", limits=patient)
    assert caught.value.reason == "time"
    assert "ZeroDivisionError" in caplog.text, "the server's log has what the visitor is not told"


@LINUX
def test_progress_is_passed_on_and_cancelling_kills() -> None:
    told: list[tuple[float, float, str]] = []
    assert child.call(jobs.count, what="x", progress=lambda *what: told.append(what)) == "done"
    assert [what for what in told if what[2].startswith("step")][-1] == (2, 3, "step 2")
    pids: list[int] = []

    def cancel(*_: object) -> None:
        pids.extend(children(os.getpid(), b"jobs:sleep"))
        if pids:
            raise Cancelled

    with pytest.raises(Cancelled):
        child.call(jobs.sleep, 60.0, what="x", progress=cancel)
    assert pids and not Path(f"/proc/{pids[0]}").exists()


@LINUX
def test_a_locked_child_reads_what_it_was_given_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPF_PASSWORD", "geheim")
    (tmp_path / "given").mkdir()
    named, secret = tmp_path / "given" / "in.tif", tmp_path / "secret.txt"
    named.write_bytes(b"II")
    secret.write_text("geheim")
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = child.call(jobs.probe, named, str(secret), server.getsockname()[1], what="x")
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    allowed = {key for key, value in found.items() if value == "done"}
    assert allowed - {"read named"} <= {"read secret", "list"}, found
    if _has_landlock():
        assert allowed == {"read named"}
    assert found["password"] == found["home"] == "absent"
    assert named.read_bytes() == b"II"


@LINUX
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of system calls are those of x86-64")
def test_a_parser_that_was_taken_over_stays_where_it_is() -> None:
    found = child.call(jobs.escapes, os.getpid(), what="x")
    allowed = {key for key, value in found.items() if value == "done"}
    assert allowed - {"environment of the parent"} == {"thread", "own limits", "own memory"}, found


@LINUX
@pytest.mark.parametrize(
    "text", ["x" * 60_000, "{}\n", "[1]\n", '{"event": "progress"}\n', '{"event": "failed"}\n', "\n"]
)
def test_reports_that_are_none_end_the_child_and_not_the_parent(text: str) -> None:
    with pytest.raises(child.Stopped) as caught:
        child.call(jobs.babble, text, what="big.tif")
    assert caught.value.reason == "crash" and str(caught.value).startswith("big.tif cannot be read")


def _has_landlock() -> bool:
    import ctypes

    return ctypes.CDLL(None).syscall(444, None, 0, 1) > 0


@LINUX
def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    code = """
        from npf_engine.tasks import child
        from tests.tasks import jobs
        child.call(jobs.sleep, 60.0, what="x")
    """
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=root, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    try:
        born: list[int] = []
        end = time.monotonic() + 60
        while not born and time.monotonic() < end:
            born = children(parent.pid, b"jobs:sleep")
            time.sleep(0.05)
        time.sleep(0.5)  # it has asked to be killed by now, or asks when its parent is gone, and ends
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert born
    while living(born[0]) and time.monotonic() < end:
        time.sleep(0.05)
    assert not living(born[0])


def test_a_job_that_runs_on_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPF_PASSWORD", "geheim")
    limits = child.Limits(writing=True)
    job = child.start(jobs.leave, tmp_path, limits=limits, log_file=tmp_path / "log.txt")
    assert job.wait(timeout=60) == 0, (tmp_path / "log.txt").read_text()
    assert (tmp_path / "left").read_text() == "absent True"


@LINUX
def test_children_end_before_their_server_where_memory_runs_out() -> None:
    own, seen = int(Path("/proc/self/oom_score_adj").read_text()), [-1000]

    def look(*_: object) -> None:
        seen.extend(int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in children(os.getpid(), b"jobs:sleep"))
        if seen[-1] > own:
            raise Cancelled

    with pytest.raises(Cancelled):
        child.call(jobs.sleep, 60.0, what="x", progress=look)


def test_what_killed_servers_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new = tmp_path / "npf-child-old", tmp_path / "npf-child-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "scratch").write_bytes(b"x")
    os.utime(old, (0, 0))
    assert child.call(jobs.unpack, "text", what="x") == "text"
    assert [path.name for path in tmp_path.iterdir()] == ["npf-child-new"]
