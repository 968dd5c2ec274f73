"""npf_model.py of a bundle: the engine's own modules joined to one file that needs only torch, numpy and safetensors.

Nothing is written twice, so a bundle computes what the engine computes: the sources below are taken as they
are; imports of one another are dropped, the others are gathered at the head. A module may give all of
its top-level definitions or some of them.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from npf_engine import __version__

# In the order in which they build on each other.
PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("npf_engine.errors", ("InputError",)),
    (
        "npf_engine.settings.limits",
        (
            "MAX_D",
            "MAX_LAYERS",
            "MAX_OCTAVES",
            "MAX_PIECES",
            "MAX_RANK",
            "MAX_WIDTH",
            "MAX_SAMPLER_STEPS",
            "MAX_GUIDE_STEPS",
            "MAX_REDRAWS",
        ),
    ),
    ("npf_engine.networks.sizes", ()),
    ("npf_engine.networks.icnn", ()),
    ("npf_engine.networks.spline", ()),
    ("npf_engine.networks.squares", ()),
    ("npf_engine.networks.hubers", ()),
    ("npf_engine.networks.wide", ()),
    ("npf_engine.networks.framed", ()),
    ("npf_engine.networks.mlp", ()),
    ("npf_engine.networks.bridge", ()),
    ("npf_engine.networks.value_bridge", ()),
    ("npf_engine.transport.conjugate", ()),
    ("npf_engine.transport.dual", ("in_chunks",)),
    ("npf_engine.fields.lattice", ()),
    ("npf_engine.fields.field", ("Scaling", "Units")),
    ("npf_engine.polar.refine", ()),
    ("npf_engine.polar.guidance", ()),
    ("npf_engine.polar.inversion", ()),
    ("npf_engine.bundle.portable.stand_in", ("sample_heun", "invert_exact")),
    ("npf_engine.polar.storage", ()),
    ("npf_engine.polar.factorization", ()),
)
# Definitions taken from another module, since the engine's own would need the whole engine.
STAND_INS = {"_known_function": "npf_engine.bundle.portable.stand_in"}
ALLOWED = {"torch", "numpy", "safetensors"}

HEAD = '''"""A polar factorization F = grad u o M in one file: torch, numpy and safetensors are all that it needs.

    from npf_model import PolarFactorization

    model = PolarFactorization.load(".")      # the folder, or the zip, that this file came in
    model.grad_u(x)                           # (n, d) -> (n, d), closed form
    model.grad_u_conjugate(y)                 # (n, d) -> (n, d), Newton or L-BFGS
    model.M_network(x)                        # (n, d) -> (n, d), M_xi
    model.M(x, field_values=F_of_x)           # (n, d) -> (n, d), M_theta
    model.preimages(y, n=500, seed=0)         # (d,) -> (500, d), I_psi
    model.invert(gradient, n=500, seed=0)     # (d,) -> (500, d), I_psi o grad u*

Positions and values are in the user's units; README.md beside this file says which. Written by npf_engine
{version} from its own modules, each under its name below.
"""

from __future__ import annotations

{imports}

__all__ = ["PolarFactorization"]
'''


@dataclass(frozen=True)
class Part:
    """One module's share: its name, its docstring, its definitions as text, and the imports that it needs."""

    name: str
    doc: str
    text: str
    imports: tuple[ast.stmt, ...]
    defines: tuple[str, ...]


@functools.cache
def portable_source() -> str:
    """The text of npf_model.py. Raises RuntimeError where the modules no longer fit into one file."""
    parts = [_read(name, wanted) for name, wanted in PARTS]
    seen: dict[str, str] = {}
    for part in parts:
        for name in part.defines:
            if name in seen:
                raise RuntimeError(f"{name} is defined in {seen[name]} and in {part.name}; rename one of them")
            seen[name] = part.name
    body = "\n\n\n".join(_section(part) for part in parts)
    imports = _imports([node for part in parts for node in part.imports], body, set(seen))
    return HEAD.format(version=__version__, imports=imports) + "\n\n" + body + "\n"


