"""Sentences, spans of time, file names: the words that pages use."""

from __future__ import annotations

import pytest

from ui import frame, states, uploads
from ui.progress import ordered, title, whole, words


def test_sentence_gets_capital_and_stop_and_no_markup():
    assert states.sentence("row 3 has $x_1$ = *nan*") == "Row 3 has \\$x\\_1\\$ = \\*nan\\*."
    assert states.sentence("u.batch must be positive") == "u.batch must be positive."
    assert states.sentence("Is it done?") == "Is it done?"
    assert states.sentence("ρ is the law of the rows") == "ρ is the law of the rows."  # its capital looks like a P


def test_names_are_never_markup():
    assert "[" not in states.plain("[x](javascript:alert)").replace("\\[", "")


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "–"), (0.2, "under 1 s"), (8.2, "8 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_duration(seconds: float | None, said: str):
    assert frame.duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(3, "just now"), (360, "6 min ago"), (7300, "2 h ago"), (86400, "1 day ago"), (2e5, "2 days ago")],
)
def test_ago(seconds: float, said: str):
    assert frame.ago(seconds) == said


@pytest.mark.parametrize(
    ("name", "safe"),
    [("npf-a.zip", "npf-a.zip"), ("../../etc/passwd", "passwd"), ("C:\\x\\b c.zip", "b-c.zip"), ("...", "upload")],
)
def test_names_of_uploads_stay_in_their_folder(name: str, safe: str):
    assert uploads.safe_name(name) == safe


def test_parts_of_a_stage_stand_before_it_and_end_with_it():
    found = ordered(
        [
            {"name": "field", "state": "done", "seconds": 1.0},
            {"name": "u", "state": "done", "seconds": 9.0},
            {"name": "v", "state": "waiting", "seconds": None},
            {"name": "u: pairing", "state": "started", "seconds": None},
            {"name": "u: seed 3 of 8", "state": "started", "seconds": None},
        ]
    )
    assert [stage["name"] for stage in found] == ["field", "u: pairing", "u", "v"]
    assert found[1]["state"] == "done"
    assert title("u: pairing") == "Exact pairs" and title("cmgn: seed 3 of 8") == "C-MGN, seed 3 of 8"
    assert title("recolor: fit") == "Colours, fit"


def test_words_of_the_bar():
    status = {
        "stage": "u",
        "text": "",
        "step": 300,
        "total": 700,
        "state": "running",
        "rate": 31.25,
        "seconds_left": 65.0,
        "worked": 0.0,
    }
    assert words(status) == ["Potential u", "step 300 of 700", "31.2 steps/s", "about 1 min 05 s left"]
    status |= {"worked": 35.0}  # then the bar of the whole run says when it ends
    assert whole(status) == pytest.approx(0.35) and words(status)[-1] == "31.2 steps/s"


def test_a_rate_is_a_number_that_people_write():
    status = {"stage": "u", "text": "", "step": 3, "total": 7, "state": "running", "rate": 6850.0, "worked": 1.0}
    status |= {"seconds_left": None}
    assert words(status)[-1] == "6,850 steps/s"
