"""Files that no other test opens: requirements, lock, container, CI."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt")


def lines_of(name: str) -> list[str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [line for line in lines if line]


def lock() -> dict[str, str]:
    pairs = (line.partition("==") for line in lines_of("requirements.lock"))
    return {canonical(name): version for name, _, version in pairs}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_begin_with_the_lock_and_every_one_is_in_it(name: str) -> None:
    lines = lines_of(name)
    assert lines[0] == "-c requirements.lock"
    locked = lock()
    wanted = [re.split(r"[\[<>=]", line)[0] for line in lines if not line.startswith("-")]
    assert wanted and all(canonical(item) in locked for item in wanted)


def test_the_lock_has_exact_versions_without_a_build() -> None:
    for line in lines_of("requirements.lock"):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line), line


def test_the_lock_agrees_with_what_these_tests_run_on() -> None:
    import importlib.metadata

    for name in ("torch", "numpy", "streamlit", "plotly", "geomloss", "elevation"):
        assert importlib.metadata.version(name).split("+")[0] == lock()[name], f"{name}: make clean, then make test"


def test_every_target_of_the_contract_is_there() -> None:
    targets = "run test test-browser test-long check-resume gallery bench bench-lab bench-ui lint"
    for target in targets.split():
        found = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert "No rule to make target" not in found.stderr, target
        assert found.stdout, target


def test_shell_of_ci_parses_and_stops_at_the_first_error() -> None:
    script = ROOT / ".ci" / "run"
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    assert "set -euo pipefail" in script.read_text() and script.stat().st_mode & 0o100


def test_the_container_copies_all_that_the_app_runs_on() -> None:
    ignored = lines_of(".dockerignore")
    for name in (
        "app.py",
        "pages",
        "ui",
        "npf_engine",
        "assets",
        ".streamlit",
        "requirements.txt",
        "requirements.lock",
    ):
        assert (ROOT / name).exists(), name
        assert name not in ignored, name
    text = (ROOT / "Dockerfile").read_text()
    for word in ("ARG TORCH_VARIANT", "gdal-bin", "tini", "USER npf", "HEALTHCHECK", "_stcore/health", "EXPOSE 8501"):
        assert word in text, word
