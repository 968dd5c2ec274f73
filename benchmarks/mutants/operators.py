"""What a small fault is: the list of operators, and the places of a module to which they apply.

A mutant replaces one expression's text by another's; everything else of the source stays as it is. Left alone: what
is no mathematics (docstrings, messages, errors raised, annotations, progress, seeds) and what is a choice, not a truth
(defaults of parameters and settings, tuning constants of a module), except in the modules named in STATED, whose
constants are definitions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

STATED = ("/divergences/", "/measures/accuracy_verdict", "/landscape/result", "/measures/measured")

BINARY: dict[type[ast.operator], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.FloorDiv],
    ast.Pow: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
}
DROPPED = (ast.Add, ast.Sub, ast.Mult, ast.Div)  # a term or a factor left out
NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
EDGE: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
NAMES = {
    "mean": "sum",
    "sum": "mean",
    "min": "max",
    "max": "min",
    "amin": "amax",
    "amax": "amin",
    "argmin": "argmax",
    "argmax": "argmin",
    "minimum": "maximum",
    "maximum": "minimum",
    "sin": "cos",
    "cos": "sin",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "rsqrt": "sqrt",
    "logaddexp": "maximum",
    "logsumexp": "amax",
    "softmax": "log_softmax",
    "cumsum": "cumprod",
    "inside": "wild",
    "softplus": "relu",
    "rand": "randn",
}
# x.name(...) -> x
UNDONE = frozenset(
    [
        "sqrt",
        "square",
        "abs",
        "exp",
        "log",
        "clamp",
        "sigmoid",
        "tanh",
        "reciprocal",
        "flip",
        "nan_to_num",
        "sort",
        "neg",
        "sign",
        "softplus",
        "rsqrt",
        "norm",
    ]
)
IN_PLACE = frozenset(
    ["copy_", "mul_", "add_", "sub_", "div_", "fill_", "zero_", "clamp_", "lerp_", "index_add_", "scatter_"]
)
SILENT = frozenset(
    [
        "progress",
        "note",
        "tell",
        "snapshot",
        "warn",
        "print",
        "stage",
        "plan",
        "check",
        "manual_seed",
        "initial_seed",
        "ValueError",
        "InputError",
        "RuntimeError",
        "FloatingPointError",
        "TypeError",
        "register_buffer",
    ]
)
SMALL, LARGE = 1e-3, 1e3  # a float within is doubled, another (a guard) gets 1 more


@dataclass(frozen=True)
class Mutant:
    """One fault. path of the module; where: qualified name of its function; line and the statement's lines; start, end:
    offsets of the text replaced; before, after: the expression; statement: its source in one line."""

    path: str
    where: str
    lines: tuple[int, int]
    start: int
    end: int
    before: str
    after: str
    statement: str

    @property
    def name(self) -> str:
        """For people: where, and what became of what."""
        return f"{self.path}::{self.where}: {self.before}  ->  {self.after}"

    def applied(self, source: str) -> str:
        """The module's source with the fault."""
        data = source.encode()
        return (data[: self.start] + self.after.encode() + data[self.end :]).decode()


def mutants(path: str, source: str) -> list[Mutant]:
    """All faults of one module, in the order of its text."""
    return _Places(path, source).found


