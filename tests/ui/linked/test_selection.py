"""A selection in a link: there and back, and what is no selection is one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.errors import InputError
from ui.linked import selection
from ui.linked.selection import MOST_CORNERS, Selection

SQUARE = "rho~0.1~-84.3_36.5~-84.2_36.5~-84.2_36.6~-84.3_36.6"


def test_a_link_goes_round_digit_for_digit():
    polygon = np.array([[-84.30000000001, 36.5], [1e-7, 3.25e20], [0.1 + 0.2, -0.0]])
    found = selection.parse(selection.text(Selection("m", (0, 2), polygon)))
    assert found.key == "m" and found.axes == (0, 2)
    np.testing.assert_array_equal(found.polygon, polygon)
    assert selection.text(selection.parse(SQUARE)) == SQUARE


def test_a_selection_selects_and_moves():
    found = selection.parse(SQUARE)
    assert found.mask(np.array([[-84.25, 36.55], [-84.1, 36.55]])).tolist() == [True, False]
    moved = selection.moved(found, "m")
    assert moved.key == "m" and moved.polygon is found.polygon


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a picture that this model does not have"),
        ("elsewhere~0.1~0_0~1_0~1_1", "a picture that this model does not have"),
        ("rho", "names axes"),
        ("rho~0.0~0_0~1_0~1_1", "names axes"),
        ("rho~0.2~0_0~1_0~1_1", "names axes"),
        ("rho~٠.١~0_0~1_0~1_1", "names axes"),
        ("rho~0.1~0_0~1_0", "has 2 corners"),
        ("rho~0.1" + "~0_0" * (MOST_CORNERS + 1), f"has {MOST_CORNERS + 1} corners"),
        ("rho~0.1~0_0~1_0~1_x", "not two numbers"),
        ("rho~0.1~0_0~1_0~1", "not two numbers"),
        ("rho~0.1~0_0~1_0~nan_1", "not two numbers"),
        ("rho~0.1~0_0~1_0~inf_1", "not two numbers"),
        ("rho~0.1~0_0~1_0~1_1e999", "no finite number"),
        ("rho~0.1~0_0~1_0~1_9e40", "no finite number"),
        ("rho~0.1~0_0~1_0~1_٣", "not two numbers"),
        ("rho~0.1~0_0~1_0~<b>_1", "not two numbers"),
        ("rho~0.1~" + "1" * 9000, "longer than 8,000 letters"),
    ],
)
def test_what_is_no_selection_is_a_sentence(text: str, told: str):
    with pytest.raises(InputError, match=told) as error:
        selection.parse(text, d=2)
    assert len(str(error.value)) < 200 and str(error.value).endswith("again")
    assert selection.checked(text) == "" or "axes" in told  # the browser's answer is checked without the dimension


def test_the_longest_selection_is_below_ten_kilobytes():
    polygon = np.full((MOST_CORNERS, 2), -123456.789012345e-7)
    assert len(selection.text(Selection("reconstruction", (0, 1), polygon)).encode()) < selection.MOST_LETTERS < 10_000
