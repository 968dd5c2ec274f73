"""How much one person may have in the queue, at work and on the disk, where people sign in; no limits unless they are
set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from npf_engine.errors import InputError

MB = 2**20
QUEUED, RUNNING, DISK = "NPF_QUOTA_QUEUED", "NPF_QUOTA_RUNNING", "NPF_QUOTA_DISK_MB"


@dataclass(frozen=True)
class Quotas:
    """The most for one person, None for no limit. queued: runs that wait, work or rest; running: runs at work at once;
    disk: megabytes of his runs and uploads."""

    queued: int | None = None
    running: int | None = None
    disk: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Quotas:
        """The quotas of this server. Raises InputError where a variable cannot be understood."""
        env = os.environ if environment is None else environment
        return cls(*(_whole(name, env.get(name, "").strip()) for name in (QUEUED, RUNNING, DISK)))

    def check_queue(self, have: int, more: int) -> None:
        """Raise InputError where ``more`` runs beside those that he has would be too many."""
        if self.queued is not None and have + more > self.queued:
            raise InputError(
                f"{have} of your runs wait, work or rest, and {self.queued} is the most for one person; wait until "
                "some are done, or cancel some"
            )

    def check_disk(self, have: int, more: int = 0) -> None:
        """Raise InputError where his files, ``have`` bytes, have no room for ``more``."""
        if self.disk is not None and have + more > self.disk * MB:
            raise InputError(
                f"your runs and uploads take {have / MB:,.0f} MB, and {self.disk:,} MB is the most for one person; "
                "delete runs that are not needed"
            )

    def waits(self, rounds: int) -> str:
        """Why a run waits that has so many of its owner's at work or before it; empty where it does not for that."""
        if self.running is None or rounds < self.running:
            return ""
        return f"{self.running} of its owner's runs are at work or before it, the most for one person at once"


def used(paths: Iterable[Path]) -> int:
    """Bytes of files, and of all that is in folders; what goes away meanwhile is not counted."""
    total = 0
    for path in paths:
        for folder, _, names in os.walk(path) if path.is_dir() else [(path.parent, (), [path.name])]:
            for name in names:
                try:
                    total += os.stat(os.path.join(folder, name), follow_symlinks=False).st_size
                except OSError:
                    continue
    return total


def _whole(name: str, given: str) -> int | None:
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:12]) <= 10**9):
        raise InputError(f"{name} is {given!r}: it must be a whole number from 1 on, or empty for no limit")
    return int(given)
