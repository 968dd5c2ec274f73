"""The verdict on a lab run by hand: gaps with their standard errors, the best method, and the sentence that is read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npf_engine.measures.verdict import GOOD, UNTRUSTED, USABLE
from npf_engine.studies.lab import view
from npf_engine.studies.lab.result import Judgement, MethodResult, Recognised
from npf_engine.studies.lab.view import _best, _spread
from npf_engine.tasks.recorder import Recorder
from tests.studies.lab.reports import judge_json as judge
from tests.studies.lab.reports import judged_json as judged
from tests.studies.lab.reports import report_of, row_of

UNIT = {"floor": 0.0, "floor_std": 0.0, "trivial": 1.0}


def row(mean: float | None, *values: float, failed: float = 0.0) -> dict[str, Any]:
    return {"mean": mean, "failed_share": failed, "values": list(values)}


def test_the_spread_is_that_of_the_values_and_of_the_floors_draws() -> None:
    report = report_of({"floor_std": 0.4})
    # The deviation of 1, 2, 3, 4 is 1.291; a floor is the mean of 3 to 8 draws.
    assert _spread(row_of(row(2.5, 1, 2, 3, 4)), report) == pytest.approx(math.hypot(1.2909944 / 2, 0.4 / 2))
    assert _spread(row_of(row(1.5, 1, 2)), report) == pytest.approx(math.hypot(0.5, 0.4 / math.sqrt(3)))
    assert _spread(row_of(row(1.0, 1)), report) == pytest.approx(math.hypot(0.4, 0.4 / math.sqrt(3)))
    many = [0.0, 1.0] * 8
    assert _spread(row_of(row(0.5, *many)), report) == pytest.approx(
        math.hypot(math.sqrt(0.25 * 16 / 15) / 4, 0.4 / math.sqrt(8))
    )
    failed = row(1.5, 1, 2) | {"values": [1.0, None, 2.0]}
    assert _spread(row_of(failed), report) == pytest.approx(math.hypot(0.5, 0.4 / math.sqrt(3)))
    assert _spread(row_of({"mean": 1.0}), report_of({})) == 0.0


def test_the_level_of_a_row_at_its_limits() -> None:
    assert judge(row(0.1, 0.1), UNIT) == {"gap": 0.1, "gap_se": 0.0, "verdict": GOOD}
    assert judge(row(0.11, 0.11), UNIT)["verdict"] == USABLE
    assert judge(row(0.5, 0.5), UNIT)["verdict"] == USABLE and judge(row(0.51, 0.51), UNIT)["verdict"] == UNTRUSTED
    # One value: its error is the floor's, 0.1, and that of the floor itself 0.1 / sqrt(3); twice both are 0.2309.
    loose = UNIT | {"floor_std": 0.1}
    assert judge(row(0.73, 0.73), loose)["verdict"] == USABLE and judge(row(0.74, 0.74), loose)["verdict"] == UNTRUSTED
    levels = [judge(row(0.0, 0.0, failed=share), UNIT)["verdict"] for share in (0.15, 0.16, 0.5, 0.51)]
    assert levels == [GOOD, USABLE, USABLE, UNTRUSTED]
    assert judge(row(None), UNIT) == {"gap": None, "gap_se": None, "verdict": UNTRUSTED}
    assert judge(row(0.3), UNIT | {"trivial": 0.0}) == {"gap": None, "gap_se": None, "verdict": None}
    # Without a floor the gap is counted from 0; with one, the error is over what lies from it to the trivial answer.
    assert judge(row(1.0), {"floor": None, "trivial": 4.0})["gap"] == 0.25
    found = judge(row(2.0, 1.0, 3.0), {"floor": 1.0, "floor_std": 0.0, "trivial": 5.0})
    assert found["gap"] == 0.25 and found["gap_se"] == pytest.approx(1.0 / 4)


def told(gap: float | None, se: float | None = 0.0, verdict: str | None = USABLE) -> MethodResult:
    return MethodResult("mmd", gap, judgement=Judgement(gap, se, verdict))


def test_the_best_come_first_and_what_chance_does_not_tell_from_them_after() -> None:
    assert _best({}) == [] and _best({"a": told(None, None, None)}) == []
    assert _best({"a": told(0.3), "b": told(0.2), "c": told(None, None)}) == ["b"]
    assert _best({"a": told(0.01, verdict=UNTRUSTED), "b": told(0.4)}) == ["b"], "the verdict counts first"
    # Below the floor a value got there by chance: -0.3 is no better than 0, which is 0.05 away.
    two = {"a": told(0.05, 0.03), "b": told(-0.3, 0.02), "c": told(0.2, 0.02)}
    assert _best(two) == ["b", "a"]
    assert _best({"a": told(0.05, 0.02), "b": told(-0.3, 0.01)}) == ["b"]
    assert _best({"a": told(0.1), "b": told(-0.3), "c": told(-0.2)}) == ["b", "c"]
    assert _best({"a": told(0.05, 0.03), "b": told(0.04, 0.03, GOOD)}) == ["b"], "of another verdict is another"


def test_the_sentence_names_the_best_method_and_the_best_reference() -> None:
    rows = {
        "cmgn": row(1.2, 1.1, 1.3),
        "icnn": row(1.25, 1.2, 1.3),
        "mmgn": row(3.0, 3.0, 3.0),
        "entropic": row(1.1, 1.1, 1.1),
        "gaussian": row(3.0, 3.0, 3.0),
    }
    report = {"floor": 1.0, "floor_std": 0.1, "trivial": 5.0, "results": rows}
    found = judged(report)
    # C-MGN: 0.2 of 4, its error the root of 0.1^2 + 0.1^2 / 3, over 4
    assert (found["verdict"], found["verdict_reason"]) == (
        GOOD,
        "the best method, C-MGN, is 5 ± 2.9 % of the way from the floor to only moving the mean; ICNN cannot be told "
        "from it; the best reference, Entropic, is at 2.5 ± 1.4 %",
    )
    assert found["results"]["cmgn"] == row_of(rows["cmgn"]).to_json() | judge(rows["cmgn"], report)
    references = {name: rows[name] for name in ("entropic", "gaussian")}
    assert judged(report | {"results": references})["verdict_reason"] == (
        "the best reference, Entropic, is 2.5 ± 1.4 % of the way from the floor to only moving the mean"
    )


def test_the_sentence_tells_of_failures_of_one_seed_and_of_nothing_learned() -> None:
    lone = judged(UNIT | {"results": {"cmgn": row(0.2, 0.2, failed=0.2), "gaussian": row(1.0, 1.0)}})
    assert lone["verdict_reason"] == (
        "the best method, C-MGN, is 20 % of the way from the floor to only moving the mean, and 20 % of its runs "
        "failed; of one seed only: how much of this is chance shows with more"
    )
    useless = judged(UNIT | {"results": {"cmgn": row(1.0, 1.0, 1.0), "entropic": row(-0.5, -0.5, -0.5)}})
    assert (useless["verdict"], useless["verdict_reason"]) == (
        UNTRUSTED,
        "the best method, C-MGN, is no better than only moving the mean; the best reference, Entropic, is at 0 %",
    )
    assert judged(UNIT | {"results": {"cmgn": row(-0.5, -0.5, -0.5)}})["verdict_reason"].startswith(
        "the best method, C-MGN, is 0 % of the way"
    )


def test_where_nothing_can_be_judged_only_failures_have_a_verdict() -> None:
    assert "verdict" not in judged(UNIT | {"results": {}})
    failed = judged(UNIT | {"results": {"cmgn": row(None), "icnn": row(None), "gaussian": row(0.5, 0.5)}})
    assert (failed["verdict"], failed["verdict_reason"]) == (UNTRUSTED, "no method gave a finite map")
    same = UNIT | {"trivial": 0.0, "results": {"cmgn": row(None), "icnn": row(0.2)}}
    assert "verdict" not in judged(same), "some map is finite, but floor and trivial answer are one"


@pytest.mark.parametrize("task", ["digits", "mixture"])
def test_only_digits_are_shown_to_the_classifier(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "run_lab", lambda *_: report_of(UNIT | {"results": {"cmgn": row(0.2, 0.2)}}))
    monkeypatch.setattr(view, "_recognised", lambda folder: {"cmgn": Recognised(0.5, 1.0)})
    spec: Any = type("Spec", (), {"task": task})
    found = view.run_judged(spec, Recorder(), Path())
    assert found.verdict is not None and found.verdict.level == USABLE
    assert (found.digits is not None) == (task == "digits")


def test_real_digits_are_recognised_and_those_of_noise_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPF_MNIST_DIR", raising=False)
    noise = np.random.default_rng(0).standard_normal((150, 32)).astype(np.float32)
    np.savez(tmp_path / "lab.npz", source=noise, pushforward_cmgn=np.repeat(noise[:1], 40, axis=0))
    found = view._recognised(tmp_path)
    assert set(found) == {"real digits", "gaussian (trivial)", "cmgn"}
    assert found["real digits"].recognised > 0.8 > 0.4 > found["gaussian (trivial)"].recognised
    assert found["real digits"].entropy > 2.1 and found["cmgn"].entropy == pytest.approx(0.0)
