"""The expression box: values against Python's arithmetic, gradients against differences, and a hostile user."""

from __future__ import annotations

import math
import random
import time

import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields import expression, parser
from npf_engine.fields.formula_tokens import FUNCTIONS
from npf_engine.fields.spec import FieldSpec

X = torch.tensor([[0.7, -1.3], [2.0, 0.4], [-0.6, 3.1]], dtype=torch.float64)
KNOWN = [
    ("x + y*2 - 3", lambda x, y: x + y * 2 - 3),
    ("x - y - 1", lambda x, y: x - y - 1),
    ("8/x/2", lambda x, y: 8 / x / 2),
    ("-x^2", lambda x, y: -(x**2)),
    ("(-x)^2", lambda x, y: x**2),
    ("2^3^2 + x", lambda x, y: 512 + x),
    ("2**-x", lambda x, y: 2**-x),
    ("x*-y", lambda x, y: -x * y),
    ("+x--y", lambda x, y: x + y),
    ("x1*x2", lambda x, y: x * y),
    ("sin(x)*cos(y)+tan(x/9)", lambda x, y: math.sin(x) * math.cos(y) + math.tan(x / 9)),
    ("exp(-x^2/2) / sqrt(2*pi)", lambda x, y: math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)),
    ("log(abs(y)) + e", lambda x, y: math.log(abs(y)) + math.e),
    ("tanh(x)+sinh(x)+cosh(y)+atan(y)", lambda x, y: math.tanh(x) + math.sinh(x) + math.cosh(y) + math.atan(y)),
    ("atan2(y, x)", lambda x, y: math.atan2(y, x)),
    ("min(x, y, 1) + max(x, 0)", lambda x, y: min(x, y, 1) + max(x, 0)),
    ("sign(x) + floor(y)", lambda x, y: math.copysign(1, x) + math.floor(y)),
    ("mod(y, 2) + y % 2 + (y mod 2)", lambda x, y: 3 * (y % 2)),
    ("1.5e-1*x + .5 + 2.", lambda x, y: 0.15 * x + 2.5),
    ("x·y − π", lambda x, y: x * y - math.pi),
    ("3", lambda x, y: 3.0),
    ("sin(3x) + 2y", lambda x, y: math.sin(3 * x) + 2 * y),
    ("2 sin(x)(y + 1)(x - 2)", lambda x, y: 2 * math.sin(x) * (y + 1) * (x - 2)),
    ("-2x^2 - 3(x + y)/4", lambda x, y: -2 * x**2 - 3 * (x + y) / 4),
    ("3 - 2x", lambda x, y: 3 - 2 * x),
    ("3*-2x", lambda x, y: -6 * x),
    ("2 pi x + pi(y + 1)", lambda x, y: 2 * math.pi * x + math.pi * (y + 1)),
    ("(y + 5) mod 3 + 2πx", lambda x, y: (y + 5) % 3 + 2 * math.pi * x),
]


@pytest.mark.parametrize(("text", "python"), KNOWN)
def test_values_are_those_of_python(text, python):
    wanted = torch.tensor([python(*row) for row in X.tolist()], dtype=torch.float64)
    torch.testing.assert_close(expression.parse(text, 2)(X), wanted, atol=1e-13, rtol=1e-13)


@pytest.mark.parametrize("text", [text for text, _ in KNOWN] + ["x^y^0", "(x^2+y^2)^1.5", "x^3*y^2", "x^0"])
def test_gradients_are_those_of_finite_differences(text):
    at = X.abs() + 0.05 if "x^y" in text else X
    parsed = expression.parse(text, 2)
    h = 1e-6
    for k in (0, 1):
        step = torch.zeros(2, dtype=torch.float64)
        step[k] = h
        slope = (parsed(at + step) - parsed(at - step)) / (2 * h)
        torch.testing.assert_close(parsed.gradient(at)[:, k], slope, atol=1e-7, rtol=1e-7)


