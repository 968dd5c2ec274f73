"""The language of the expression box: text -> a short program for a stack of numbers. Nothing is ever given to eval.

    expression = term  { (+ | -) term }
    term       = factor { (* | / | % | mod) factor }
    factor     = (+ | -) factor | power
    power      = atom [ (^ | **) factor ]                     binds to the right: 2^3^2 = 2^9, -x^2 = -(x^2)
    term       = ... { factor } also where the sign of a product is left out: 3x, 2 sin(x), (x + 1)(y - 1), 2(x + y)
    atom       = number | pi | e | variable | function ( expression {, expression} ) | ( expression )

A recursive-descent parser that writes reverse Polish notation as it reads, so that evaluating needs no recursion. It is
our own, and not Python's ``ast`` with a list of allowed nodes: what people type is no Python (3x, x^2, mod, typographic
signs), and an error has to name the place in the text as it was typed.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from npf_engine.errors import InputError
from npf_engine.fields.formula_tokens import CONSTANTS, FUNCTIONS, LOGARITHMS, OPERATORS, Token, short, tokens_of
from npf_engine.settings.limits import MAX_DEPTH, MAX_FORMULA


@dataclass(frozen=True)
class Step:
    """One instruction: push a number, push coordinate ``index``, apply ``operation`` to the last ``arity`` values."""

    kind: str  # number | variable | apply
    position: int  # character (from 0) in the text, for messages
    value: float = 0.0
    index: int = 0
    operation: str = ""
    arity: int = 0


def variables(d: int) -> dict[str, int]:
    """Names of the coordinates in dimension d: x1..xd always; x, y, z for the first three where d <= 3."""
    names = {f"x{k + 1}": k for k in range(d)}
    if d <= 3:
        names.update({name: k for k, name in enumerate("xyz"[:d])})
    return names


def compile_expression(text: str, d: int, label: str = "the expression") -> tuple[Step, ...]:
    """The program of an expression in d variables.

    Raises InputError with the position (characters counted from 1) of the first thing that is wrong.
    """
    return _Parser(text, d, label).run()


def products_added(text: str) -> str | None:
    """The text of an expression as it was read, with ``*`` where a product had no sign; None where all were written."""
    parser = _Parser(text, 1, "")
    places = [token.position for token in parser.tokens if token.implied]
    if not places:
        return None
    cuts = [0, *places, len(text)]
    return "*".join(text[a:b].strip() for a, b in itertools.pairwise(cuts))


class _Parser:
    def __init__(self, text: str, d: int, label: str) -> None:
        self.label = label
        self.text = text
        if len(text) > MAX_FORMULA:
            raise InputError(f"{self._label_upper()} has {len(text):,} characters; the limit is {MAX_FORMULA:,}.")
        self.variables = variables(d)
        self.d = d
        self.tokens = tokens_of(text, self._fail)
        self.at = 0
        self.depth = 0
        self.steps: list[Step] = []

    def run(self) -> tuple[Step, ...]:
        if self._now().kind == "end":
            raise InputError(f"{self._label_upper()} is empty; write for example x^2 + y^2.")
        self._expression()
        token = self._now()
        if token.kind != "end":
            if token.text == ")":
                self._fail(token.position, "this closing parenthesis was never opened")
            if token.text == ",":
                self._fail(token.position, "a comma only separates the arguments of a function")
            self._fail(token.position, f"{token.text!r} follows without an operator; write * for a product")
        return tuple(self.steps)

    # -- reading

    def _now(self) -> Token:
        return self.tokens[self.at]

    def _next(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def _enter(self, position: int) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail(position, f"nested more than {MAX_DEPTH} deep")

    def _fail(self, position: int, why: str) -> NoReturn:
        where = f"character {position + 1}" if position < len(self.text) else "the end"
        raise InputError(f"{self._label_upper()} cannot be read at {where}: {why}{'' if why.endswith('?') else '.'}")

    def _label_upper(self) -> str:
        return self.label[:1].upper() + self.label[1:]

    # -- the grammar, one method a rule

    def _expression(self) -> None:
        self._chain(("+", "-"), self._term)

    def _term(self) -> None:
        self._chain(("*", "/", "%", "mod"), self._factor)

    def _chain(self, operators: Sequence[str], operand: object) -> None:
        assert callable(operand)
        operand()
        while self._now().text in operators:
            token = self._next()
            operand()
            self._apply(OPERATORS[token.text], 2, token.position)

    def _factor(self) -> None:
        token = self._now()
        if token.text not in ("+", "-"):
            self._power()
            return
        self._next()
        self._enter(token.position)
        self._factor()
        self.depth -= 1
        if token.text == "-":
            self._apply("negate", 1, token.position)

    def _power(self) -> None:
        self._atom()
        token = self._now()
        if token.text in ("^", "**"):
            self._next()
            self._enter(token.position)
            self._factor()
            self.depth -= 1
            self._apply("power", 2, token.position)

    def _atom(self) -> None:
        token = self._next()
        if token.kind == "number":
            value = float(token.text)
            if abs(value) == float("inf"):
                self._fail(token.position, f"the number {short(token.text)} is too large")
            self.steps.append(Step("number", token.position, value=value))
        elif token.text == "(":
            self._enter(token.position)
            self._expression()
            self._close(token)
            self.depth -= 1
        elif token.kind == "name":
            self._name(token)
        else:
            found = "the text ends" if token.kind == "end" else f"{token.text!r} stands"
            self._fail(token.position, f"{found} where a number, a variable or a function is expected")

    def _name(self, token: Token) -> None:
        if token.text in FUNCTIONS:
            self._call(token)
        elif token.text in self.variables:
            self.steps.append(Step("variable", token.position, index=self.variables[token.text]))
        elif token.text in CONSTANTS:
            self.steps.append(Step("number", token.position, value=CONSTANTS[token.text]))
        else:
            near = difflib.get_close_matches(token.text, [*FUNCTIONS, *CONSTANTS, *self.variables], n=1)
            if token.text in LOGARITHMS:
                near = [LOGARITHMS[token.text]]
            hint = f"did you mean {near[0]}?" if near else f"the functions are {', '.join(FUNCTIONS)}"
            self._fail(
                token.position,
                f"{short(token.text)!r} is not known in {self.d} dimension{'s' * (self.d > 1)}, "
                f"where the variables are {self._variable_names()}; {hint}",
            )

    def _variable_names(self) -> str:
        return ", ".join("xyz"[: self.d]) if self.d <= 3 else f"x1 to x{self.d}"

    def _call(self, token: Token) -> None:
        opening = self._next()
        if opening.text != "(":
            self._fail(token.position, f"the function {token.text} needs its argument in parentheses")
        self._enter(opening.position)
        count = 0
        while True:
            self._expression()
            count += 1
            if self._now().text != ",":
                break
            self._next()
        self._close(opening)
        self.depth -= 1
        fewest, most = FUNCTIONS[token.text]
        if not fewest <= count <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            self._fail(token.position, f"{token.text} takes {wanted} argument{'s' * (most > 1)}, not {count}")
        self._apply(token.text, count, token.position)

    def _close(self, opening: Token) -> None:
        token = self._now()
        if token.text != ")":
            self._fail(token.position, f"the parenthesis opened at character {opening.position + 1} is not closed here")
        self._next()

    def _apply(self, operation: str, arity: int, position: int) -> None:
        self.steps.append(Step("apply", position, operation=operation, arity=arity))
