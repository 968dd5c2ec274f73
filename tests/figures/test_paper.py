"""Figures for print: vectors alone, of the width that was asked for, with the command that repeats them inside."""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest

from npf_engine.fields.field import Units
from npf_engine.figures import palette, panels, paper
from npf_engine.figures.layout import Extent
from npf_engine.figures.paper_places import print_maps
from npf_engine.figures.places import PlaceMap, amounts, factors

UNITS = Units(("x", "y"), ("km", "km"), "m/s")
POINTS = np.random.default_rng(0).normal(size=(300, 2))
WHERE = Extent(UNITS, (-3.0, -3.0), (3.0, 3.0))


def made(kind: str, how: paper.Print) -> bytes:
    if kind == "clouds":
        planes = dict.fromkeys(("rho", "field", "m", "grad_u"), POINTS)
        drawn = [panels.panel(k, planes, WHERE, position=k in ("rho", "m")) for k in planes]
        return paper.clouds(drawn, palette.origin_index(POINTS), how)
    if kind == "ladder":
        row = {"measure": "S", "ratio": 1.2, "se": 0.1, "floor": 0.5, "trivial": 5.0}
        return paper.ladder([row, row | {"trivial": None}, row | {"ratio": None}], how)
    if kind == "relocation":
        return paper.relocation([("a", POINTS), ("b", -POINTS)], np.ones(300), 2.0, WHERE, how)
    if kind == "maps":
        line = np.stack([np.linspace(-2.9, 2.9, 12)] * 2)
        values = np.where(np.hypot(*np.meshgrid(*line)) > 3, np.nan, POINTS[:144, 0].reshape(12, 12))
        maps = [
            PlaceMap("a", line, values, factors("ratio"), ""),
            PlaceMap("b", line, np.abs(values), amounts("", values), ""),
        ]
        return print_maps(maps, WHERE, how)
    x = np.linspace(-3, 3, 30)
    g = np.where(np.abs(x)[:, None] > 2.9, np.inf, x[:, None] ** 2 + x[None, :] ** 2)
    return paper.landscape(paper.Relief(x, x, g), POINTS, np.zeros((1, 2)), WHERE, how)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("kind", ["clouds", "ladder", "relocation", "maps", "landscape"])
def test_a_pdf_has_no_bitmap_and_the_width_of_its_columns(kind: str, columns: int) -> None:
    data = made(kind, paper.Print(columns, 8.0, "pdf", "T", "what it shows", "npf train x --seed 3"))
    assert data.startswith(b"%PDF") and not re.search(rb"/Subtype\s*/Image", data)
    width = float(re.search(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)", data).group(1))
    assert width == pytest.approx(72 * paper.WIDTH[columns], abs=0.01)
    assert b"npf train x --seed 3" in data and b"what it shows" in data


def test_the_same_figure_is_the_same_file_and_letters_stay_letters() -> None:
    how = paper.Print(1, 8.0, "svg", "T", "what it shows", "npf train x")
    first = made("clouds", how)
    assert b"<text" in first and b"npf train x" in first and b"<image" not in first
    assert made("ladder", paper.Print(format="pdf")) == made("ladder", paper.Print(format="pdf"))


def test_a_large_cloud_is_thinned() -> None:
    many = np.random.default_rng(1).normal(size=(20_000, 2))
    data = paper.relocation([("a", many)], np.ones(20_000), 1.0, WHERE, paper.Print(1))
    drawn = sum(
        zlib.decompress(part).count(b" Do")
        for part in re.findall(rb"stream\r?\n(x.*?)\r?\nendstream", data, re.DOTALL)
        if b" Do" in zlib.decompress(part)
    )
    assert 0.9 * paper.MOST_POINTS <= drawn <= 1.1 * paper.MOST_POINTS


def test_dollars_in_anybodys_words_are_dollars() -> None:
    """A table's column may be called US$; between two of them matplotlib would set mathematics, or fail."""
    units = Units((r"$\\foo$", "b"), ("US$", "A$"), r"$\\bar$")
    places = [(r"$\\title$", np.zeros((9, 2)))]
    data = paper.relocation(places, np.ones(9), 1.0, Extent(units, (-1.0, -1.0), (1.0, 1.0)), paper.Print(format="svg"))
    assert b"US$" in data and b"foo" in data


def test_a_measure_is_set_with_its_index_below_and_a_users_dollar_stays_one() -> None:
    assert paper.measure_title("S(Mξ♯ρ, ρ)") == "S($M_{ξ}$♯ρ, ρ)"
    assert paper.measure_title("S(∇u♯ρ, F♯ρ)") == "S(∇u♯ρ, F♯ρ)"
    assert paper.measure_title("5 $ each") == r"5 \$ each"
