"""The states of a run, and the one sentence by which a later start knows a run again."""

from __future__ import annotations

STATES = ("queued", "running", "paused", "cancelled", "failed", "interrupted", "done")
ACTIVE = ("queued", "running", "paused")
FINAL = ("done", "failed", "cancelled", "interrupted")
TIME_UP = "the cluster's time limit for the run was near, and it has saved; it goes on from there in another job"
TOLD_TO_END = "the worker was told to end, perhaps by a shutdown; resume goes on from there"
