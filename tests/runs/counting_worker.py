"""A worker with the real shell, recorder and checkpoints around a job of known length: it adds random numbers.

``python counting_worker.py RUN_FOLDER``; the spec says how many steps (u.regression_steps) of 10 ms, and
field.source what goes wrong on the way. Its checkpoints are pickles: a second and a half of torch's import in each of
a hundred workers would show nothing of the queue (real ones: test_recording.py, test_check_resume.py).
"""

import os
import pickle
import random
import sys
import time
import types

import numpy as np

from npf_engine.errors import InputError
from npf_engine.runs.worker import main
from npf_engine.tasks import layout

STEP_SECONDS = 0.01


def unpickled(path, **_):
    with open(path, "rb") as file:
        return pickle.load(file)


def count(spec, folder, recorder):
    if spec.field.source == "bad input":
        raise InputError("row 3 of the table has no number in column F1; fill it in")
    if spec.field.source == "crash":
        raise RuntimeError("the matrix is\n singular")
    if spec.field.source == "memory":
        raise MemoryError
    numbers = random.Random(spec.seed)
    state = recorder.load("u") or {"step": 0, "sum": 0.0, "random": numbers.getstate()}
    numbers.setstate(state["random"])
    total = state["sum"]
    recorder.stage("u", "started")
    steps = spec.u.regression_steps
    for step in range(state["step"], steps):
        if spec.field.source != "deaf":
            recorder.check()
        value = numbers.random()
        total += value
        time.sleep(STEP_SECONDS)
        recorder.progress("u", step + 1, steps, loss=total / (step + 1))
        recorder.snapshot("numbers", value=np.array([value]))
        if recorder.checkpoint_due():
            recorder.save("u", {"step": step + 1, "sum": total, "random": numbers.getstate()})
    recorder.stage("u", "done")
    report = {"metrics": {"sum": {"value": total}}, "verdict": "good", "seconds": {"total": 1.0}, "nice": os.nice(0)}
    layout.write_json(folder / layout.REPORT, report)


if __name__ == "__main__":
    sys.modules["torch"] = types.SimpleNamespace(save=pickle.dump, load=unpickled)
    raise SystemExit(main(sys.argv[1], count))
