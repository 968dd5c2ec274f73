"""The message of a scene: what was packed is read, and its name is its content's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from playwright._impl._driver import compute_driver_executable

from ui.motion import KINDS, message, script


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_is_one_module_that_loads_nothing(kind: str) -> None:
    text = script(kind)
    assert text.count("export default") == 1
    for word in ("import ", "import(", "fetch(", "XMLHttpRequest", "http://", "https://"):
        assert word not in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_can_be_read_as_a_module(kind: str, tmp_path: Path) -> None:
    """One name twice in one place would leave the scene empty; the tests in a browser see it late."""
    node = compute_driver_executable()[0]  # which playwright brings
    path = tmp_path / "scene.mjs"
    path.write_text(script(kind), encoding="utf-8")
    found = subprocess.run([node, "--check", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