class _Places(ast.NodeVisitor):
    """Walks a module and keeps the mutants of every expression that counts."""

    def __init__(self, path: str, source: str) -> None:
        self.path, self.found = path, list[Mutant]()
        self._bytes = source.encode()
        self._starts = [0]
        for line in self._bytes.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._scope: list[str] = []
        self._statement: ast.stmt | None = None
        self._functions = 0
        self.visit(ast.parse(source))

    # -- what is walked -----------------------------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        """Nodes that are no mathematics end the walk."""
        if isinstance(node, (ast.Raise, ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, ast.Call) and _called(node) in SILENT:
            return
        if isinstance(node, ast.stmt):
            before, self._statement = self._statement, node
            self._one(node)
            self._statement = before
        else:
            self._one(node)

    def _one(self, node: ast.AST) -> None:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            self._inside(node)
            return
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.visit(node.value)
            return
        if self._counts() and isinstance(node, (ast.expr, ast.stmt)):
            for text in _replacements(node):
                self._keep(node, text)
        self.generic_visit(node)

    def _inside(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        if node.name.startswith("__") and node.name not in ("__init__", "__call__", "__post_init__"):
            return
        is_function = isinstance(node, ast.FunctionDef)
        self._scope.append(node.name)
        self._functions += is_function
        for child in node.body:
            self.visit(child)
        self._functions -= is_function
        self._scope.pop()

    def _counts(self) -> bool:
        return self._functions > 0 or any(part in self.path for part in STATED)

    # -- what is kept -------------------------------------------------------------------------------------------------

    def _keep(self, node: ast.expr | ast.stmt, text: str) -> None:
        statement = self._statement
        assert statement is not None and node.end_lineno is not None and node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[node.end_lineno - 1] + node.end_col_offset
        last = statement.body[0].lineno - 1 if hasattr(statement, "body") else statement.end_lineno
        first_line = " ".join(ast.unparse(statement).splitlines()[0].split())
        before = ast.unparse(node)
        if before == text or (node.col_offset and isinstance(node, ast.stmt) and "\n" in text):
            return
        self.found.append(
            Mutant(
                self.path,
                ".".join(self._scope),
                (statement.lineno, max(statement.lineno, last or 0)),
                start,
                end,
                before,
                text,
                first_line,
            )
        )


def _called(node: ast.Call) -> str:
    function = node.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _replacements(node: ast.expr | ast.stmt) -> Iterator[str]:
    """Texts that may stand in the node's place."""
    for changed in _changes(node):
        text = ast.unparse(changed)
        yield f"({text})" if isinstance(changed, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp)) else text


def _changes(node: ast.expr | ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp():
            yield from _binary(node)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as n)):
            yield ast.Constant(-n - 1)
        case ast.UnaryOp(op=ast.USub() | ast.Invert() | ast.Not(), operand=inner):
            yield inner
        case ast.Compare(ops=[op], left=left, comparators=[right]):
            yield ast.Compare(left, [NEGATED[type(op)]()], [right])
            if type(op) in EDGE and (_counted(left) or _counted(right)):
                yield ast.Compare(left, [EDGE[type(op)]()], [right])
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.Constant(value=value):
            yield from _constant(value)
        case ast.Call():
            yield from _call(node)
        case ast.Attribute(attr="T" | "mT", value=inner):
            yield inner
        case ast.IfExp(test=test, body=body, orelse=other):
            yield ast.IfExp(test, other, body)
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in BINARY:
            yield ast.AugAssign(target, BINARY[type(op)][0](), value)
        case ast.Expr(value=ast.Call() as call) if _called(call) in IN_PLACE:
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    if any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in ast.walk(node)):
        return
    if any(isinstance(part, (ast.JoinedStr, ast.List, ast.Tuple)) for part in (node.left, node.right)):
        return
    for op in BINARY.get(type(node.op), []):
        yield ast.BinOp(node.left, op(), node.right)
    if isinstance(node.op, DROPPED):
        yield node.left
    if isinstance(node.op, (ast.Add, ast.Mult)):
        yield node.right
    if isinstance(node.op, ast.MatMult):
        yield ast.BinOp(node.right, ast.MatMult(), node.left)


def _constant(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        yield ast.Constant(2 * value if SMALL <= abs(value) <= LARGE else value + 1.0)


def _call(node: ast.Call) -> Iterator[ast.AST]:
    name, function = _called(node), node.func
    if name == "where" and len(node.args) == 3:
        first, second, third = node.args
        yield ast.Call(function, [first, third, second], node.keywords)
    if name in NAMES:
        other = NAMES[name]
        swapped: ast.expr = (
            ast.Attribute(function.value, other) if isinstance(function, ast.Attribute) else ast.Name(other)
        )
        yield ast.Call(swapped, node.args, node.keywords)
    if isinstance(function, ast.Attribute):
        of_module = isinstance(function.value, ast.Name) and function.value.id in ("torch", "math", "np", "nnf", "nn")
        if name in UNDONE and not of_module:
            yield function.value
        elif name in UNDONE and len(node.args) == 1:
            yield node.args[0]


def _counted(node: ast.expr) -> bool:
    """Whether a comparison with it is one of whole numbers, whose edge is seen."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int)
    return isinstance(node, ast.Call) and _called(node) == "len"
