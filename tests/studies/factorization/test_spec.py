"""What is read of a training's settings that were written by an older version."""

from __future__ import annotations

import json

from npf_engine.studies.factorization.spec import TrainingSpec, from_json, to_json


def test_a_spec_from_before_water_was_left_out_keeps_it() -> None:
    written = json.loads(json.dumps(to_json(TrainingSpec())))
    assert from_json(written) == TrainingSpec()
    del written["field"]["water"]
    assert from_json(written).field.water == "keep"
    assert from_json({"field": {"source": "cyprus"}}).field.water == "auto"
