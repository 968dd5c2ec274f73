"""Files that no other test opens: requirements, lock, container, CI."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = tuple(f"requirements{part}.txt" for part in ("", "-dev", "-bench", "-cluster", "-group"))
NOT_THE_APP = ("dev", "bench", "cluster", "group", "ray")


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


def ranges(lines: list[str]) -> set[str]:
    return {line.replace(" ", "") for line in lines if not line.startswith("-")}


def test_the_package_asks_for_what_the_requirement_files_name() -> None:
    """The app runs on all that is in requirements.txt; the package splits it into what it needs and its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: ranges(lines) for name, lines in project["optional-dependencies"].items()}
    needed = ranges(project["dependencies"])
    run = [extras[name] for name in extras if name not in NOT_THE_APP]
    assert needed.union(*run) == ranges(lines_of("requirements.txt"))
    assert extras["dev"] == ranges(lines_of("requirements-dev.txt"))
    assert extras["bench"] == ranges(lines_of("requirements-bench.txt"))
    assert extras["group"] <= ranges(lines_of("requirements-group.txt"))
    assert extras["cluster"] | extras["ray"] <= ranges(
        lines_of("requirements-cluster.txt")
    )  # which has servers to test against, too
    parts = [needed, *extras.values()]
    assert sum(map(len, parts)) == len(set().union(*parts))


def test_the_package_is_told_the_same_everywhere() -> None:
    import npf_engine

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = (ROOT / "CITATION.cff").read_text()
    assert project["version"] == npf_engine.__version__ and f"version: {npf_engine.__version__}" in cited
    assert f"license: {project['license']}" in cited and "BSD 3-Clause" in (ROOT / "LICENSE").read_text()
    assert f"## {npf_engine.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert project["scripts"] == {"npf": "npf_engine.cli:main"}


def test_the_gallery_is_found_in_a_checkout_and_beside_installed_modules(tmp_path: Path, monkeypatch: Any) -> None:
    from npf_engine import resources

    assert {"jacksboro", "fractal", "himmelblau"} <= set(resources.gallery_bundles())
    assert resources.gallery() == ROOT / "assets" / "gallery"
    monkeypatch.setattr(resources, "files", lambda name: tmp_path)
    (tmp_path / "gallery").mkdir()
    assert resources.gallery() == tmp_path / "gallery" and resources.gallery_bundles() == {}


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.ipynb")), ids=lambda path: path.stem)
def test_an_example_asks_for_what_is_there(path: Path) -> None:
    """They run in ``make notebooks``; here each name that they take is looked up, and that no output is kept."""
    import npf_engine

    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert "on one core" in "".join(cells[0]["source"])
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in cells if cell["cell_type"] == "code")
    tree = ast.parse("\n\n".join(code))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "npf":
            assert node.attr in npf_engine.__all__, node.attr
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("npf_engine"):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), node.module


def test_every_import_of_the_engine_is_a_dependency() -> None:
    """What another package happens to bring is not there for good: each import is asked for by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [
        *project["dependencies"],
        *(line for name in extras if name not in ("dev", "bench") for line in extras[name]),
    ]
    there = {canonical(re.split(r"[\[<>=]", line)[0]) for line in asked}
    called = {"PIL": "pillow", "ot": "pot", "sklearn": "scikit-learn", "vtkmodules": "vtk"}
    for path in (ROOT / "npf_engine").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names and name not in ("npf_engine", "npf_model", "_typeshed"):
                    assert canonical(called.get(name, name)) in there, f"{path.name} imports {name}"


def test_the_lock_has_exact_versions_without_a_build() -> None:
    for line in lines_of("requirements.lock"):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line), line


def test_the_lock_agrees_with_what_these_tests_run_on() -> None:
    import importlib.metadata

    for name in ("torch", "numpy", "streamlit", "plotly", "geomloss", "elevation"):
        assert importlib.metadata.version(name).split("+")[0] == lock()[name], f"{name}: make clean, then make test"


def test_every_target_of_the_contract_is_there() -> None:
    targets = (
        "run test test-browser test-long test-cluster test-group check-wheel check-resume check-faults check-advisories"
    )
    targets += " lock-image gallery bench bench-lab bench-ui lint"
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
