"""Train the bundles of assets/gallery, which a newcomer can open at once.

``python -m npf_engine.runs.gallery [NAME ...]``. Each is an ordinary run of the preset ``quick`` with a report of more
draws; its command.txt has the command that trains it again.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from npf_engine import resources
from npf_engine.bundle.package import check_bundle
from npf_engine.errors import InputError
from npf_engine.measures.verdict import UNTRUSTED
from npf_engine.runs.console import ConsoleRecorder
from npf_engine.runs.job import run_job
from npf_engine.settings import reading
from npf_engine.studies.factorization.spec import preset, with_values
from npf_engine.tasks import layout

GALLERY = resources.gallery()
FIELDS = ("jacksboro", "fractal", "himmelblau")
MAX_BYTES = 5 * 2**20
DRAWS = 24


def make(name: str, folder: Path = GALLERY, draws: int = DRAWS, **settings: object) -> Path:
    """Train the field ``name`` and put its bundle into ``folder``; returns its path.

    Raises InputError, and leaves the gallery as it was, where the result is not trustworthy or over 5 MB.
    """
    spec = with_values(preset("quick"), {"name": name, "field.source": name, "report.draws": draws, **settings})
    with tempfile.TemporaryDirectory(prefix="npf-gallery-") as work:
        report = run_job(spec, work, ConsoleRecorder(work)).to_json()
        bundle = Path(reading.text(report, "bundle"))
        check_bundle(bundle)
        if report["verdict"] == UNTRUSTED:
            raise InputError(f"{name} came out {UNTRUSTED}: {report['verdict_reason']}")
        if bundle.stat().st_size > MAX_BYTES:
            raise InputError(f"{bundle.name} has {bundle.stat().st_size / 2**20:.1f} MB; the gallery takes 5 at most")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / layout.bundle_name(name)
        shutil.copyfile(bundle, target)
    return target


def main(names: Sequence[str]) -> int:
    """Make the named bundles, or all; the exit code."""
    try:
        for name in names or FIELDS:
            path = make(name)
            print(f"{path.name}: {path.stat().st_size / 2**20:.1f} MB")
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
