"""Shared fixtures. A test that cannot run here says why; with NPF_REQUIRE_ALL=1 that is a failure."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two shared cores: spinning threads cost more than they bring


def missing(reason: str) -> None:
    """Skip the running test with a reason, or fail it where everything is required."""
    if os.environ.get("NPF_REQUIRE_ALL") == "1":
        pytest.fail(f"required here, but: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real elevation, digits and images; its absence is always only a skip."""
    path = Path(os.environ.get("NPF_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"no folder of shared test data at {path} (set NPF_SHARED_DATA)")
    return path


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test gets a home folder of its own, so that no test sees a user's runs or another test's."""
    home = tmp_path_factory.mktemp("npf_home")
    monkeypatch.setenv("NPF_HOME", str(home))
    yield home
    from npf_engine.tasks import layout

    (home / layout.TABLE).unlink(missing_ok=True)  # which ends the threads that watch this home


@pytest.fixture(scope="session")
def lend_cities(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Gives a home the index of cities, ten seconds of work: one for all homes and processes."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cities"
    shared.mkdir(exist_ok=True)

    def lend(home: Path) -> None:
        (home / "cache").mkdir(exist_ok=True)
        (home / "cache" / "cities").symlink_to(shared)

    return lend


@pytest.fixture
def known_cities(own_home: Path, lend_cities: Callable[[Path], None]) -> None:
    """The test's home has the index of cities."""
    lend_cities(own_home)


@pytest.fixture(scope="session")
def quick_opening() -> Iterator[None]:
    """Streamlit's AppTest reads the metadata of every installed package for each page opened and compiles its scripts
    for each run, a third of what opening one costs: here once for all."""
    from streamlit.components.v2 import manifest_scanner
    from streamlit.testing.v1 import app_test, local_script_runner

    with pytest.MonkeyPatch.context() as patch:
        scanned = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scanned)
        scripts = app_test.ScriptCache()
        for module in (app_test, local_script_runner):
            patch.setattr(module, "ScriptCache", lambda: scripts)
        yield


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in this process what a child would: for tests of many files, where starting children would take minutes."""
    from npf_engine.tasks import child

    elsewhere, locked = child.call, child.Limits()

    def call(function: Callable[..., Any], *arguments: Any, limits: child.Limits = locked, **more: Any) -> Any:
        return function(*arguments) if limits.locked else elsewhere(function, *arguments, limits=limits, **more)

    monkeypatch.setattr(child, "call", call)
