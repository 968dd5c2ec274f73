"""Settings in which runs differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from npf_engine.runs import comparing, reading
from npf_engine.runs.store import RunStore
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks import layout
from tests.runs import fabricated


def test_only_the_settings_that_differ(make_store: Callable[..., RunStore]) -> None:
    still = make_store(watch=False)
    one = fabricated.run(still, TrainingSpec(seed=1), "one", None)
    other = fabricated.run(still, TrainingSpec(seed=2, name="x"), "other", None)
    bare = fabricated.run(still, TrainingSpec(), "bare", None)
    still.table.update(bare.id, spec="{}")  # an older version wrote no more
    bare = still.get(bare.id)
    assert comparing.differing([one, other]) == {"seed": ["1", "2"]}
    assert comparing.differing([bare, one]) == {"seed": ["0", "1"]}
    assert comparing.differing([one, one]) == {}
    kinds = comparing.differing([one, fabricated.sampled(still)])
    assert kinds["u.pair_size"][1] == comparing.NONE and kinds["seed"] == ["1", "3"]


def test_a_curve_is_thinned_out_and_steps_done_again_appear_once(tmp_path: Path) -> None:
    lines = [{"kind": "progress", "stage": "u", "step": step, "loss": 1.0 / step, "t": 1.0} for step in range(1, 1001)]
    lines += [{"kind": "progress", "stage": "u", "step": 900 + step, "loss": 5.0} for step in range(3)]  # after a break
    lines += [{"kind": "note", "text": '"loss": '}, {"kind": "progress", "stage": "m", "step": 1, "loss": None}]
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"kind": "progress", "loss": 3'
    (tmp_path / layout.EVENTS).write_text(text)
    found = reading.curve(tmp_path, "loss", most=50)
    step, loss = found["u"]
    assert list(found) == ["u"] and len(step) < 60 and (np.diff(step) > 0).all()
    assert (step[-1], loss[-1]) == (902, 5) and loss[1] == pytest.approx(1 / step[1])
    assert reading.curve(tmp_path, "converged") == {} == reading.curve(tmp_path / "nowhere", "loss")
