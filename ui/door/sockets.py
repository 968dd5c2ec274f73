"""How many pages may be open at once, by address and in all: each is a session with memory of its own."""

from __future__ import annotations

from collections import Counter

from ui.door.settings import Limits


class Sockets:
    """The open connections of pages. All calls come from the one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count one more of this address; False, and not counted, where there are too many."""
        if self._open[address] >= self._limits.sockets_address or self._open.total() >= self._limits.sockets_total:
            return False
        self._open[address] += 1
        return True

    def leave(self, address: str) -> None:
        """One of this address is closed."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]