def test_gradient_under_every_mode_of_torch():
    parsed = expression.parse("x^2*y", 2)
    wanted = torch.stack([2 * X[:, 0] * X[:, 1], X[:, 0] ** 2], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(parsed.gradient(X), wanted)
    with torch.inference_mode():
        torch.testing.assert_close(parsed.gradient(X + 0), wanted)
    x = X.clone().requires_grad_(True)
    second = torch.autograd.grad(parsed.gradient(x)[:, 0].sum(), x)[0]  # (2 y, 2 x)
    torch.testing.assert_close(second, torch.stack([2 * X[:, 1], 2 * X[:, 0]], dim=1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("x +", "at the end: the text ends where"),
        ("x ++* y", "at character 5: '\\*' stands"),
        ("x2y", "'x2y' is not known"),
        ("x(y)", "at character 2: '\\(' follows without an operator; write \\*"),
        ("(x)2", "at character 4: '2' follows without an operator"),
        ("1/2x", "at character 4: 2 x after / has two meanings"),
        ("x^2y", "at character 4"),
        ("ln(x)", "did you mean log?"),
        ("log10(x)", "did you mean log\\(...\\)/log\\(10\\)"),
        ("e^-2x", "2 x after \\^ has two meanings"),
        ("1/-+2x", "2 x after / has two meanings"),
        ("1/(x+1)(y-1)", "at character 8: a product after / has two meanings"),
        ("1/sin(x)(y-1)", "a product after / has two meanings"),
        ("x y", "at character 3"),
        ("sin x", "at character 1: the function sin needs"),
        ("sin(x", "at the end: the parenthesis opened at character 4 is not closed"),
        ("x)", "at character 2: this closing parenthesis"),
        ("x, y", "at character 2: a comma"),
        ("atan2(x)", "at character 1: atan2 takes 2 arguments, not 1"),
        ("sin(x, y)", "sin takes 1 argument, not 2"),
        ("min(x)", "min takes 2 to 16 arguments, not 1"),
        ("x + $", "at character 5: the character '\\$'"),
        ("x + q", "at character 5: 'q' is not known in 2 dimensions"),
        ("sine(x)", "did you mean sin"),
        ("x3", "'x3' is not known"),
        ("π + ?", "at character 5"),
        ("1/0 + x", "at character 2: this part is not a finite number"),
        ("log(-1)*x", "at character 1: this part"),
        ("x + 1e999", "at character 5: the number 1e999 is too large"),
        ("9^9^9^9^9", "not a finite number"),
        ("().__class__", "at character 3"),
        ("__import__('os').system('true')", "'__import__' is not known|has no meaning"),
        ("x.real", "character 2"),
        ("lambda: x", "character 7"),
        ("x if y else x", "character 3"),
        ("x;y", "character 2"),
        ("'a'*10", "character 1"),
        ("x[0]", "character 2"),
        ("x" + "\x00", "character 2"),
        ("²", "character 1"),
        ("(" * 100 + "x" + ")" * 100, "nested more than"),
        ("-" * 500 + "x", "nested more than"),
        ("^".join(["x"] * 200), "nested more than"),
        ("x+" * 5000 + "x", "10,001 characters; the limit is 2,000"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, says):
    with pytest.raises(InputError, match=says) as caught:
        expression.parse(text, 2)
    assert str(caught.value).count("\n") == 0


def test_a_product_without_a_sign_is_told_as_it_was_read():
    assert parser.products_added("sin(3x) + 2 (y+1)") == "sin(3*x) + 2*(y+1)"
    assert parser.products_added("3πx") == "3*π*x"
    assert parser.products_added("3*x + 2e3") is None
    field = expression.build(spec("sin(3x) + y^2"))
    assert field.conversions[0] == "sin(3x) + y^2 is read as sin(3*x) + y^2"


def test_long_flat_expressions_need_no_recursion():
    text = "+".join(["x*y"] * 490)
    torch.testing.assert_close(expression.parse(text, 2)(X), 490 * X[:, 0] * X[:, 1])
    torch.testing.assert_close(expression.parse(text, 2).gradient(X)[:, 0], 490 * X[:, 1])


def test_huge_exponents_do_not_hang():
    start = time.process_time()
    for text in ("9^9^9", "x^999999999", "x^9^9^9", "2^2^2^2^2*x", "10^10^10^x", "(x^9999)^9999"):
        try:
            expression.parse(text, 2)(X)
        except InputError as error:
            assert "not a finite number" in str(error)
    assert time.process_time() - start < 5


def test_random_strings_either_parse_or_are_told():
    """Seeded strings of the language's own pieces and of any characters: nothing but InputError ever escapes."""
    rng = random.Random(0)
    pieces = [
        *FUNCTIONS,
        *"xyze()+-*/^%,. ",
        "**",
        "pi",
        "x1",
        "x2",
        "x99",
        "1e9",
        "3.5",
        "0",
        "mod",
        "_",
        "'",
        "é",
        "\n",
    ]
    fine = 0
    for trial in range(6000):
        if trial % 3:
            text = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 14)))
        else:
            text = "".join(chr(rng.randrange(1, 0x2FFF)) for _ in range(rng.randrange(1, 10)))
        try:
            value = expression.parse(text, 2)(X)
        except InputError as error:
            assert "character" in str(error) or "the end" in str(error) or "is empty" in str(error)
            continue
        assert value.shape == (3,) and value.dtype == torch.float64
        fine += 1
    assert fine > 40


