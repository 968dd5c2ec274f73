"""The message of arrays: what was packed is read, and its name is its content's."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.figures import message


def test_what_is_packed_is_read_and_arrays_lie_aligned() -> None:
    arrays = {
        "a": np.arange(3, dtype=np.uint8),
        "b": np.arange(6, dtype=np.uint16).reshape(3, 2).T,
        "c": np.array([1.5, -2.0], dtype=np.float32),
    }
    head, found = message.read(message.pack({"label": "M → x"}, arrays))
    assert head["label"] == "M → x"
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array.ravel())
        assert head["arrays"][name]["offset"] % 8 == 0  # type: ignore[index]


def test_a_message_is_named_by_its_content() -> None:
    def name(value: int) -> object:
        return message.read(message.pack({}, {"a": np.array([value], dtype=np.int32)}))[0]["id"]

    assert name(1) == name(1) != name(2)


def test_a_type_that_the_script_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="f8"):
        message.pack({}, {"a": np.zeros(2)})
