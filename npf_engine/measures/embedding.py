"""t-SNE of two clouds over each other, as a background task in a process of its own.

One embedding is one folder ``cache/embedding/<hash of the data and settings>`` under NPF_HOME: its input, its
status, its result. Whoever asks again for the same data gets the same folder, so the result is computed once,
survives a reload of the page and a restart of the app, and a second click finds the task that already runs. The
worker holds a lock on a file for as long as it lives: a task without a living worker is seen at once, and cancelling
never hits a foreign process.

van der Maaten and Hinton (2008), by scikit-learn: PCA to 50 dimensions first where d > 50, PCA start, perplexity 30.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from npf_engine.fields.cachedir import cache_folder
from npf_engine.settings import reading
from npf_engine.tasks import child
from npf_engine.tasks.files import read_json, write_atomic

INPUT, RESULT, STATUS, LOCK, LOG = "input.npz", "result.npz", "status.json", "worker.lock", "log.txt"
CANCELLED = "cancelled"
KILL_SECONDS = 5.0  # how long a worker may take to die of TERM
START_SECONDS = 60.0  # a worker that has not taken its lock by then never will
MOST_POINTS = 1000  # of each cloud: 222 dimensions take some 30 s
PCA_ABOVE = 50
LIMITS = child.Limits(memory=2 << 30, seconds=1800.0, writing=True)  # some 300 MB and a minute, on a slow machine more
VERSION = 1  # part of the hash: raise it when the recipe changes


@dataclass(frozen=True)
class State:
    """state: absent, running, done, failed or cancelled; text: one sentence; share: 0 to 1 of the work.

    points (n, 2): the embedding of both clouds, the first ``first`` of them from the first cloud; None until done.
    """

    state: str
    text: str = ""
    share: float = 0.0
    points: np.ndarray | None = None
    first: int = 0


class Embedding:
    """The t-SNE of clouds a (n, d) and b (m, d) together; at most 1000 points of each are used, chosen by the seed."""

    def __init__(
        self, a: np.ndarray, b: np.ndarray, *, seed: int = 0, perplexity: float = 30.0, steps: int = 1000
    ) -> None:
        rng = np.random.default_rng(seed)
        self.a, self.b = (np.ascontiguousarray(_some(cloud, rng), dtype=np.float32) for cloud in (a, b))
        if self.a.shape[1] != self.b.shape[1]:
            raise ValueError(
                f"clouds of {self.a.shape[1]} and {self.b.shape[1]} dimensions cannot be embedded together"
            )
        self.settings = {"seed": seed, "perplexity": perplexity, "steps": steps, "version": VERSION}
        digest = hashlib.sha256(json.dumps([self.settings, self.a.shape, self.b.shape]).encode())
        digest.update(self.a.tobytes())
        digest.update(self.b.tobytes())
        self.folder = cache_folder("embedding") / digest.hexdigest()[:24]

    def state(self) -> State:
        """How far it is; reads the folder and nothing else."""
        points = _result(self.folder)
        if points is not None:
            return State("done", "The embedding is ready.", 1.0, points, len(self.a))
        told = read_json(self.folder / STATUS)
        if told is None:
            return State("absent")
        state, share = str(told.get("state")), float(reading.maybe_number(told, "share", 0.0))
        alive = _holder(self.folder) is not None
        starting = state == "starting" and time.time() - reading.maybe_number(told, "t", 0.0) < START_SECONDS
        if alive or starting:
            return State("running", str(told.get("text", "")), share)
        if state in ("failed", CANCELLED):
            return State(state, str(told.get("text", "")), share)
        return State("failed", "The t-SNE process ended unexpectedly; start it again.", share)

    def start(self) -> None:
        """Start the worker, unless it runs or the result is there."""
        if self.state().state in ("running", "done"):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / INPUT, _packed(a=self.a, b=self.b))
        (self.folder / "settings.json").write_text(json.dumps(self.settings))
        _tell(self.folder, "starting", "Starting the t-SNE process.", 0.0)
        child.start(work, self.folder, limits=LIMITS, log_file=self.folder / LOG)

    def cancel(self) -> None:
        """Stop the worker; what was done is lost. One that has not quite begun finds out when it does."""
        deadline = time.monotonic() + KILL_SECONDS
        while _result(self.folder) is None:
            _tell(self.folder, CANCELLED, "The embedding was cancelled.", 0.0)
            holder = _holder(self.folder)
            if holder is None:
                return
            number = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
            with contextlib.suppress(ProcessLookupError):
                os.killpg(holder, number)
            time.sleep(0.05)


def work(folder: Path) -> None:
    """What the worker does: embed the input of ``folder``."""
    with open(folder / LOCK, "a+") as lock:
        if not _taken(lock):
            return  # another worker is at it
        if (read_json(folder / STATUS) or {}).get("state") == CANCELLED:
            return
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        with contextlib.suppress(OSError):
            os.nice(10)
        try:
            with np.load(folder / INPUT, allow_pickle=False) as content:
                together = np.vstack([content["a"], content["b"]])
            points = embed(together, json.loads((folder / "settings.json").read_text()), folder)
        except Exception as error:
            _tell(folder, "failed", f"The t-SNE failed: {error}", 0.0)
            raise
        write_atomic(folder / RESULT, _packed(points=points))
        _tell(folder, "done", "The embedding is ready.", 1.0)


def embed(together: np.ndarray, settings: Mapping[str, object], folder: Path) -> np.ndarray:
    """t-SNE of (n, d) to (n, 2) float32, telling its progress to ``folder``."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    seed, steps = reading.whole(settings, "seed"), reading.whole(settings, "steps")
    spread = together.std(axis=0)
    points = together / max(float(spread.max()), 1e-30)
    if points.shape[1] > PCA_ABOVE:
        _tell(folder, "running", f"Principal components of {points.shape[1]} dimensions.", 0.02)
        points = PCA(min(PCA_ABOVE, len(points)), random_state=seed).fit_transform(points)
    _tell(folder, "running", f"Neighbours of {len(points)} points.", 0.05)
    method = TSNE(
        2,
        perplexity=min(reading.number(settings, "perplexity"), (len(points) - 1) / 3),
        max_iter=steps,
        init="pca" if points.shape[1] > 1 else "random",
        random_state=seed,
        verbose=2,
        n_jobs=1,
    )
    with contextlib.redirect_stdout(_Listener(folder, steps)):
        return np.asarray(method.fit_transform(points), dtype=np.float32)


