"""Records are read key by key: the right value comes back as it is, a wrong one is one sentence with its key."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.settings import reading

RECORD: dict[str, object] = json.loads(
    '{"n": 3, "se": 0.5, "name": "u", "ok": true, "row": {"value": 1}, "rows": [{"value": 2}], "low": [0, 1.5],'
    ' "tags": ["a", "b"], "nothing": null}'
)


def test_values_come_back_as_they_are() -> None:
    assert reading.number(RECORD, "n") == 3 and isinstance(reading.number(RECORD, "n"), int)
    assert reading.number(RECORD, "se") == 0.5
    assert reading.whole(RECORD, "n") == 3
    assert reading.text(RECORD, "name") == "u"
    assert reading.flag(RECORD, "ok") is True
    assert reading.mapping(RECORD, "row") is RECORD["row"]
    assert reading.mappings(RECORD, "rows") == [{"value": 2}]
    assert reading.numbers(RECORD, "low") == [0, 1.5]
    assert reading.texts(RECORD, "tags") == ["a", "b"]
    assert reading.each_of(RECORD, "tags", str) == ["a", "b"] and reading.each_of(RECORD, "nothing", str) == []
    assert reading.named(RECORD, "row", int) == {"value": 1}
    assert torch.equal(reading.of({"x": torch.ones(2)}, "x", torch.Tensor), torch.ones(2))


@pytest.mark.parametrize("key", ["nothing", "absent"])
def test_what_is_not_there(key: str) -> None:
    assert reading.maybe(RECORD, key, torch.Tensor) is None
    assert reading.maybe_number(RECORD, key) is None
    assert reading.maybe_number(RECORD, key, 2.0) == 2.0
    assert reading.maybe_whole(RECORD, key, 7) == 7
    assert reading.maybe_text(RECORD, key) is None
    assert reading.flag(RECORD, key) is False
    assert reading.maybe_mapping(RECORD, key) == {}
    assert reading.items(RECORD, key) == reading.numbers(RECORD, key) == reading.mappings(RECORD, key) == []


@pytest.mark.parametrize(
    ("read", "key", "sentence"),
    [
        (reading.number, "ok", "ok must be a number, not true"),
        (reading.number, "absent", "absent is missing"),
        (reading.whole, "se", "se must be a whole number, not 0.5"),
        (reading.whole, "ok", "ok must be a whole number, not true"),
        (reading.text, "n", "n must be a text, not 3"),
        (reading.flag, "n", "n must be true or false, not 3"),
        (reading.mapping, "low", "low must be an object with named entries"),
        (reading.items, "name", "name must be a list, not"),
        (reading.numbers, "tags", "tags must be a number, not"),
        (reading.texts, "low", "low must be a text, not 0"),
        (reading.mappings, "low", "low must be an object with named entries, not 0"),
    ],
)
def test_what_is_wrong_is_named(read: Callable[[reading.Record, str], object], key: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        read(RECORD, key)
    assert str(error.value).lower().startswith(sentence)


def test_a_state_of_another_class_is_refused() -> None:
    with pytest.raises(InputError, match="x must be of type Tensor"):
        reading.of({"x": [1.0]}, "x", torch.Tensor)
    with pytest.raises(InputError, match="low must be of type str"):
        reading.each_of(RECORD, "low", str)
    with pytest.raises(InputError, match="value must be of type str, not 1"):
        reading.named(RECORD, "row", str)
    with pytest.raises(InputError, match="object with named entries"):
        reading.as_mapping("report.json", {1: 2})
