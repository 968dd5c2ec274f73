"""The doctor finds what is missing by looking, and says what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import stat
from pathlib import Path

import pytest

from npf_engine import doctor
from npf_engine.home import home


def test_missing_gdal_is_a_note_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = doctor.gdal_tools()
    assert not check.ok and not check.required
    assert "gdal_translate" in check.say and "apt-get install gdal-bin" in check.say


def test_gdal_that_does_not_start_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in doctor.GDAL_TOOLS:
        script = tmp_path / tool
        script.write_text("#!/bin/sh\necho broken library >&2\nexit 127\n")
        script.chmod(script.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    check = doctor.gdal_tools()
    assert not check.ok and "broken library" in check.say


def test_a_missing_browser_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = doctor.browser()
    assert not check.ok and not check.required and "apt-get install chromium" in check.say


def test_a_home_that_cannot_be_written_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NPF_HOME", str(tmp_path / "file" / "home"))
    check = doctor.write_access()
    assert not check.ok and check.required and "set NPF_HOME" in check.say


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EIO_CACHE_DIR", str(tmp_path / "file" / "cache"))
    check = doctor.elevation_cache()
    assert not check.ok and "EIO_CACHE_DIR" in check.say


def test_cached_tiles_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIO_CACHE_DIR", str(tmp_path))
    folder = tmp_path / "MAPZEN" / "cache" / "N45"
    folder.mkdir(parents=True)
    (folder / "N45E006.tif").touch()
    assert "1 tile in" in doctor.elevation_cache().say


def test_packages_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.PACKAGES, "no-such-distribution-of-ours", False)
    check = doctor.packages()
    assert not check.ok and not check.required
    assert "no-such-distribution-of-ours" in check.say and "pip install -r requirements.txt" in check.say
    monkeypatch.setitem(doctor.PACKAGES, "no-such-distribution-of-ours", True)
    assert doctor.packages().required


def test_what_only_the_app_needs_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in ("streamlit", "nutpie"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(importlib.metadata, "version", version)
    check = doctor.packages()
    assert not check.ok and not check.required
    assert "streamlit (only the app needs it), nutpie (only the method nuts needs it)" in check.say
    assert "pip install streamlit nutpie" in check.say


def test_tight_limits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    assert doctor.process_limits().ok or "ulimit" in doctor.process_limits().say
    monkeypatch.setattr(resource, "getrlimit", lambda which: (100, 100))
    check = doctor.process_limits()
    assert not check.ok and not check.required and "ulimit -n 512" in check.say and "ulimit -v" in check.say


def test_a_package_without_its_gallery_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.gallery().ok and "npf.load(" in doctor.gallery().say
    monkeypatch.setattr(doctor.resources, "gallery", lambda: tmp_path)
    assert not doctor.gallery().ok and not doctor.gallery().required


def test_a_required_failure_makes_the_whole_not_ok_and_a_note_does_not() -> None:
    fine, note, bad = (doctor.Check("a", True, ""), doctor.Check("b", False, "", False), doctor.Check("c", False, ""))
    assert doctor.Diagnosis((fine, note)).ok
    assert not doctor.Diagnosis((fine, note, bad)).ok
    assert doctor.Diagnosis((bad,)).to_json() == {"ok": False, "checks": [{"name": "c", "ok": False, "say": ""}]}


def test_every_requirement_of_the_app_is_examined() -> None:
    root = Path(__file__).resolve().parent.parent
    lines = (root / "requirements.txt").read_text().splitlines()
    names = {line.split(">")[0].split("=")[0].split("[")[0] for line in lines if line[:1].isalpha()}
    assert names == set(doctor.PACKAGES)


def test_the_home_folder_is_made_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPF_HOME", str(tmp_path / "new"))
    assert home().stat().st_mode & 0o777 == 0o700
