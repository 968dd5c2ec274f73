"""Run the notebooks of examples/ from top to bottom, each in a kernel of its own; what a cell raises ends it.

    python -m benchmarks.run_notebooks [NAME ...] [--out DIR]

``--out`` keeps them with what they printed. `make notebooks` runs all five, about five minutes on one core.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
CELL_SECONDS = 600


def last_line(notebook: nbformat.NotebookNode) -> str:
    """What its last cell with an output printed last."""
    texts = [out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", [])]
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def main() -> int:
    """The exit code: 1 where a notebook does not run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="e.g. terrain (default: all)")
    parser.add_argument("--out", type=Path, help="a folder for the notebooks with their outputs")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)  # a kernel starts in an empty folder
    paths = [EXAMPLES / f"{name}.ipynb" for name in options.names] or sorted(EXAMPLES.glob("*.ipynb"))
    for path in paths:
        began = time.monotonic()
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory(prefix="npf-notebook-") as folder:
            client = NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": folder}})
            try:
                client.execute()
            except CellExecutionError as error:
                print(f"FAIL  {path.name}: {error}", flush=True)
                return 1
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, options.out / path.name)
        print(f"ok    {path.name} ({time.monotonic() - began:.0f} s): {last_line(notebook)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
