"""``progress`` of the library's calls: None is silent, True talks to stderr, a function is told every step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from npf_engine.errors import InputError
from npf_engine.runs.console import ConsoleRecorder
from npf_engine.tasks.checkpoints import ProgressRecorder
from npf_engine.tasks.recorder import Recorder

Tell: TypeAlias = Callable[[str, int, int], object]  # stage, step, total
Progress: TypeAlias = bool | Tell | None


class TellingRecorder(ProgressRecorder):
    """Calls ``tell(stage, step, total)``; what that raises ends the work."""

    def __init__(self, tell: Tell, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.tell = tell

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """Tell the step."""
        self.tell(stage, int(step), int(total))


def recorder(progress: Progress, folder: Path | None = None) -> Recorder:
    """The recorder that ``progress`` asks for; with a folder, checkpoints are kept there. Raises InputError."""
    if progress is None or progress is False:
        return ConsoleRecorder(folder, quiet=True)
    if progress is True:
        return ConsoleRecorder(folder)
    if not callable(progress):
        raise InputError(
            f"progress is a {type(progress).__name__}; pass True for stderr, or a function of (stage, step, total)"
        )
    return TellingRecorder(progress, folder)


def loader(progress: Progress) -> Callable[[float, float, str], None] | None:
    """The same for work that tells (done, total, text)."""
    if progress is None or progress is False:
        return None
    told = recorder(progress)

    def tell(done: float, total: float, text: str) -> None:
        told.progress(text, int(1000 * done / total) if total > 0 else 0, 1000)

    return tell