class _Listener(io.TextIOBase):
    """scikit-learn has no callback, but it prints its iterations: turn those lines into progress."""

    def __init__(self, folder: Path, steps: int) -> None:
        self.folder, self.steps, self.line = folder, steps, ""

    def write(self, text: str) -> int:
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            found = re.search(r"Iteration (\d+): error = ([\d.]+)", line)
            if found:
                step = int(found[1])
                told = f"Iteration {step} of {self.steps}, divergence {float(found[2]):.2f}."
                _tell(self.folder, "running", told, 0.1 + 0.9 * min(1.0, step / self.steps))
        return len(text)


def _some(cloud: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cloud = np.asarray(cloud)
    if len(cloud) <= MOST_POINTS:
        return cloud
    return cloud[np.sort(rng.choice(len(cloud), MOST_POINTS, replace=False))]


def _taken(lock: IO[str], patience: float = 2.0) -> bool:
    """Take the lock; a moment of patience, since whoever looks for a holder takes it for an instant too."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)


def _holder(folder: Path) -> int | None:
    """Process id of the living worker of ``folder``, or None."""
    try:
        with open(folder / LOCK) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                text = lock.read().strip()
                return int(text) if text.isdigit() else None
    except OSError:
        pass
    return None


def _result(folder: Path) -> np.ndarray | None:
    try:
        with np.load(folder / RESULT, allow_pickle=False) as content:
            return np.asarray(content["points"])
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _tell(folder: Path, state: str, text: str, share: float) -> None:
    told = {"state": state, "text": text, "share": share, "t": time.time()}
    write_atomic(folder / STATUS, json.dumps(told).encode())


def _packed(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
