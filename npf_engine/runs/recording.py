"""The recorder that keeps a run folder up to date, and hears what is wished of the run."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from npf_engine.errors import Cancelled, DiskFull
from npf_engine.runs.claims import Claim
from npf_engine.runs.states import TOLD_TO_END
from npf_engine.tasks import layout, steady
from npf_engine.tasks.checkpoints import ProgressRecorder
from npf_engine.tasks.processes import Identity
from npf_engine.tasks.progress import SAVING, STAGES
from npf_engine.tasks.recorder import State

STATUS_SECONDS = 0.25
EVENT_SECONDS = 0.5
EVENTS_A_STAGE = 300  # above that, events get rarer
CONTROL_SECONDS = 0.1
SNAPSHOT_SECONDS = 1.0
# How long a stop waits for the training to save first; work between two checkpoints is lost after that.
SAVE_PATIENCE = 4.0
ROOM_SECONDS = 1.0  # between two tries on a full disk
ROOM = 2**20  # bytes that must be free again before work that found no room is done again


class FolderRecorder(ProgressRecorder):
    """Keeps a run folder's status, events, log, picture and checkpoints, and hears its control file.

    status.json is replaced at most four times a second; events.jsonl gets fewer lines the longer a stage
    lasts (about a thousand a stage at most), so that hours of training stay small.
    """

    def __init__(self, folder: Path | str, stages: Sequence[str] = STAGES, saving: Sequence[str] = SAVING) -> None:
        """Make the folder where it is missing. Raises InputError where that cannot be done.

        ``saving`` are stages that are known to keep checkpoints; one that asks whether a checkpoint is due joins them.
        """
        super().__init__(folder, stages)
        self.root = Path(folder)
        with layout.writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        self.state = "running"
        self.error: str | None = None
        self.terminated = False
        self.ended_by = TOLD_TO_END  # why, where it was terminated
        self.claim: Claim | None = None  # of a job on the folder
        self._status_at = self._control_at = self._picture_at = 0.0
        self._event_at = -math.inf  # on the board's clock, which has nothing to do with the machine's
        self._wish: str | None = None
        self._wish_at = 0.0
        self._saved_since_wish = False
        self._saving = set(saving)
        self._untold: tuple[str, dict[str, float]] = ("", {})
        self.waiting: str | None = None  # why it rests by itself
        before = (layout.read_json(self.root / layout.STATUS) or {}).get("worked")
        self.earlier = max(0.0, float(before)) if isinstance(before, int | float) else 0.0
        self._made = self.clock()

    # what the worker's shell calls

    def sign(self) -> None:
        """Say in the folder which process is at it, and on which machine."""
        me = Identity.of(os.getpid())
        who = me.to_json() if me else {"pid": os.getpid(), "start": "unknown"}
        who["host"] = platform.node()
        self._when_there_is_room(lambda: layout.write_json(self.root / layout.WORKER, who))

    def begin(self) -> None:
        """The work starts, or goes on."""
        self.state, self.error = "running", None
        self._event("run", state="running")
        self._status(force=True)

    def finish(self, state: str, error: str | None = None) -> None:
        """The work is over: ``done``, ``cancelled``, ``interrupted`` or ``failed`` with one sentence."""
        self.state, self.error = state, error
        with contextlib.suppress(Cancelled):  # there is no room for it, and nobody wants to wait
            self._event("run", state=state, **({"error": error} if error else {}))
            self._when_there_is_room(self._write_status)

    def worked(self) -> float:
        """Seconds of work on the run until now, rests left out, in this process and those before it."""
        return self.earlier + self.clock() - self._made

    def wait_for_room(self, sentence: str, seconds: float) -> None:
        """Rest ``seconds`` at least, and until there is room on the disk again. Raises Cancelled on a wish to end."""
        until = steady.seconds() + seconds

        def probe() -> None:
            if steady.seconds() < until:
                raise DiskFull(sentence)
            path = self.root / ".probe"
            layout.write_atomic(path, b"0" * ROOM)
            path.unlink(missing_ok=True)

        self._when_there_is_room(probe)

    # the recorder's protocol

    def check(self) -> None:
        """Raise Cancelled when the control file says cancel or the process got TERM; block while it says pause (a job
        of a cluster ends then). Raises Superseded where another worker has taken the run.

        The training is given the chance to save before either.
        """
        now = time.monotonic()
        if self._wish is None and now - self._control_at < CONTROL_SECONDS:
            return
        self._control_at = now
        self._must_be_ours()
        wish = "cancel" if self.terminated else self._control()
        if wish is None:
            self._wish = None
            return
        if self._wish is None:
            self._wish, self._wish_at, self._saved_since_wish = wish, now, False
        if self._saves() and not self._saved_since_wish and now - self._wish_at < SAVE_PATIENCE:
            return
        if wish == "pause" and not (self.claim and self.claim.remote):
            self._pause()
        else:
            raise Cancelled("the run was stopped")

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """Note the step; written at most four times a second, and at a stage's last step.

        ``u: pairing`` is a part of stage u. Numbers that are told now and then go into the next event.
        """
        plain = {key: float(value) for key, value in scalars.items()}
        new = self.board.advance(stage, int(step), int(total), plain)
        if new:
            self._event("stage", name=stage, state="started")
        now, told = self.board.stages[stage], self.board.clock()
        if stage != self._untold[0]:
            self._untold = (stage, {})
        self._untold[1].update(plain)
        last = now.step >= now.total
        if last or told - self._event_at >= max(EVENT_SECONDS, (told - now.began) / EVENTS_A_STAGE):
            self._event_at = told
            values = {"stage": stage, "step": now.step, "total": now.total, "rate": self.board.rate}
            values["worked"] = round(self.worked(), 3)
            self._event("progress", **values, **self._untold[1])
            self._untold = (stage, {})
        self._status(force=last or new)

    def stage(self, name: str, state: str, seconds: float | None = None) -> None:
        """Stage ``name`` is now ``started``, ``done`` or ``restored``."""
        self.board.mark(name, state, seconds)
        self.text = ""
        self._event("stage", name=name, state=state, seconds=self.board.stages[name].seconds)
        self._status(force=True)

    def note(self, text: str) -> None:
        """A sentence for log.txt and the events."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self._append(layout.LOG, f"{stamp}  {text}\n")
        self._event("note", text=text)

    def snapshot(self, name: str, **arrays: np.ndarray) -> None:
        """The newest live picture, at most one a second; key ``name`` in the file says what it shows."""
        now = time.monotonic()
        if now - self._picture_at < SNAPSHOT_SECONDS:
            return
        self._picture_at = now
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=True, **{"name": np.array(name), **arrays})
        with contextlib.suppress(DiskFull):
            layout.write_atomic(self.root / layout.SNAPSHOT, buffer.getvalue())

    def checkpoint_due(self) -> bool:
        """Every ten seconds, and at once when the run is about to stop or pause."""
        if self.board.current is not None:
            self._saving.add(self.board.current.base)
        return super().checkpoint_due() or (self._wish is not None and not self._saved_since_wish)

    def save(self, key: str, state: State) -> None:
        """As ProgressRecorder.save, with an event."""
        self._must_be_ours()
        self._when_there_is_room(lambda: super(FolderRecorder, self).save(key, state))
        self._saved_since_wish = True
        self._event("checkpoint", key=key)

    # inside

    def _saves(self) -> bool:
        """Whether the stage at work is one that saves; for another there is nothing to wait for."""
        stage = self.board.current
        return stage is not None and stage.base in self._saving and stage.state == "started"

    def _must_be_ours(self) -> None:
        if self.claim is not None:
            self.claim.check()

    def _control(self) -> str | None:
        try:
            word = (self.root / layout.CONTROL).read_text(errors="replace").strip()
        except OSError:
            return None
        return word if word in ("pause", "cancel") else None

    def _pause(self) -> None:
        began = steady.seconds()
        self.state = "paused"
        self._event("run", state="paused")
        self._status(force=True)
        while self._control() == "pause" and not self.terminated:
            time.sleep(0.1)
        self._rested(steady.seconds() - began)
        self._wish = None
        self.state = "running"
        self._event("run", state="running")
        self._status(force=True)

    def _status(self, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._status_at < STATUS_SECONDS:
            return
        self._status_at = now
        with contextlib.suppress(DiskFull):  # the next one may find room
            self._write_status()

    def _write_status(self) -> None:
        status = {"state": self.state, **self.board.to_json(), "text": self.text, "updated": time.time()}
        status |= {"worked": round(self.worked(), 3), "waiting": self.waiting}
        if self.error:
            status["error"] = self.error
        layout.write_json(self.root / layout.STATUS, status)

    def _when_there_is_room(self, write: Callable[[], None]) -> None:
        """Do it; on a full disk rest until it can be done, which is told. Raises Cancelled on a wish to end."""
        began: float | None = None
        while True:
            try:
                write()
                break
            except DiskFull as error:
                began = steady.seconds() if began is None else began
                self.waiting = f"{error}; the run waits and goes on by itself"
                self._status(force=True)
                if self.terminated or self._control() == "cancel":
                    raise Cancelled("the run was stopped while it waited for room on the disk") from None
                time.sleep(ROOM_SECONDS)
        if began is not None:
            self.waiting = None
            self._rested(steady.seconds() - began)
            self._status(force=True)
            self.note("there is room on the disk again; the run goes on")

    def _rested(self, seconds: float) -> None:
        """Leave a rest out of all times."""
        self.paused += seconds
        self.board.shift(seconds)

    def _event(self, kind: str, **values: object) -> None:
        line = json.dumps(layout.finite({"t": round(time.time(), 3), "kind": kind, **values}), allow_nan=False)
        self._append(layout.EVENTS, line + "\n")

    def _append(self, name: str, text: str) -> None:
        path = self.root / name

        def write() -> None:
            with layout.writing(path), open(path, "ab") as file:
                file.write(text.encode())

        self._when_there_is_room(write)
