"""What a child may not do: limits of the kernel, no network, no other programs, no files but those it was given.

Linux has three means that need no privilege: resource limits, seccomp (which system calls), Landlock (which files).
Where one is absent (another system, an old kernel) the others stand; ``lock`` says which ones hold.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER, _ALLOW, _KILL, _ERRNO = 2, 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
GRACE_SECONDS = 2  # of CPU after the signal at the limit of time, until the one that nothing can catch
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3  # Landlock


@dataclass(frozen=True)
class Calls:
    """Numbers of system calls on one kind of processor. ``opens``: number -> which argument holds the flags."""

    arch: int
    network: tuple[int, ...]
    programs: tuple[int, ...]
    others: tuple[int, ...]  # other processes, name spaces, kernel facilities: nothing that a reader needs
    shared: tuple[int, ...]  # memory that no limit counts, or that outlives its process
    changes: tuple[int, ...]  # of folders and of files by name
    opens: tuple[tuple[int, int], ...]
    clone: int  # threads, and all that fork is made of
    mmap: int
    tgkill: int
    prlimit: int
    clone3: int = 435
    openat2: int = 437


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


CALLS = {
    "x86_64": Calls(
        0xC000003E,
        network=(41, 42, 43, 44, 46, 49, 50, 53, 288, 425),  # socket, connect, ..., io_uring_setup
        programs=(57, 58, 59, 322),  # fork, vfork, execve, execveat
        others=_numbers(
            "62 101 109 112 129 141 142 144 165 200 203 248 249 250 251 272 297 298 304 308 310 311 314 321 "
            "323 424 434 438"
        ),
        shared=(29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 220, 240, 241, 319, 447),  # shmget, ..., memfd_create
        changes=_numbers(
            "76 82 83 84 85 86 87 88 90 92 94 132 133 188 235 258 259 260 261 263 264 265 266 268 280 316"
        ),
        opens=((2, 1), (257, 2)),
        clone=56,
        mmap=9,
        tgkill=234,
        prlimit=302,
    ),
    "aarch64": Calls(
        0xC00000B7,
        network=(198, 199, 200, 201, 202, 203, 206, 211, 242, 425),
        programs=(221, 281),
        others=_numbers(
            "30 40 97 117 118 119 122 129 130 138 140 154 157 217 218 219 240 241 265 268 270 271 274 280 "
            "282 424 434 438"
        ),
        shared=(180, 181, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 279, 447),
        changes=(5, 33, 34, 35, 36, 37, 38, 45, 53, 54, 88, 276),
        opens=((56, 2),),
        clone=220,
        mmap=222,
        tgkill=131,
        prlimit=261,
    ),
}
_CLONE_THREAD, _MAP_SHARED, _MAP_ANONYMOUS = 0x10000, 0x01, 0x20


def limit(memory: int | None, seconds: float | None, file_bytes: int | None, open_files: int) -> None:
    """Set the kernel's limits for this process: bytes above what it holds now, seconds of CPU from now on.

    Memory is counted as private writable memory (RLIMIT_DATA), so libraries that are mapped from disk cost nothing.
    """
    go_first()
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_NOFILE, open_files)
    if memory is not None:
        _set(resource.RLIMIT_DATA, _held() + memory)
    if seconds is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        end = int(used.ru_utime + used.ru_stime + seconds) + 1
        # Where both limits are one, the kernel kills without SIGXCPU, and the parent takes it for want of memory.
        _set(resource.RLIMIT_CPU, end, end + GRACE_SECONDS)
    if file_bytes is not None:
        _set(resource.RLIMIT_FSIZE, file_bytes)


def go_first() -> None:
    """Where memory runs out, let the kernel end this process before the server that started it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("700")


def _set(which: int, value: int, most: int | None = None) -> None:
    """Limit to ``value``, and to ``most`` (else the same) for good; never above what this process may take already."""
    hard = resource.getrlimit(which)[1]
    within = [v if hard == resource.RLIM_INFINITY else min(v, hard) for v in (value, most or value)]
    resource.setrlimit(which, (within[0], within[1]))


