"""A table to take away, in the three forms."""

from __future__ import annotations

from npf_engine.runs.sheet import Sheet, latex

MADE = Sheet(("Name", "∇u♯ρ"), (("=a_1 | 50 %", 1.23456789), ("b", None), ("+c", 12345.678)))


def test_csv_has_all_digits_and_no_formula() -> None:
    assert MADE.to_csv().decode() == "Name,∇u♯ρ\n'=a_1 | 50 %,1.23456789\nb,\n'+c,12345.678\n"


def test_markdown() -> None:
    assert MADE.to_markdown().decode().splitlines() == [
        "| Name | ∇u♯ρ |",
        "| --- | ---: |",
        "| =a\\_1 \\| 50 % | 1.235 |",
        "| b |  |",
        "| +c | 12350 |",
    ]


def test_latex() -> None:
    assert MADE.to_latex().decode().splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"Name & $\nabla u_\sharp \rho$ \\",
        r"\midrule",
        r"=a\_1 \textbar{} 50 \% & 1.235 \\",
        r"b &  \\",
        r"+c & 12350 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert latex("x_{1} \\ –") == r"x\_\{1\} \textbackslash{} --"
    assert Sheet(("a",), ()).to_latex().decode().count("\n") == 6
