"""The package as a stranger gets it: a wheel from a clean clone, in an empty environment, used from an empty folder.

    make check-wheel        (some minutes; the package index must be reachable)
    python benchmarks/check_wheel.py [--torch cpu] [--keep DIR] [--examples all]

The last commit is cloned, so that nothing counts which is not in git. Then: the wheel holds the modules, the gallery
and the data, and no tests; ``npf --version``, ``npf doctor``, ``npf fields``; a whole training by ``npf train jacksboro
--preset quick --json``, with a bundle whose own example prints PASS; ``import npf_engine as npf``; and the examples.
Prints a line for each; exit code 1 where one fails. Needs nothing but Python and git.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
INSIDE = (
    "npf_engine/__init__.py",
    "npf_engine/py.typed",
    "npf_engine/fields/places/gazetteer.json",
    "npf_engine/gallery/npf-jacksboro.zip",
    "npf_engine/gallery/npf-fractal.zip",
    "npf_engine/gallery/npf-himmelblau.zip",
    "npf_engine/bundle/example.py",
    "npf_engine/bundle/pictures.ipynb",
    "npf_engine/linked/main.js",
    "npf_engine/linked/style.css",
)
OUTSIDE = ("tests/", "pages/", "ui/", "benchmarks/", "app.py", "examples/")
LIBRARY = """
import numpy as np, npf_engine as npf
assert "site-packages" in npf.__file__, npf.__file__
model = npf.load("himmelblau")
assert model.report["verdict"] in ("good", "usable")
assert float(model.invert_exact([0.0, 0.0], 50).error.max()) < 1e-3
assert abs(npf.sinkhorn_divergence(np.eye(3), np.eye(3))) < 1e-9
print(model.report["verdict"])
"""


class Failed(Exception):
    """A step that did not do what it should."""


def run(command: Sequence[str | Path], folder: Path, seconds: float = 1800, **more: str) -> str:
    """stdout of a command in ``folder``, whose environment knows nothing of the checkout. Raises Failed."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "NPF_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=plain | more,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))[:200]} ended with {done.returncode}: {done.stderr.strip()[-1500:]}")
    return done.stdout