def test_random_valid_expressions_agree_with_python():
    """Random trees, printed as text and evaluated both ways (Python's ** binds as ours does)."""
    rng = random.Random(1)

    def tree(depth: int) -> str:
        if depth == 0 or rng.random() < 0.15:
            return rng.choice(["x", "y", "2", "0.5", "pi"])
        kind = rng.randrange(7)
        if kind == 0:
            return f"-{tree(depth - 1)}"
        if kind == 1:
            return f"({tree(depth - 1)})"
        if kind == 2:
            return f"{rng.choice(['sin', 'cos', 'tanh', 'atan'])}({tree(depth - 1)})"
        if kind == 3:
            return f"({tree(depth - 1)})**{rng.choice(['2', '3', '-1'])}"
        return f"{tree(depth - 1)} {rng.choice('+-*')} {tree(depth - 1)}"

    names = {name: getattr(math, name) for name in ("sin", "cos", "tanh", "atan", "pi")}
    for _ in range(300):
        text = tree(5)
        try:
            wanted = [eval(text, {"__builtins__": {}}, {**names, "x": x, "y": y}) for x, y in X.tolist()]
        except (OverflowError, ZeroDivisionError):
            continue
        got = expression.parse(text, 2)(X)
        torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.float64), atol=1e-9, rtol=1e-9)


# -- the field


def spec(*texts: str, **changes) -> FieldSpec:
    return FieldSpec(source="expression", expression=texts, **{"n_samples": 3000, **changes})


def test_a_potential_gives_its_gradient_in_the_users_positions():
    field = expression.build(spec("x^2 + 3*x*y", low=(0.0, 10.0), high=(2.0, 40.0)))
    x = field.scaling.to_user(field.x_train.double())
    wanted = torch.stack([2 * x[:, 0] + 3 * x[:, 1], 3 * x[:, 0]], dim=1)
    torch.testing.assert_close(field.y_train.double(), wanted, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(field.potential(field.x_train.double()), x[:, 0] ** 2 + 3 * x[:, 0] * x[:, 1])
    assert field.kind == "function" and field.scaling.scale == (1.0, 15.0) and field.low == (0.0, 10.0)


def test_d_expressions_are_f_itself():
    field = expression.build(spec("-y", "x", rho="disc"))
    x = field.scaling.to_user(field.x_test)
    torch.testing.assert_close(field.y_test, torch.stack([-x[:, 1], x[:, 0]], dim=1))
    assert field.potential is None and field.rho == "disc"


@pytest.mark.parametrize(
    ("texts", "low", "d"),
    [(("x^2",), (), 1), (("x^2",), (-1.0,), 1), (("x^2+y^2",), (), 2), (("x1^2+x4",), (), 4), (("x", "y", "z"), (), 3)],
)
def test_the_dimension_is_read_from_the_expressions(texts, low, d):
    assert expression.dimension(texts, low) == d


@pytest.mark.parametrize(
    ("texts", "changes", "says"),
    [
        ((), {}, "No expression was given"),
        (("x", "y +"), {}, "Expression 2 cannot be read at the end"),
        (("log(x)", "y"), {}, "not a finite number .* at 5[0-9.]* % of the points of Omega, for example at x = -"),
        (("log(x) + y^2",), {}, "the potential is not a finite number"),
        (("exp(x^2)*y", "y"), {"low": (-30.0, 0.0), "high": (30.0, 1.0)}, "not a finite number"),
        (("x^2 + y",), {}, "component F2 is 1 everywhere"),
        (("x", "y"), {"low": (0.0,), "high": (1.0,)}, "2 dimensions, but the domain has 1"),
        (("x", "y"), {"rho": "land"}, "offers box, disc, gaussian"),
        (("x",) * 600, {}, "at most 512"),
    ],
)
def test_what_cannot_be_a_field_is_told(texts, changes, says):
    with pytest.raises(InputError, match=says):
        expression.build(spec(*texts, **changes))


def test_a_plateau_is_warned_of():
    field = expression.build(spec("max(x, 0)", "y"))
    assert any("plateaus of F1" in warning and 48 < float(warning.split("%")[0]) < 52 for warning in field.warnings)
    assert expression.build(spec("x^3", "y")).warnings == []
    assert any("hyperplane" in warning for warning in expression.build(spec("x+y", "2*x+2*y")).warnings)


def test_functions_without_samples_are_the_same():
    function, potential = expression.functions(spec("x^2*sin(y)"))
    field = expression.build(spec("x^2*sin(y)"))
    assert torch.equal(function(field.x_test), field.function(field.x_test))
    assert torch.equal(potential(field.x_test), field.potential(field.x_test))
