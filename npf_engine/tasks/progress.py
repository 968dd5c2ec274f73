"""What the stages of a run have done so far, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from npf_engine.tasks import steady

Tell = Callable[[float, str], None]  # the share that is done, and of what

# Of a training; the other kinds of run name theirs in kinds.py
STAGES = ("field", "u", "v", "m", "inverse", "report", "bundle")
SAVING = ("u", "v", "m", "inverse")  # those of them that keep checkpoints


@dataclass(frozen=True)
class Place:
    """Where a run is: a stage, or a part of one. status.json and events have its text, ``u: pairing``."""

    stage: str
    part: str = ""

    @staticmethod
    def of(text: str) -> Place:
        """Inverse of ``str``."""
        stage, _, part = text.partition(": ")
        return Place(stage, part)

    def __str__(self) -> str:
        return f"{self.stage}: {self.part}" if self.part else self.stage


@dataclass
class Stage:
    """One stage, or a part of one (see Place): waiting, started, done or restored; seconds once it is finished."""

    name: str
    state: str = "waiting"
    seconds: float | None = None
    began: float = 0.0
    step: int = 0
    total: int = 0

    @property
    def base(self) -> str:
        """The stage that a part belongs to; a stage's own name."""
        return Place.of(self.name).stage

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do in it."""
        return self.state in ("done", "restored")


class Board:
    """The stages of one run. ``weights`` are guesses of seconds a stage, set right by what was measured.

    A stage that runs is judged by its own rate; a stage that waits by its weight times the factor by which
    the stages before it missed theirs.
    """

    def __init__(self, clock: Callable[[], float] = steady.seconds, stages: Sequence[str] = STAGES) -> None:
        self.clock = clock
        self.stages = {name: Stage(name) for name in stages}
        self.current: Stage | None = None
        self.weights: dict[str, float] = {}
        self.scalars: dict[str, float] = {}
        self.rate: float | None = None  # steps a second, smoothed
        self._last: tuple[float, int] | None = None

    def plan(self, weights: dict[str, float]) -> None:
        """Take guesses of seconds a stage; a stage that nobody has heard of waits from now on."""
        self.weights = dict(weights)
        for name in weights:
            self.stages.setdefault(name, Stage(name))

    def mark(self, name: str, state: str, seconds: float | None = None) -> None:
        """Stage ``name`` is now ``started``, ``done`` or ``restored``."""
        stage = self.stages.setdefault(name, Stage(name))
        now = self.clock()
        if state == "started":
            stage.began, stage.step, stage.total = now, 0, 0
            self._turn_to(stage)
        else:
            if seconds is None and stage.state == "started":
                seconds = now - stage.began
            self._end_parts(name)
        stage.state, stage.seconds = state, seconds if state != "started" else None

    def advance(self, name: str, step: int, total: int, scalars: dict[str, float]) -> bool:
        """``step`` of ``total`` is done; whether this began a stage or a part. Parts lie within their stage's time."""
        stage = self.stages.setdefault(name, Stage(name))
        new = stage.state == "waiting"
        if new:
            self.mark(name, "started")
        elif self.current is not stage:
            self._turn_to(stage)
        if total == 1 < stage.total:
            step = total = stage.total  # a last look at a stage whose steps are over
        self._measure(step)
        stage.step, stage.total = step, total
        self.scalars.update(scalars)
        return new

    def _turn_to(self, stage: Stage) -> None:
        self._end_parts(stage.base, but=stage.name)
        self.current, self.rate, self._last, self.scalars = stage, None, None, {}

    def _end_parts(self, base: str, but: str = "") -> None:
        """A part has no end of its own: it is over when its stage, or another part of it, goes on."""
        for part in self.stages.values():
            if part.base == base and part.name not in (base, but) and part.state == "started":
                part.state, part.seconds = "done", self.clock() - part.began

    def _measure(self, step: int) -> None:
        now = self.clock()
        if self._last is not None and now > self._last[0] and step > self._last[1]:
            # A smoothed rate over about the last five seconds: stages have phases of different speed.
            elapsed = now - self._last[0]
            rate = (step - self._last[1]) / elapsed
            share = min(1.0, elapsed / 5.0)
            self.rate = rate if self.rate is None else (1 - share) * self.rate + share * rate
        if self._last is None or step != self._last[1]:
            self._last = (now, step)

    def shift(self, seconds: float) -> None:
        """Leave a pause of ``seconds`` out of the running stage's time."""
        for stage in self.stages.values():
            if stage.state == "started":
                stage.began += seconds
        if self._last is not None:
            self._last = (self._last[0] + seconds, self._last[1])

    def seconds_left(self) -> float | None:
        """Seconds until the end, or None while nothing is known."""
        rest = self._current_left()
        waiting = [stage.name for stage in self.stages.values() if stage.state == "waiting"]
        if waiting and not self.weights:
            return None
        factor = self._factor()
        waits = sum(self.weights.get(name, 0.0) * factor for name in waiting)
        return None if rest is None else rest + waits

    def _current_left(self) -> float | None:
        stage = self.current
        if stage is None or stage.finished:
            return 0.0
        by_rate = max(0, stage.total - stage.step) / self.rate if self.rate and stage.total else None
        if by_rate is not None and stage.name == stage.base:
            return by_rate
        whole = self.stages.get(stage.base, stage)
        if whole.name not in self.weights or whole.state != "started":
            return by_rate
        by_weight = self.weights[whole.name] * self._factor() - (self.clock() - whole.began)
        return max(0.0, by_rate or 0.0, by_weight)

    def _factor(self) -> float:
        """Measured seconds over guessed seconds, of all work done so far."""
        spent = guessed = 0.0
        for name, weight in self.weights.items():
            stage = self.stages[name]
            if stage.state == "done" and stage.seconds is not None:
                spent, guessed = spent + stage.seconds, guessed + weight
            elif stage.state == "started" and stage.step and stage.total:
                spent += self.clock() - stage.began
                guessed += weight * min(1.0, stage.step / stage.total)
        return spent / guessed if guessed > 0 and spent > 0 else 1.0

    def to_json(self) -> dict[str, object]:
        """What status.json says of the stages."""
        stage = self.current
        left = self.seconds_left()
        return {
            "stage": stage.name if stage else None,
            "step": stage.step if stage else 0,
            "total": stage.total if stage else 0,
            "stages": [{"name": s.name, "state": s.state, "seconds": s.seconds} for s in self.stages.values()],
            "seconds_left": None if left is None else round(left, 1),
            "scalars": dict(self.scalars),
            "rate": self.rate,
        }
