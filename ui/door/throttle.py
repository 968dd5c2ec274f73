"""How fast passwords may be guessed: by address with a wait that doubles, and over all addresses together."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger("npf.door")

FREE = 4  # wrong passwords of an address before the first wait
LONGEST = 900.0  # seconds, the longest wait
FORGET = 3600.0  # seconds without an attempt after which an address begins anew
ADDRESSES = 10_000  # remembered at once; the one not heard of for longest goes first
ALL_WRONG, ALL_SECONDS = 120, 60.0  # wrong passwords from all addresses together within a minute
KNOWN = 1000  # addresses that once signed in: the limit over all does not lock them out


@dataclass
class _Record:
    wrong: int = 0
    free_at: float = 0.0
    heard: float = 0.0


class Throttle:
    """Guesses of passwords. Every refusal and every wrong password is one line in the log."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._all: deque[float] = deque()
        self._known: OrderedDict[str, None] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds that this address must wait before its next password is looked at; 0: it may try now."""
        now = self._clock()
        record = self._record(address, now)
        wait = record.free_at - now
        while self._all and now - self._all[0] > ALL_SECONDS:
            self._all.popleft()
        if len(self._all) >= ALL_WRONG and address not in self._known:
            wait = max(wait, ALL_SECONDS - (now - self._all[0]))
        if wait > 0:
            log.warning("sign-in: an attempt from %s was not looked at, %d s too early", address, wait + 1)
            return wait
        return 0.0

    def wrong(self, address: str) -> float:
        """Count a wrong password; seconds until the next one is looked at."""
        now = self._clock()
        record = self._record(address, now)
        record.wrong += 1
        self._all.append(now)
        over = record.wrong - FREE
        seconds = min(LONGEST, 2.0 ** min(over, 20)) if over > 0 else 0.0
        record.free_at = now + seconds
        log.warning("sign-in: wrong password no. %d from %s, next look in %d s", record.wrong, address, seconds)
        return seconds

    def right(self, address: str) -> None:
        """Forget what an address got wrong."""
        self._records.pop(address, None)
        self._known[address] = None
        self._known.move_to_end(address)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        log.info("sign-in: %s signed in", address)

    def _record(self, address: str, now: float) -> _Record:
        record = self._records.get(address)
        if record is None or now - record.heard > FORGET:
            record = self._records[address] = _Record()
        record.heard = now
        self._records.move_to_end(address)
        while len(self._records) > ADDRESSES:
            self._records.popitem(last=False)
        return record
