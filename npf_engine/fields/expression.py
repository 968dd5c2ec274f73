"""The expression box: a potential g or the d components of F, as typed by the user. Parsed, never given to ``eval``.

One expression is a potential and F = grad g (by automatic differentiation); d expressions are F itself. In one
dimension a single expression is therefore always a potential.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.field import Field
from npf_engine.fields.formula_tokens import names_in
from npf_engine.fields.function_field import (
    Domain,
    Formula,
    Functions,
    Progress,
    check_box,
    function_field,
    make_domain,
    model_functions,
)
from npf_engine.fields.parser import Step, compile_expression, products_added, variables
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import MAX_D

DEFAULT_HALF_SIDE = 5.0  # the domain is [-5, 5]^d unless the spec says otherwise
Value = Tensor | float
MOST_EXPONENT = 1e30  # that float32 holds

_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "negate": torch.neg,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "tanh": torch.tanh,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "atan": torch.atan,
    "floor": torch.floor,
    "sign": torch.sign,
}
_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "mod": torch.remainder,  # the sign of the divisor, as in Python
    "atan2": torch.atan2,
    "min": torch.minimum,
    "max": torch.maximum,
    "power": torch.pow,
}


class Expression:
    """A parsed expression in d variables: called with x (n, d), it gives (n,) in x's dtype and on its device."""

    def __init__(self, text: str, d: int, steps: Sequence[Step]) -> None:
        self.text = text
        self.d = d
        self.steps = tuple(steps)

    def __call__(self, x: Tensor) -> Tensor:
        """Values (n,) at x (n, d). Non-finite where the expression is (log of a negative number, 1/0)."""
        value = self.evaluate(x)
        if isinstance(value, Tensor):
            return value
        return torch.full((x.shape[0],), value, dtype=torch.float64).to(
            x
        )  # infinite where x's type is too small for it

    def gradient(self, x: Tensor) -> Tensor:
        """dg/dx (n, d) at x (n, d), by automatic differentiation; differentiable again where x asks for it."""
        again = torch.is_grad_enabled() and x.requires_grad
        with torch.inference_mode(False), torch.enable_grad():
            at = x if again else x.detach().clone().requires_grad_(True)
            value = self.evaluate(at)
            if not isinstance(value, Tensor) or not value.requires_grad:
                return torch.zeros_like(x)
            return torch.autograd.grad(value.sum(), at, create_graph=again)[0]

    def evaluate(self, x: Tensor, check: str = "") -> Value:
        """The stack machine: (n,), or a number where the expression has no variables.

        With ``check`` (what to call the expression) a part without variables that is not finite raises InputError.
        """
        stack: list[Value] = []
        columns = x.unbind(1)  # at once: its gradient is one array, that of x[:, k] one for every name in the text
        for step in self.steps:
            if step.kind == "number":
                stack.append(step.value)
            elif step.kind == "variable":
                stack.append(columns[step.index])
            else:
                arguments = stack[len(stack) - step.arity :]
                del stack[len(stack) - step.arity :]
                value = _apply(step.operation, arguments, x)
                if check and not isinstance(value, Tensor) and not math.isfinite(value):
                    raise InputError(
                        f"{check[:1].upper() + check[1:]} at character {step.position + 1}: this part is not a finite "
                        f"number ({step.operation} gives {value})."
                    )
                stack.append(value)
        return stack[0]


def _apply(operation: str, arguments: list[Value], x: Tensor) -> Value:
    """One operation; numbers alone stay a number, in double precision (and cost nothing per point)."""
    alone = not any(isinstance(a, Tensor) for a in arguments)
    base, exponent = arguments[0], arguments[-1]
    plain = not isinstance(exponent, Tensor) and abs(exponent) < MOST_EXPONENT
    if operation == "power" and plain and isinstance(base, Tensor):
        return torch.pow(base, exponent)  # a plain exponent has the exact derivative at 0
    like = torch.zeros((), dtype=torch.float64) if alone else x
    # A number beyond x's type becomes infinite, which is told with its place; torch would refuse to convert it.
    tensors = [a if isinstance(a, Tensor) else torch.tensor(a, dtype=torch.float64).to(like) for a in arguments]
    out = _UNARY[operation](tensors[0]) if operation in _UNARY else reduce(_BINARY[operation], tensors)
    return float(out) if alone else out


def parse(text: str, d: int, label: str = "the expression") -> Expression:
    """The expression ``text`` in d variables (x, y, z up to three dimensions; x1..xd always).

    Known: + - * / % ** ^, parentheses, numbers, pi, e, sin cos tan exp log sqrt abs tanh sinh cosh atan atan2 min
    max sign floor mod. Raises InputError with the position of the first bad character, or of a part that is not a
    finite number (1/0, 9**9**9**9).
    """
    if not 1 <= d <= MAX_D:
        raise InputError(f"An expression cannot have {d} variables; between 1 and {MAX_D} are possible.")
    expression = Expression(text, d, compile_expression(text, d, label))
    expression.evaluate(torch.zeros(1, d, dtype=torch.float64), check=label)
    return expression


def dimension(texts: Sequence[str], low: Sequence[float] = ()) -> int:
    """How many variables: the number of expressions, or for a single potential the domain's, or the last one named."""
    if len(texts) > 1:
        return len(texts)
    if low:
        return len(low)
    known = {**variables(MAX_D), "x": 0, "y": 1, "z": 2}
    return 1 + max((known[name] for text in texts for name in names_in(text) if name in known), default=0)


def build(spec: FieldSpec, progress: Progress | None = None) -> Field:
    """The Field of ``spec.expression`` on the box ``spec.low``..``spec.high`` (default [-5, 5]^d) with ``spec.rho``.

    Raises InputError for an expression that cannot be read, a wrong number of bounds, or values that are not finite
    somewhere on Omega.
    """
    formula, domain = _read(spec)
    source = "gradient of " if len(spec.expression) == 1 else "F = "
    field = function_field(formula, domain, spec, source + ", ".join(spec.expression), progress)
    read = ((text.strip(), products_added(text)) for text in spec.expression)
    field.conversions = [*(f"{text} is read as {made}" for text, made in read if made), *field.conversions]
    return field


def functions(spec: FieldSpec) -> Functions:
    """(F, potential or None) in model positions, without drawing samples: what a stored field needs to live again."""
    return model_functions(*_read(spec))


def _read(spec: FieldSpec) -> tuple[Formula, Domain]:
    texts = tuple(spec.expression)
    if not texts:
        raise InputError("No expression was given; write a potential such as x^2 + sin(y), or one expression per axis.")
    if len(texts) > MAX_D:
        raise InputError(f"{len(texts)} expressions were given; a field has at most {MAX_D} components.")
    d = dimension(texts, spec.low)
    low = spec.low or (-DEFAULT_HALF_SIDE,) * d
    high = spec.high or (DEFAULT_HALF_SIDE,) * d
    check_box("the expression", low, high)
    if len(low) != d:
        raise InputError(
            f"{len(texts)} expressions are a field in {d} dimensions, but the domain has {len(low)}; give {d} bounds, "
            "or one expression for a potential."
        )
    labels = [f"expression {k + 1}" for k in range(d)] if len(texts) > 1 else ["the expression"]
    parsed = [parse(text, d, label) for text, label in zip(texts, labels, strict=True)]
    if len(parsed) == 1:
        formula = Formula("expression", parsed[0].gradient, parsed[0])
    else:
        formula = Formula("expression", lambda x: torch.stack([part(x) for part in parsed], dim=1))
    return formula, make_domain("the expression", spec.rho, low, high)
