"""The scripts of the scenes, each one module that loads nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from ui.motion import KINDS, script


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
