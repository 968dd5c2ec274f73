"""Seconds of work on a clock that does not leap: for rates, budgets, time left and every duration that is kept.

The wall clock is set right by the network, and the monotonic clock of a virtual machine leaps by days when the machine
was frozen. Here a light thread takes the time once a second; what lies between two of its looks counts, but never more
than ``MOST``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BEAT = 1.0  # seconds between two looks of the thread
# Of one interval, seconds. A loaded machine may keep the thread waiting that long; a leap is minutes at least.
MOST = 30.0


class SteadyClock:
    """Seconds since it was made, leaps of ``source`` left out; for many threads. ``look`` must be called now and then.

    A leap backwards counts as no time at all.
    """

    def __init__(self, source: Callable[[], float] | None = None, most: float = MOST) -> None:
        self.source, self.most = source or time.perf_counter, most
        self._lock = threading.Lock()
        self._last, self._sum = self.source(), 0.0

    def look(self) -> float:
        """Seconds that have passed until now."""
        with self._lock:
            now = self.source()
            passed, self._last = now - self._last, now
            self._sum += min(max(0.0, passed), self.most)
            return self._sum


_clock = SteadyClock()
_beating: list[threading.Thread] = []


def seconds() -> float:
    """The clock of this process."""
    if not _beating:
        _start()
    return _clock.look()


def _start() -> None:
    """Without the thread, a step that takes longer than ``MOST`` would be cut short."""
    _clock.look()
    thread = threading.Thread(target=_beat, name="npf-clock", daemon=True)
    _beating.append(thread)
    thread.start()


def _beat() -> None:
    while True:
        _clock.look()
        time.sleep(BEAT)