def build(work: Path) -> Path:
    """The wheel of the source distribution of a clean clone of the last commit."""
    clone = work / "clone"
    run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], work)
    run([sys.executable, "-m", "venv", work / "building"], work)
    pip: list[str | Path] = [python_of(work / "building"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run([*pip, "install", "setuptools>=77"], work)
    make = f"from setuptools.build_meta import build_sdist; build_sdist({str(work)!r})"
    run([python_of(work / "building"), "-c", make], clone)
    (source,) = work.glob("*.tar.gz")
    run([*pip, "wheel", "--no-deps", "--wheel-dir", work, source], work)
    (wheel,) = work.glob("*.whl")
    return wheel


def python_of(environment: Path) -> Path:
    """Its interpreter."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def check_content(wheel: Path) -> str:
    """What must be inside, and what must not. Raises Failed."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    if missing := [name for name in INSIDE if name not in names]:
        raise Failed(f"{wheel.name} lacks {', '.join(missing)}")
    if extra := [name for name in names if name.startswith(OUTSIDE)]:
        raise Failed(f"{wheel.name} holds {extra[0]}")
    if not any(name.endswith("/licenses/LICENSE") for name in names):
        raise Failed(f"{wheel.name} has no licence")
    return f"{len(names)} files, {wheel.stat().st_size / 2**20:.1f} MB"


def install(wheel: Path, work: Path, torch: str) -> Path:
    """An empty environment with the wheel and what it asks for, in the tested versions; its interpreter."""
    environment = work / "environment"
    venv.create(environment, with_pip=True)
    python = python_of(environment)
    pip: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    pip += ["-c", ROOT / "requirements.lock"]
    if torch == "cpu":
        run([*pip, "--index-url", CPU_INDEX, "torch"], work)
    run([*pip, wheel], work)
    return python


def train(npf: Path, python: Path, empty: Path, home: Path) -> str:
    """A whole training; its bundle then checks itself."""
    told = json.loads(run([npf, "train", "jacksboro", "--preset", "quick", "--json"], empty, NPF_HOME=str(home)))
    if told["verdict"] not in ("good", "usable") or len(told["fingerprint"]) != 64:
        raise Failed(f"the training came out {told['verdict']}: {told['verdict_reason']}")
    folder = home / "unpacked"
    with zipfile.ZipFile(told["bundle"]) as archive:
        archive.extractall(folder)
    if "PASS" not in run([python, "example.py"], folder):
        raise Failed("the example of the bundle does not print PASS")
    return f"{told['verdict']} after {told['seconds']['total']:.0f} s; its bundle's example prints PASS"


def doctor(npf: Path, empty: Path, home: Path) -> str:
    """Everything that is needed works; what only the app needs is missing, and that is no failure."""
    told = json.loads(run([npf, "doctor", "--json"], empty, NPF_HOME=str(home)))
    notes = [check["name"] for check in told["checks"] if not check["ok"]]
    if not told["ok"]:
        raise Failed(f"npf doctor is not content: {told}")
    return f"ok; notes on {', '.join(notes) or 'nothing'}"


def script(notebook: Path, folder: Path) -> Path:
    """The code cells of a notebook as a program: the environment of the wheel has no kernel."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    path = folder / f"{notebook.stem}.py"
    path.write_text("\n\n".join(code), encoding="utf-8")
    return path


def main() -> int:
    """Every step, a line each; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", default="default", choices=("default", "cpu"), help="where torch comes from")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="work in this folder and leave it")
    parser.add_argument("--examples", default="own_samples", help="own_samples (default), all or none")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        return check(options.keep.resolve(), options)
    with tempfile.TemporaryDirectory(prefix="npf-wheel-") as work:
        return check(Path(work).resolve(), options)


def check(work: Path, options: argparse.Namespace) -> int:
    """The steps in the folder ``work``; the exit code."""
    empty, home = work / "empty", work / "home"
    empty.mkdir(exist_ok=True)
    made: dict[str, Path] = {}

    def prepared(name: str, path: Path) -> str:
        made[name] = path
        return path.name

    def npf(*words: str) -> str:
        command = made["python"].with_name("npf.exe" if os.name == "nt" else "npf")
        return run([command, *words], empty, NPF_HOME=str(home)).strip()

    def example(name: str) -> str:
        told = run([made["python"], script(work / "clone" / "examples" / name, work)], empty, NPF_HOME=str(home))
        return told.strip().splitlines()[-1]

    steps: dict[str, Callable[[], str]] = {
        "wheel of a clean clone": lambda: prepared("wheel", build(work)),
        "what it holds": lambda: check_content(made["wheel"]),
        "installed in an empty environment": lambda: prepared("python", install(made["wheel"], work, options.torch)),
        "npf --version": lambda: npf("--version"),
        "npf doctor": lambda: doctor(made["python"].with_name("npf"), empty, home),
        "npf fields": lambda: f"{len(json.loads(npf('fields', '--json')))} fields",
        "import npf_engine as npf": lambda: run([made["python"], "-c", LIBRARY], empty, NPF_HOME=str(home)).strip(),
        "npf train jacksboro": lambda: train(made["python"].with_name("npf"), made["python"], empty, home),
    }
    for name in (path.name for path in sorted((ROOT / "examples").glob("*.ipynb"))):
        if options.examples not in ("all", name.removesuffix(".ipynb")):
            continue
        steps[f"examples/{name}"] = functools.partial(example, name)
    for title, step in steps.items():
        began = time.monotonic()
        try:
            say = step()
        except (Failed, subprocess.TimeoutExpired) as error:
            print(f"FAIL  {title}: {error}", flush=True)
            return 1
        print(f"ok    {title} ({time.monotonic() - began:.0f} s): {say}", flush=True)
    print("the package is whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
