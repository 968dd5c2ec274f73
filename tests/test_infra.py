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
    targets = "run test test-browser test-long check-resume check-faults check-advisories lock-image gallery bench"
    targets += " bench-lab bench-ui lint"
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


IMAGE = ("requirements-image.txt", "requirements-image-torch-cpu.txt", "requirements-image-torch-cuda.txt")


@pytest.mark.parametrize("name", IMAGE)
def test_the_image_installs_locked_versions_by_their_hashes(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    entries = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert entries
    for item, *hashes in entries:
        package, _, version = item.partition("==")
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", part) for part in hashes), item
        if canonical(package) in lock():
            assert version.split("+")[0] == lock()[canonical(package)], f"{name}: make lock-image"


def test_the_image_installs_all_that_the_app_runs_on() -> None:
    listed = "\n".join((ROOT / name).read_text() for name in IMAGE[:2])
    found = {canonical(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", listed, re.MULTILINE)}
    wanted = {canonical(re.split(r"[\[<>=]", line)[0]) for line in lines_of("requirements.txt") if line[0] != "-"}
    assert wanted <= found, f"make lock-image: {sorted(wanted - found)} missing"


def test_nothing_that_is_shipped_takes_every_name_or_serves_everyone() -> None:
    for name in ("Dockerfile", "compose.yaml", "Makefile"):
        text = (ROOT / name).read_text()
        assert "ALLOWED_HOSTS" not in text and not re.search(r"^[^#]*NPF_OPEN[=:] *yes", text, re.MULTILINE), name
    compose = (ROOT / "compose.yaml").read_text()
    for word in ("127.0.0.1:8501:8501", "read_only: true", "pids_limit", "mem_limit", "stop_grace_period", "no-new-"):
        assert word in compose, word
    assert '"tini", "-g"' in (ROOT / "Dockerfile").read_text()


def test_an_advisory_check_without_data_says_so() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("check_advisories", ROOT / ".ci" / "check_advisories.py")
    assert spec and spec.loader
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    lines, code = check.report({"a 1": "HTTP Error 404", "b 2": "HTTP Error 404"})
    assert code == 3 and "NO DATA on 2" in lines[1] and "said nothing" in lines[2]
    lines, code = check.report({"a 1": [], "b 2": [{"id": "X-1", "fixed_in": ["3"], "summary": "bad"}], "c 3": "gone"})
    assert code == 1 and lines[0].startswith("b 2: X-1 (mended in 3)") and "NO DATA on 1" in lines[2]
    assert check.report({"a 1": []})[1] == 0
    assert check.advisories("a", "1", index="http://127.0.0.1:9") != []
