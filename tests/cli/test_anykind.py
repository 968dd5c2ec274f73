"""The command of a kind from outside: made from its settings, run as every other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from npf_engine.cli import main
from npf_engine.studies import kinds
from npf_engine.tasks import layout
from tests.runs.tiny_kind import DICE, DiceSpec

ROOT = Path(__file__).parents[2]
kinds.KINDS.pop("dice", None)  # which its import has registered: only some tests know it


def test_flags_are_the_settings_and_the_folder_is_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(kinds.KINDS, "dice", DICE)
    words = ["dice", "--throws", "3", "--die.faces", "8", "--loaded", "yes", "--out", str(tmp_path / "run"), "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "good" and 3 <= report["sum"] <= 24 and report["spread"] is None
    kept = kinds.spec_from_json(layout.read_json(tmp_path / "run" / layout.SPEC) or {})
    assert isinstance(kept, DiceSpec) and (kept.throws, kept.die.faces, kept.loaded) == (3, 8, True)
    assert main(words[:-1]) == 0  # for reading; a run that is done is done again, and gives the same
    assert f"sum     {report['sum']}" in capsys.readouterr().out
    assert main(["dice", "--die.faces", "0"]) == 2
    assert capsys.readouterr().err.strip() == "die.faces must be 2 or more, not 0"
    with pytest.raises(SystemExit):
        main(["dice", "--help"])
    assert "--die.marks" in capsys.readouterr().out


def test_it_is_found_by_the_name_of_its_file(tmp_path: Path) -> None:
    file = ROOT / "tests/runs/tiny_kind.py"
    environment = os.environ | {"NPF_EXTENSIONS": f"{file}, no_such_module", "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "npf_engine", "dice", "--throws", "2", "--out", str(tmp_path / "run"), "--json"]
    answer = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    assert "sum" in json.loads(answer.stdout)
    assert "the extension no_such_module cannot be imported" in answer.stderr  # and costs nothing else
