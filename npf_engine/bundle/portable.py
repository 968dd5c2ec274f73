"""npf_model/ of a bundle: the engine's own modules under another package's name, unchanged but for that name.

Which ones follows from what they import: ``polar.constant`` and all networks, and every module of the engine
that these import, however deeply. What stands in ``bundle/npf_model/`` takes the place of the module of the same name,
where the engine's would need more than torch, numpy and safetensors; what such a module imports is not asked.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import npf_engine
from npf_engine.errors import InputError
from npf_engine.potentials import built_in, potential_class

PACKAGE = "npf_model"
ROOTS = ("polar/constant.py", "networks/*.py")
ALLOWED = frozenset({"torch", "numpy", "safetensors"})
ENGINE = Path(npf_engine.__file__).parent
OWN = Path(__file__).with_name(PACKAGE)  # what stands in for modules of the engine
# The package's name where a module of it is named: in imports, and in texts like "npf_engine.networks.wide:Network".
NAMED = re.compile(r"\bnpf_engine(?=\.\w| import\b)")


@functools.cache
def package_files(network: str = "icnn") -> dict[str, bytes]:
    """Name in the bundle -> content of every file of npf_model/, for a model whose u is the potential ``network``: one
    from outside the package comes along as a file of networks/, where it is found as others are. Raises RuntimeError
    for a module that would need another library, InputError for a potential whose file is not to be had."""
    names = ["__init__.py", *(p.relative_to(ENGINE).as_posix() for root in ROOTS for p in sorted(ENGINE.glob(root)))]
    found: dict[str, str] = {}
    if network not in built_in():
        path = _file_of_potential(network)
        name, source = f"networks/{path.stem}.py", path.read_text(encoding="utf-8")
        found[name] = NAMED.sub(PACKAGE, source)
        names += _needed(name, ast.parse(source))
    while names:
        name = names.pop()
        if name in found:
            continue
        if name.endswith("/__init__.py"):
            found[name] = ""  # the engine's offer what is convenient there, which may be more than is here
            continue
        source = (OWN / name if (OWN / name).is_file() else ENGINE / name).read_text(encoding="utf-8")
        found[name] = NAMED.sub(PACKAGE, source)
        names += [f"{folder}/__init__.py" for folder in PurePosixPath(name).parts[:-1]]
        names += _needed(name, ast.parse(source))
    return {f"{PACKAGE}/{name}": found[name].encode() for name in sorted(found)}


def _file_of_potential(network: str) -> Path:
    """The file of a potential from outside the package. InputError where there is none that a bundle can hold."""
    module = sys.modules[potential_class(network).__module__]
    path = Path(getattr(module, "__file__", None) or "")
    plain = path.suffix == ".py" and re.fullmatch(r"[a-z0-9_]+", path.stem) is not None
    if module.__name__ == "__main__" or not plain or (ENGINE / "networks" / path.name).is_file():
        raise InputError(
            f"a bundle holds the source of its potential, and that of {network!r} is not to be had as a file with a "
            "name of its own; put the class into a .py file that is imported"
        )
    return path


def _needed(name: str, tree: ast.Module) -> Iterator[str]:
    """The files of the engine that a module imports, also inside its functions; not for types alone."""
    for module, item in _imports(tree):
        top, *path = module.split(".")
        if top == "npf_engine":
            inner = _file([*path, item]) if item else ""
            yield inner or (path and _file(path)) or _missing(name, f"{module} {item}")
        elif top not in ALLOWED and top not in sys.stdlib_module_names:
            raise RuntimeError(f"{PACKAGE}/{name} would need {top}; put a module without it into bundle/{PACKAGE}/")


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name imported from it or empty) of every import below ``node``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from ((alias.name, "") for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from ((child.module or "", alias.name) for alias in child.names)
        else:
            yield from _imports(child)


def _file(path: list[str]) -> str:
    """The file of a module of the engine, below its folder; empty where there is none."""
    for name in ("/".join(path) + ".py", "/".join([*path, "__init__.py"])):
        if (ENGINE / name).is_file() or (OWN / name).is_file():
            return name
    return ""


def _missing(name: str, module: str) -> str:
    raise RuntimeError(f"{PACKAGE}/{name} imports {module}, whose file is not there")
