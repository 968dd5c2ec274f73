"""Numbers never hang on whether something was saved: a silent recorder and one with a folder train the same weights."""

from __future__ import annotations

import io

import pytest
import torch

from npf_engine.fields.catalog import resolve
from npf_engine.polar.train import train
from npf_engine.runs.console import ConsoleRecorder
from npf_engine.tasks.recorder import Recorder
from tests.tiny import tiny_spec


@pytest.mark.parametrize("solver", ["published", "ours"])
def test_silent_and_folder_recorders_train_the_same_weights(solver: str, tmp_path):
    settings = {"field.n_samples": 600, "u.dual_steps": 6, "v.steps": 6, "m.steps": 4, "inverse.steps": 4}
    spec = tiny_spec(**settings | ({"solver": "published"} if solver == "published" else {}))
    field = resolve(spec.field)
    folder = ConsoleRecorder(tmp_path, stream=io.StringIO())
    silent, kept = train(field, spec.stages, Recorder()), train(field, spec.stages, folder)
    resumed = train(field, spec.stages, ConsoleRecorder(tmp_path, stream=io.StringIO()))
    for made in (kept, resumed):
        for name in ("u", "v", "m", "bridge"):
            one, other = getattr(silent.model, name).state_dict(), getattr(made.model, name).state_dict()
            assert one.keys() == other.keys()
            for key in one:
                assert torch.equal(one[key], other[key]), f"{name}.{key}"
        assert torch.equal(silent.m_train, made.m_train) and torch.equal(silent.m_test, made.m_test)
