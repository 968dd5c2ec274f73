"""The house stands: every import runs down or stays in its room, and no files import one another in a circle.

An import inside a function counts as any other; one for types alone does not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# From the ground up; a floor's rooms, and the modules of each by their longest prefix. Rooms of one floor do not know
# one another.
FLOORS: tuple[dict[str, tuple[str, ...]], ...] = (
    {name: (name,) for name in ("errors", "resources", "extensions")},
    {name: (name,) for name in ("home", "numbers", "glossary", "citation", "potentials", "seeds")},
    {"settings": ("settings",)},
    {"tasks": ("tasks",)},
    {"networks": ("networks",), "divergences": ("divergences",)},
    {"fields": ("fields",), "transport": ("transport",)},
    {"polar": ("polar",), "manifolds": ("manifolds",)},
    {"sampling": ("sampling",), "measures": ("measures",), "bundle": ("bundle",)},
    {"figures": ("figures",)},
    {"studies": ("studies",)},
    {"runs": ("runs",)},
    {"library": ("library",), "doctor": ("doctor",)},
    {"cli": ("cli",), "server": ("server",)},
)
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}
ROOM_OF = {prefix: room for floor in FLOORS for room, prefixes in floor.items() for prefix in prefixes}


def modules() -> dict[str, Path]:
    """Name without the package -> file."""
    found = {}
    for path in sorted((ROOT / "npf_engine").rglob("*.py")):
        name = path.relative_to(ROOT / "npf_engine").with_suffix("").as_posix().replace("/", ".")
        found[name.removesuffix(".__init__")] = path
    return found


FILES = modules()


def _imports(node: ast.AST) -> Iterator[ast.ImportFrom | ast.Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.ImportFrom | ast.Import):
            yield child
        yield from _imports(child)


def targets(path: Path) -> set[str]:
    """The modules of the package that a file imports."""
    found = set()
    for node in _imports(ast.parse(path.read_text(encoding="utf-8"))):
        for alias in node.names:
            full = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            choices = (full, node.module or "") if isinstance(node, ast.ImportFrom) else (full,)
            inner = [name.removeprefix("npf_engine.") for name in choices if name.startswith("npf_engine.")]
            found |= set([name for name in inner if name in FILES][:1])
    return found


ARROWS = {name: targets(path) for name, path in FILES.items()}


def room(module: str) -> str | None:
    """The room of the longest prefix that FLOORS names."""
    parts = module.split(".")
    prefixes = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((ROOM_OF[prefix] for prefix in prefixes if prefix in ROOM_OF), None)


def test_every_module_has_a_floor() -> None:
    homeless = [name for name in FILES if room(name) is None and name not in ("__init__", "__main__")]
    assert homeless == []


def test_imports_run_down() -> None:
    up = []
    for name, found in ARROWS.items():
        here = room(name)
        for target in sorted(found):
            there = room(target)
            if here is not None and there is not None and here != there and FLOOR_OF[there] >= FLOOR_OF[here]:
                up.append(f"{name} -> {target}")
    assert up == []


def test_no_files_import_one_another_in_a_circle() -> None:
    """Files that import nothing that is left are taken away until none can be: what stays is a circle or above one."""
    left = {name: found & set(FILES) - {name} for name, found in ARROWS.items()}
    while True:
        free = {name for name, found in left.items() if not found & left.keys()}
        if not free:
            break
        left = {name: found for name, found in left.items() if name not in free}
    assert left == {}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "pages").rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_a_page_takes_nothing_from_another_page(path: Path) -> None:
    """What two pages share is in ui/, or it is the engine's."""
    own = path.relative_to(ROOT / "pages").parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pages."):
            assert (node.module or "").split(".")[1] == own, f"{path.name} imports {node.module}"


@pytest.mark.parametrize("package", ["streamlit", "pages", "ui", "plotly"])
def test_the_engine_knows_nothing_of_the_pages(package: str) -> None:
    """Figures alone draw."""
    users = []
    for name, path in FILES.items():
        for node in _imports(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if any(found.split(".")[0] == package for found in names):
                users.append(name)
    allowed = "figures" if package == "plotly" else "nowhere"
    assert [name for name in users if not name.startswith(allowed)] == []


# What JSON is read as in its one place, and what no type says; a number more is a type less.
MOST_ANY = 10
LONGEST_MODULE, LONGEST_FUNCTION, MOST_PARAMETERS = 300, 60, 8
# function -> why it takes more
MANY_PARAMETERS = {"library.sampling.sample": "the keywords of npf.sample are the library's contract"}
LONG_MODULES: dict[str, str] = {}  # module -> which table it is


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Module and name of every function of the engine, the pages and what they share, with its tree."""
    shown = (path for room in ("pages", "ui") for path in sorted((ROOT / room).rglob("*.py")))
    for module, path in [*FILES.items(), *((path.relative_to(ROOT).as_posix(), path) for path in shown)]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{module}.{node.name}", node


def mentions_of_any(tree: ast.AST) -> int:
    """How often a module says ``Any`` or ``typing.Any``; the import is none."""
    return sum(
        (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")
        for node in ast.walk(tree)
    )


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many a caller may give; ``self`` and ``cls`` are none."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    own = bool(given) and given[0].arg in ("self", "cls")
    return len(given) - own + (node.args.vararg is not None) + (node.args.kwarg is not None)


def test_any_is_said_where_json_is_read_and_hardly_anywhere_else() -> None:
    found = {name: mentions_of_any(ast.parse(path.read_text(encoding="utf-8"))) for name, path in FILES.items()}
    assert sum(found.values()) < MOST_ANY, {name: count for name, count in found.items() if count}


def test_functions_are_short_and_take_few_parameters() -> None:
    long = [name for name, node in _functions() if (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION]
    many = {name for name, node in _functions() if parameters(node) > MOST_PARAMETERS}
    assert long == [] and many <= set(MANY_PARAMETERS)


def test_modules_are_short_but_for_tables() -> None:
    long = {name for name, path in FILES.items() if len(path.read_text("utf-8").splitlines()) > LONGEST_MODULE}
    assert long <= set(LONG_MODULES)


def test_what_the_counts_count() -> None:
    tree = ast.parse("from typing import Any\nimport typing\ndef f(self, a: Any, *b: typing.Any, c: int) -> None: ...")
    assert mentions_of_any(tree) == 2
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    assert parameters(function) == 3