def _section(part: Part) -> str:
    rule = "# " + "-" * 118
    words = "\n".join(f"# {line}".rstrip() for line in part.doc.splitlines())
    return f"{rule}\n# {part.name}\n#\n{words}\n{rule}\n\n{part.text}"


def _read(name: str, wanted: tuple[str, ...]) -> Part:
    """The definitions of a module (all, or the ``wanted`` ones) as they are written."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the source of {name} is not there")
    source = Path(spec.origin).read_text(encoding="utf-8")
    tree = ast.parse(source)
    source = _without_inner_imports(source, tree)
    tree = ast.parse(source)
    lines = source.splitlines()
    chunks, imports, defines = [], [], []
    end = 0
    for node in tree.body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
        begin = _with_comments(lines, first, end)
        end = node.end_lineno or node.lineno
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
            continue
        names = _names(node)
        if not names or (wanted and not set(names) & set(wanted)):
            continue
        defines += names
        other = STAND_INS.get(names[0], name)
        text = "\n".join(lines[begin:end]) if other == name else _read(other, (names[0],)).text
        chunks.append((text, isinstance(node, ast.ClassDef | ast.FunctionDef)))
    if missing := set(wanted) - set(defines):
        raise RuntimeError(f"{name} no longer defines {', '.join(sorted(missing))}")
    return Part(name, ast.get_docstring(tree) or "", _join(chunks), tuple(imports), tuple(defines))


def _with_comments(lines: list[str], first: int, end: int) -> int:
    """The first line of the comments right above line ``first`` (not before ``end``)."""
    while first > end and lines[first - 1].startswith("#"):
        first -= 1
    return first


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [item.id for target in node.targets for item in ast.walk(target) if isinstance(item, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _join(chunks: list[tuple[str, bool]]) -> str:
    """Definitions two lines apart, constants on lines of their own."""
    text = ""
    previous = False
    for chunk, is_block in chunks:
        text += ("" if not text else "\n\n\n" if is_block or previous else "\n") + chunk
        previous = is_block
    return text


def _without_inner_imports(source: str, tree: ast.Module) -> str:
    """The source without imports of the engine inside functions, and for types alone: what they import stands in the
    same file."""
    lines = source.splitlines()
    for node in ast.walk(tree):
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if for_types or (isinstance(node, ast.ImportFrom) and node.col_offset and _is_engine(node.module)):
            assert isinstance(node, ast.stmt)
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = "\0"
            if (node.end_lineno or 0) < len(lines) and not lines[node.end_lineno or 0].strip():
                lines[node.end_lineno or 0] = "\0"
    return "\n".join(line for line in lines if line != "\0")


def _is_engine(module: str | None) -> bool:
    return (module or "").split(".")[0] == "npf_engine"


def _imports(nodes: list[ast.stmt], body: str, defined: set[str]) -> str:
    """One sorted block with what the joined text uses. Raises RuntimeError for a library that a bundle may not need,
    and for a definition of the engine that the text uses and does not hold."""
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    for node in nodes:
        if not (isinstance(node, ast.ImportFrom) and _is_engine(node.module)):
            continue
        if missing := {alias.name for alias in node.names} & used - defined:
            raise RuntimeError(f"{', '.join(sorted(missing))} of {node.module} would be missing; add it to PARTS")
    plain: set[str] = set()
    froms: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name.split(".")[0]) in used:
                    plain.add(ast.unparse(ast.Import([alias])))
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__" and not _is_engine(node.module):
            for alias in node.names:
                if (alias.asname or alias.name) in used - defined:
                    froms.setdefault(node.module or "", set()).add(ast.unparse(ast.Import([alias]))[len("import ") :])
    lines = sorted(plain) + [
        f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(froms.items())
    ]
    for line in lines:
        library = line.split()[1].split(".")[0]
        if library not in ALLOWED and library not in sys.stdlib_module_names:
            raise RuntimeError(f"npf_model.py would need {library}: {line}")
    own = [line for line in lines if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    return "\n".join([*own, "", *(line for line in lines if line not in own)])
