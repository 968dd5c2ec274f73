"""Are there published advisories against the versions of requirements.lock?

    python .ci/check_advisories.py [--json]

Reads what the package index itself says of each version (PyPI's JSON, field ``vulnerabilities``, fed by the Python
Advisory Database). A version of which nothing could be read counts as **not known**, never as safe. Exit code 0: all
were read and none has an advisory; 1: there are advisories; 3: none found, but of some there was no data.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INDEX = "https://pypi.org/pypi"
SECONDS = 20


def pinned(text: str) -> list[tuple[str, str]]:
    """(name, version) of each line of a lock file."""
    return re.findall(r"^([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", text, re.MULTILINE)


def advisories(name: str, version: str, index: str = INDEX) -> list[dict[str, Any]] | str:
    """The advisories against one version; a sentence where there was no data."""
    try:
        with urllib.request.urlopen(f"{index}/{name}/{version}/json", timeout=SECONDS) as answer:
            told = json.load(answer)
    except (OSError, ValueError) as error:  # HTTPError and URLError are OSErrors
        return str(error)
    found = told.get("vulnerabilities") if isinstance(told, dict) else None
    if not isinstance(found, list):
        return "the index says nothing about advisories"
    return [entry for entry in found if isinstance(entry, dict) and not entry.get("withdrawn")]


def report(results: dict[str, list[dict[str, Any]] | str]) -> tuple[list[str], int]:
    """Lines for a reader, and the exit code."""
    lines = []
    for package, found in results.items():
        for entry in found if isinstance(found, list) else ():
            fixed = ", ".join(entry.get("fixed_in") or []) or "no release yet"
            text = " ".join(str(entry.get("summary") or entry.get("details") or "").split())[:160]
            lines.append(f"{package}: {entry.get('id')} (mended in {fixed}) {text}")
    bad = len(lines)
    unknown = {package: why for package, why in results.items() if isinstance(why, str)}
    known = len(results) - len(unknown)
    lines.append(f"{bad} advisories against {known} versions that could be looked up, of {len(results)}")
    if unknown:
        whys = sorted(set(unknown.values()))
        lines.append(
            f"NO DATA on {len(unknown)} versions: nothing is known about them, good or bad ({'; '.join(whys)[:300]})"
        )
        if not known:
            lines.append("This check has said nothing: run it where the package index can be reached.")
    return lines, 1 if bad else 3 if unknown else 0


def main() -> int:
    """Look every pinned version up, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    packages = pinned((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda item: advisories(*item), packages))
    results = {f"{name} {version}": result for (name, version), result in zip(packages, found, strict=True)}
    lines, code = report(results)
    if options.json:
        print(json.dumps({"results": results, "exit": code}))
    else:
        print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
