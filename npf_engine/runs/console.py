"""The recorder that talks to a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from npf_engine.numbers import number
from npf_engine.tasks.checkpoints import ProgressRecorder
from npf_engine.tasks.progress import STAGES


class ConsoleRecorder(ProgressRecorder):
    """A progress line on a terminal (stderr), or a line every ten seconds where there is none."""

    def __init__(
        self,
        folder: Path | str | None = None,
        stream: TextIO | None = None,
        quiet: bool = False,
        stages: Sequence[str] = STAGES,
    ) -> None:
        """With a folder, checkpoints are kept there and a broken run goes on from them."""
        super().__init__(folder, stages)
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self._live = self.stream.isatty()
        self._shown = 0.0
        self._width = 0

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """Show the step."""
        self.board.advance(stage, int(step), int(total), {key: float(value) for key, value in scalars.items()})
        self._show()

    def stage(self, name: str, state: str, seconds: float | None = None) -> None:
        """A line for a finished stage."""
        self.board.mark(name, state, seconds)
        self.text = ""
        if state != "started":
            taken = self.board.stages[name].seconds
            self.note(f"{name} {state}" + (f" in {duration(taken)}" if taken is not None else ""))

    def note(self, text: str) -> None:
        """A line of its own."""
        if not self.quiet:
            self._erase()
            print(text, file=self.stream, flush=True)

    def _show(self) -> None:
        now = time.monotonic()
        if self.quiet or now - self._shown < (0.2 if self._live else 10.0):
            return
        self._shown = now
        stage, rate, left = self.board.current, self.board.rate, self.board.seconds_left()
        parts = [f"{stage.name} {stage.step}/{stage.total}" if stage else "None 0/0"]
        parts += [f"{rate:.1f} step/s"] if rate else []
        parts += [f"{duration(left)} left"] if left is not None else []
        parts += [f"{key} {number(value, 4)}" for key, value in self.board.scalars.items()]
        line = "  ".join([*parts, self.text] if self.text else parts)
        if not self._live:
            print(line, file=self.stream, flush=True)
            return
        line = line[:118]
        print("\r" + line.ljust(self._width), end="", file=self.stream, flush=True)
        self._width = len(line)

    def _erase(self) -> None:
        if self._live and self._width:
            print("\r" + " " * self._width + "\r", end="", file=self.stream)
            self._width = 0


def duration(seconds: float) -> str:
    """Seconds as people say them: 8 s, 3:05 min, 2:10 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60}:{whole % 60:02d} min" if whole < 3600 else f"{whole // 3600}:{whole // 60 % 60:02d} h"
