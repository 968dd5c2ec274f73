"""t-SNE in a process of its own: real processes, cancelled and killed for real."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from npf_engine.measures import embedding
from npf_engine.measures.embedding import Embedding, State

PATIENCE = 90.0


def wait_until(job: Embedding, *states: str) -> State:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        state = job.state()
        if state.state in states:
            return state
        time.sleep(0.05)
    pytest.fail(f"still {job.state()} after {PATIENCE} s; log: {(job.folder / embedding.LOG).read_text()}")


def clouds(d: int = 8, n: int = 80, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return rng.normal(size=(n, d)), rng.normal(size=(n, d)) + shift


def test_two_clouds_far_apart_stay_apart_and_the_result_is_kept() -> None:
    a, b = clouds(shift=40.0)
    job = Embedding(a, b, steps=300)
    assert job.state().state == "absent"
    job.start()
    assert job.state().state in ("running", "done")
    done = wait_until(job, "done", "failed", "cancelled")
    assert done.state == "done" and done.points is not None and done.first == 80
    assert done.points.shape == (160, 2) and np.isfinite(done.points).all()
    first, second = done.points[:80], done.points[80:]
    gap = np.linalg.norm(first.mean(0) - second.mean(0))
    assert gap > first.std() and gap > second.std()
    again = Embedding(a, b, steps=300).state()  # another page, another session: the same data, the same answer
    assert again.state == "done" and again.points is not None and np.array_equal(again.points, done.points)


def test_other_data_or_settings_are_another_task() -> None:
    a, b = clouds()
    folders = {
        job.folder
        for job in (Embedding(a, b), Embedding(b, a), Embedding(a, b, seed=1), Embedding(a, b, perplexity=10.0))
    }
    assert len(folders) == 4
    with pytest.raises(ValueError, match="8 and 3 dimensions"):
        Embedding(a, b[:, :3])


def test_large_clouds_are_thinned_by_the_seed() -> None:
    a, b = clouds(n=3000)
    job = Embedding(a, b)
    assert len(job.a) == len(job.b) == embedding.MOST_POINTS
    assert Embedding(a, b).folder == job.folder


def test_progress_is_told_and_cancel_ends_the_process() -> None:
    a, b = clouds(d=20, n=1000)
    job = Embedding(a, b, steps=100_000)
    job.start()
    deadline = time.monotonic() + PATIENCE
    while "Iteration" not in job.state().text and time.monotonic() < deadline:
        time.sleep(0.05)
    state = job.state()
    assert state.state == "running" and "of 100000" in state.text and 0.1 < state.share < 1
    holder = embedding._holder(job.folder)
    assert holder is not None
    job.start()  # a second click finds the task that runs
    assert embedding._holder(job.folder) == holder
    job.cancel()
    assert job.state().state == "cancelled" and embedding._holder(job.folder) is None


def test_a_killed_process_is_seen_and_can_be_started_again() -> None:
    a, b = clouds(d=20, n=1000)
    job = Embedding(a, b, steps=100_000)
    job.start()
    deadline = time.monotonic() + PATIENCE
    while embedding._holder(job.folder) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    holder = embedding._holder(job.folder)
    assert holder is not None
    while job.state().text.startswith("Starting") and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(holder, signal.SIGKILL)
    state = wait_until(job, "failed")
    assert "ended unexpectedly" in state.text
    job.start()
    assert job.state().state == "running"
    job.cancel()


def test_a_failure_is_a_sentence() -> None:
    a, b = clouds()
    a[0, 0] = np.nan
    job = Embedding(a, b)
    job.start()
    assert "NaN" in wait_until(job, "failed", "done").text


def test_cancelled_before_it_began_it_never_begins() -> None:
    a, b = clouds(d=20, n=1000)
    job = Embedding(a, b, steps=100_000)
    job.start()
    job.cancel()
    assert job.state().state == "cancelled"
    time.sleep(3.0)  # the process needs a moment to come up and find out
    assert job.state().state == "cancelled" and embedding._holder(job.folder) is None
    job.start()
    assert job.state().state == "running"
    job.cancel()
