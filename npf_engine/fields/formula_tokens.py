"""The words of the expression box: numbers, names and signs with their places, and products without a sign."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045}
# function -> fewest and most arguments
FUNCTIONS = {
    **dict.fromkeys(("sin", "cos", "tan", "exp", "log", "sqrt", "abs", "tanh", "sinh", "cosh", "atan"), (1, 1)),
    **dict.fromkeys(("floor", "sign"), (1, 1)),
    **dict.fromkeys(("atan2", "mod"), (2, 2)),
    **dict.fromkeys(("min", "max"), (2, 16)),
}
LOGARITHMS = {
    "ln": "log",
    "log10": "log(...)/log(10)",
    "log2": "log(...)/log(2)",
}  # what is not there -> how to write it
OPERATORS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "mod", "mod": "mod"}
UNSURE = ("/", "%", "mod", "^", "**")  # before a factor, a product without a sign could be meant in two ways
_LOOKALIKES = str.maketrans({"−": "-", "–": "-", "·": "*", "×": "*", "÷": "/", "π": " pi ", "\u00a0": " "})
_TOKEN = re.compile(
    r"(?P<number>(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>\*\*|[-+*/^%(),])", re.ASCII
)
Fail = Callable[[int, str], NoReturn]


@dataclass(frozen=True)
class Token:
    """A number, a name, a sign or the end of the text, with its place; ``implied``: a product without a sign."""

    kind: str
    text: str
    position: int
    implied: bool = False


def names_in(text: str) -> list[str]:
    """The names that occur in a text, functions and constants included; never raises."""
    return [match.group() for match in _TOKEN.finditer(text.translate(_LOOKALIKES)) if match.lastgroup == "name"]


def tokens_of(typed: str, fail: Fail) -> list[Token]:
    """The tokens of a formula, the last one its end. ``fail(position, why)``, which raises, is called where a character
    has no meaning or a product without a sign has two."""
    # one character may stand for two (pi): places are kept in the text as it was typed
    tokens: list[Token] = []
    text, places = "", []
    for place, character in enumerate(typed):
        plain = character.translate(_LOOKALIKES)
        text += plain
        places += [place] * len(plain)
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            fail(places[at], f"the character {text[at]!r} has no meaning here")
        tokens.append(Token(str(match.lastgroup), match.group(), places[at]))
        at = match.end()
    return [*_multiplied(tokens, fail), Token("end", "", len(typed))]


def _multiplied(tokens: Sequence[Token], fail: Fail) -> list[Token]:
    """With a ``*`` between a number, pi, e or a closing parenthesis and the name or parenthesis that follows it.

    Not after another name: x(y) and x y may be anything. Not where a division or a power came before: 1/2x may be
    either of two numbers.
    """
    out: list[Token] = []
    for token in tokens:
        before = out[-1] if out else None
        opens = token.text == "(" or (token.kind == "name" and token.text not in OPERATORS)
        closes = before is not None and (before.kind == "number" or before.text == ")" or before.text in CONSTANTS)
        if before is not None and opens and closes:
            sign = _sign_before(out)
            if sign in UNSURE:
                product = "a product" if before.text == ")" else f"{before.text} {short(token.text)}"
                fail(token.position, f"{product} after {sign} has two meanings; write * and parentheses")
            out.append(Token("sign", "*", token.position, implied=True))
        out.append(token)
    return out


def _sign_before(tokens: Sequence[Token]) -> str:
    """What stands before the last factor of ``tokens``: a number, a constant, a parenthesis or a function's call."""
    at = len(tokens) - 1
    if tokens[at].text == ")":
        open_ = 1
        while at > 0 and open_:
            at -= 1
            open_ += {")": 1, "(": -1}.get(tokens[at].text, 0)
        if at > 0 and tokens[at - 1].text in FUNCTIONS:
            at -= 1
    sign = tokens[at - 1].text if at > 0 else ""
    while sign in ("+", "-") and at > 1 and tokens[at - 2].text in (*UNSURE, "+", "-"):  # of one number: e^-2x
        at -= 1
        sign = tokens[at - 1].text
    return sign


def short(text: str) -> str:
    """A word of the user's, cut where it is long."""
    return text if len(text) <= 30 else text[:27] + "..."
