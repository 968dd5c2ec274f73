"""What the documents name is there: links, files, commands with their options, variables, rooms, limits."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import npf_engine
from npf_engine.cli.parser import build_parser
from npf_engine.measures import accuracy_verdict as verdict
from npf_engine.measures import beyond
from npf_engine.studies.factorization import spec
from tests.test_house import FLOORS

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md", *DOCS]
OURS = re.compile(r"python -m (npf_engine|benchmarks[.\w]*)((?: [^`#|\n]*)?)")
VARIABLE = re.compile(r"\b(?:NPF_[A-Z]+(?:_[A-Z]+)*|EIO_CACHE_DIR)\b")
# How names begin that a locked child does not inherit; nothing reads a variable of that name.
NO_SETTING = {"NPF_SECRET"}


def each_page() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """(module, words after it) of every command of ours on the page, lines that a backslash joins taken together."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    text = re.sub(r"(?<=`)python -m [^`]*`", lambda found: found[0].replace("\n", " "), text)
    for module, rest in OURS.findall(text):
        yield module, shlex.split(rest.replace("[", " ").replace("]", " "))


@each_page()
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_page_of_the_documents_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in DOCS if page.name != "index.md" and f"({page.name})" not in index] == []


def test_the_readme_has_two_pages() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 110


@each_page()
def test_files_and_their_names_are_there(page: Path) -> None:
    """``room/file.py`` and ``room/file.py: name`` in backticks, from the top or within the engine."""
    for name, member in re.findall(r"`((?:[\w.-]+/)+[\w.-]+)(?:: (\w+))?`", page.read_text(encoding="utf-8")):
        there = [base / name for base in (ROOT, ROOT / "npf_engine", page.parent) if (base / name).exists()]
        if name.endswith(".py"):
            assert there, f"{name} is not there"
        if there and member:
            assert re.search(rf"\b{member}\b", there[0].read_text(encoding="utf-8")), f"{name} has no {member}"


@each_page()
def test_commands_are_understood(page: Path) -> None:
    for module, words in commands(page):
        if module == "npf_engine":
            if words and "..." not in words and words != ["--help"]:
                build_parser().parse_args(words)
            continue
        assert importlib.util.find_spec(module), module
        if module == "benchmarks":
            continue
        known = [ROOT / f"{module.replace('.', '/')}.py", ROOT / "benchmarks" / "common.py"]
        text = "".join(path.read_text(encoding="utf-8") for path in known)
        for flag in (word for word in words if word.startswith("--")):
            assert f'"{flag.partition("=")[0]}"' in text, f"{module} has no {flag}"


@each_page()
def test_keys_of_set_are_settings(page: Path) -> None:
    for module, words in commands(page):
        if module == "npf_engine" and words[:1] == ["train"] and "--set" in words:
            pairs = [word.partition("=") for word in words[words.index("--set") + 1 :] if "=" in word]
            spec.with_values(spec.preset("quick"), {key: value for key, _, value in pairs})


@each_page()
def test_targets_of_make_are_there(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    used = re.findall(r"(?:`|^    |\.\.\. )make ([a-z][\w-]*)", text, re.MULTILINE)
    assert set(used) <= targets


def test_every_variable_is_explained_and_none_that_is_not_read() -> None:
    sources = [path for folder in ("npf_engine", "ui", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")]
    sources += [ROOT / "compose.yaml"]
    read = {path: set(VARIABLE.findall(path.read_text(encoding="utf-8"))) for path in sources if path != Path(__file__)}
    app = {
        name for path, names in read.items() for name in names if path.parts[len(ROOT.parts)] in ("npf_engine", "ui")
    }
    told = set(VARIABLE.findall((ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    assert app - NO_SETTING <= told
    assert told <= set().union(*read.values())


def test_the_floors_are_those_of_the_house() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = {(int(floor), room) for floor, room in re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)}
    assert told == {(number, room) for number, floor in enumerate(FLOORS) for room in floor}


def test_the_limits_of_the_verdict_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")

    def told(row: str) -> tuple[float, float]:
        found = re.search(rf"^\| {re.escape(row)} \| ([\d.]+)[^|]* \| ([\d.]+)", text, re.MULTILINE)
        assert found, row
        return float(found[1]), float(found[2])

    assert told("pushforward, ratio") == beyond.LIMITS["pushforward"]
    assert told("measure preservation of M_xi, ratio") == beyond.LIMITS["measure_preservation"]
    assert told("inverse, ratio") == beyond.LIMITS["inverse"]
    assert {told("sliced, percent of the variance above the floor")} == set(beyond.SHARES.values())
    assert told("M_xi against M_theta") == beyond.MAP_ERROR
    assert told("reconstruction, share of the error of F's mean") == beyond.RECONSTRUCTION
    assert told("inverse miss") == beyond.MISS
    assert told("conjugates that were solved, at least") == (100 * verdict.SOLVED, 100 * verdict.HARDLY)
    assert f"at least | {100 * verdict.FOUND:.0f} % | |" in text
    assert f"Fewer than {verdict.SMALLEST_TEST} test samples" in text and f"surely below {verdict.BARE}" in text


def test_the_code_of_the_readme_asks_for_what_the_library_has() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for node in ast.walk(ast.parse("\n".join(blocks))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = {"npf": npf_engine, "model": npf_engine.PolarFactorization}.get(node.value.id)
            known = owner is None or node.attr in npf_engine.__all__ or hasattr(owner, node.attr)
            assert known or node.attr == "report", f"{node.value.id}.{node.attr}"


def test_the_page_of_the_library_is_made_of_its_docstrings() -> None:
    from benchmarks.write_api import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "make api writes it anew"
