"""Write the requirement files of the container image: every version of requirements.lock with the hashes of its files.

    python .ci/lock_image.py        (needs uv, and the package index)

requirements-image.txt has all that the app runs on but torch; requirements-image-torch-cuda.txt has torch as it is on
PyPI for Linux, with the libraries it brings. requirements-image-torch-cpu.txt is written by hand: that wheel comes from
PyTorch's own index. Each is installed with ``--no-deps --require-hashes``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH = re.compile(r"(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==")
HEAD = "# Made by .ci/lock_image.py from requirements.txt and requirements.lock: not edited by hand.\n"


def main() -> int:
    """Compile, split, write."""
    command = ["uv", "pip", "compile", "requirements.txt", "--generate-hashes", "--python-version", "3.11"]
    command += ["--python-platform", "linux", "--no-header", "--no-annotate", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return 1
    entries = re.split(r"\n(?=[A-Za-z0-9])", done.stdout.strip())
    for name, wanted in (("requirements-image.txt", False), ("requirements-image-torch-cuda.txt", True)):
        chosen = [entry for entry in entries if bool(TORCH.match(entry)) is wanted]
        (ROOT / name).write_text(HEAD + "\n".join(chosen) + "\n", encoding="utf-8")
        print(f"{name}: {len(chosen)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