def _held() -> int:
    """Bytes of private writable memory of this process; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")), 0)


def die_with(parent: int) -> None:
    """End this process when ``parent`` ends (on Linux), and at once where it has ended already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def lock(readable: Iterable[str | Path], *, network: bool, programs: bool, writing: bool) -> tuple[str, ...]:
    """Give up for good what the three flags do not allow. Returns the means that hold: "landlock", "seccomp".

    ``readable`` are the files and folders that may be read where ``writing`` is not allowed; files that are open
    already can be written to all the same.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    held = []
    if not writing and _landlock(readable):
        held.append("landlock")
    if _seccomp(network, programs, writing):
        held.append("seccomp")
    return tuple(held)


def _prctl(option: int, value: int) -> bool:
    return sys.platform == "linux" and _libc().prctl(option, *(ctypes.c_ulong(v) for v in (value, 0, 0, 0))) == 0


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def filter_program(calls: Calls, network: bool, programs: bool, writing: bool) -> bytes:
    """The BPF program that refuses what the flags do not allow, and allows all else."""
    refuse, absent = _ERRNO | errno.EACCES, _ERRNO | errno.ENOSYS
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, calls.arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, 0x40000000),
        (_RETURN, 0, 0, refuse),  # the x32 names of the same calls
    ]
    denied = [*(() if network else calls.network)]
    if not programs:
        denied += [*calls.programs, *calls.others, *calls.shared]
        steps += _alone(calls, refuse, absent)
    for number in (*denied, *(() if writing else calls.changes)):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    if not writing:
        steps += [(_EQUAL, 0, 1, calls.openat2), (_RETURN, 0, 0, absent)]  # its flags lie in memory: use openat
        for number, argument in calls.opens:
            steps += [
                (_EQUAL, 0, 4, number),
                (_LOAD, 0, 0, 16 + 8 * argument),
                (_ANY_BIT, 0, 1, _WRITING),
                (_RETURN, 0, 0, refuse),
                (_RETURN, 0, 0, _ALLOW),
            ]
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _alone(calls: Calls, refuse: int, absent: int) -> list[tuple[int, int, int, int]]:
    """Threads but no processes, signals and limits of this process alone, no memory that counts as nobody's."""

    def argument(number: int) -> tuple[int, int, int, int]:
        return (_LOAD, 0, 0, 16 + 8 * number)

    return [
        (_EQUAL, 0, 1, calls.clone3),
        (_RETURN, 0, 0, absent),  # its flags lie in memory: use clone
        (_EQUAL, 0, 4, calls.clone),
        argument(0),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 4, calls.tgkill),
        argument(0),
        (_EQUAL, 1, 0, os.getpid()),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 4, calls.prlimit),
        argument(0),
        (_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 5, calls.mmap),
        argument(3),
        (_ANY_BIT, 0, 2, _MAP_ANONYMOUS),
        (_ANY_BIT, 0, 1, _MAP_SHARED),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
    ]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _seccomp(network: bool, programs: bool, writing: bool) -> bool:
    calls = CALLS.get(platform.machine())
    if sys.platform != "linux" or calls is None:
        return False
    code = filter_program(calls, network, programs, writing)
    program = _Program(len(code) // 8, code)
    mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
    return _libc().prctl(_PR_SET_SECCOMP, mode, ctypes.byref(program), ctypes.c_ulong(0), ctypes.c_ulong(0)) == 0


def _landlock(readable: Iterable[str | Path]) -> bool:
    """Reading only below ``readable``. (Writing is seccomp's part.)"""
    if sys.platform != "linux":
        return False
    create, add, restrict = 444, 445, 446  # the same on every kind of processor
    both = _READ_FILE | _READ_FOLDER
    libc = _libc()
    rules = libc.syscall(create, struct.pack("Q", both), ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    try:
        for path in readable:
            try:
                handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            allowed = both if os.path.isdir(path) else _READ_FILE
            libc.syscall(add, rules, 1, struct.pack("=Qi", allowed, handle), 0)
            os.close(handle)
        return libc.syscall(restrict, rules, 0) == 0
    finally:
        os.close(rules)
