"""A shared file: one page whose words are words, whose script alone may run, and which has a model's samples."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import struct
from pathlib import Path

import pytest

from npf_engine import resources
from npf_engine.bundle.package import read_bundle
from npf_engine.cli import main
from npf_engine.studies.share_page import share_page
from tests.tiny import tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("share"))


def test_the_policy_lets_the_one_script_run_and_the_points_are_there(bundle: Path) -> None:
    page = share_page(read_bundle(bundle), 300).decode()
    (script,) = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in page and "default-src 'none'" in page
    assert page.count("<script") == 3 and resources.linked_script() in script
    (points,) = re.findall(r'id="npf-points">([A-Za-z0-9+/=]*)</script>', page)
    message = base64.b64decode(points)
    (length,) = struct.unpack("<I", message[4:8])
    head = json.loads(message[8 : 8 + length])
    (look,) = re.findall(r'id="npf-look">(.*?)</script>', page)
    assert head["n"] == 300 and json.loads(look)["id"] == head["id"] and len(head["panels"]) == 6
    assert not re.search(r"https?://(?!doi|arxiv|www\.w3)", page.split("Cite")[0])


def test_a_bundles_words_are_no_code(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "</script><script>alert(1)</script>"
    found = read_bundle(bundle)
    hostile = dataclasses.replace(
        found,
        config=found.config | {"name": evil, "field": {"name": evil}},
        report=found.report | {"verdict": evil, "verdict_reason": evil},
    )
    model = found.model()
    monkeypatch.setattr(type(hostile), "model", lambda self: model)
    page = share_page(hostile, 200).decode()
    assert "alert(1)</script>" not in page and page.count("<script") == 3


def test_the_command_writes_it_of_a_bundle_and_says_what_it_cannot(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "a.html"
    assert main(["share", str(bundle), "--points", "200", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"out": str(out), "bytes": out.stat().st_size}
    for words, said in ((["--points", "5"], "--points"), (["--out", "a.txt"], "--out must end with .html")):
        assert main(["share", str(bundle), *words]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
