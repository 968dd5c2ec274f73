"""npf_model/, the engine's modules under another name: which they are, and that they compute the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from npf_engine.bundle import portable
from npf_engine.polar.storage import BUNDLE


def write(folder: Path) -> Path:
    for name, data in portable.package_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_modules_are_the_engines_but_for_the_packages_name() -> None:
    files = portable.package_files()
    source = (portable.ENGINE / "polar/factorization.py").read_text()
    assert files["npf_model/polar/factorization.py"].decode() == source.replace("npf_engine.", "npf_model.")
    networks = {path.name for path in (portable.ENGINE / "networks").glob("*.py")}
    assert {f"npf_model/networks/{name}" for name in networks} <= files.keys()  # a new network needs no entry
    assert len(files) < BUNDLE.files - 20
    for name, data in files.items():
        assert b"import npf_engine" not in data and b"from npf_engine" not in data, name


def test_a_network_of_the_package_computes_what_the_engine_computes(tmp_path: Path) -> None:
    code = (
        "import sys, torch\n"
        "from npf_model.networks.wide import WidePotential as Theirs\n"
        "assert 'npf_engine' not in sys.modules\n"
        "from npf_engine.networks.wide import WidePotential as Ours\n"
        "settings = dict(hidden=(6, 5), pieces=4, rank=2, unit_rank=2, seed=3)\n"
        "x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))\n"
        "pairs = zip(Ours(3, **settings).derivatives(x), Theirs(3, **settings).derivatives(x), strict=True)\n"
        "assert all(torch.equal(a, b) for a, b in pairs)\n"
    )
    path = f"{write(tmp_path)}:{portable.ENGINE.parent}"
    answer = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_the_package_is_clean_python(tmp_path: Path) -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F,B", str(write(tmp_path))]
    answer = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


def test_what_needs_another_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portable, "ROOTS", ("transport/pairing.py",))
    portable.package_files.cache_clear()
    try:
        with pytest.raises(RuntimeError, match=r"npf_model/transport/pairing\.py would need (ot|scipy)"):
            portable.package_files()
    finally:
        portable.package_files.cache_clear()
