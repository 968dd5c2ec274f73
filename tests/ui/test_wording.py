"""Sentences of the engine name the page's controls where the page shows them."""

from __future__ import annotations

import pytest

from ui.states import sentence
from ui.wording import on_page


@pytest.mark.parametrize(
    ("engine", "page"),
    [
        (
            "turned by 30 degrees (axes=earth leaves them).",
            "turned by 30 degrees (“Components of F along: east and north” leaves them).",
        ),
        (
            "left out; set missing = keep where it is a value",
            "left out; set “Values like -9999, undeclared: keep them” where it is a value",
        ),
        (
            "within bounds and axes=map, and train",
            "within bounds and “Components of F along: the axes of the map”, and train",
        ),
        ("choose one (components=v.x).", "choose one (“F is: v.x”)."),
        ("or assign them (columns).", "or assign them (“Columns”)."),
        ("give a file in EPSG:4326, or set crs.", "give a file in EPSG:4326, or set “Coordinate system”."),
        (
            "By their names the columns were taken as columns = 'lon, lat -> u10, v10'.",
            "By their names the columns were taken as “Columns: lon, lat -> u10, v10”.",
        ),
        (
            "choose one: columns = 'x, y -> u, v' or columns = 'x, y -> u a, v a', or axes=earth.",
            "choose one: “Columns: x, y -> u, v” or “Columns: x, y -> u a, v a”, or “Components of F along: east and "
            "north”.",
        ),
        ("choose with components = u10,v10 or u,v.", "choose with “F is: u10, v10” or u,v."),
        ("choose another one with time or level.", "choose another one with “Time” or level."),
        ("choose with scalar, or two of them with components.", "choose with “F is”, or two of them with “F is”."),
        (
            "choose bounds (west, south, east, north) for a map",
            "choose a part (“Part: west, south, east, north” under Options) for a map",
        ),
        ("a table of columns and rows; the level of the sea", "a table of columns and rows; the level of the sea"),
    ],
)
def test_a_setting_is_its_control(engine: str, page: str) -> None:
    assert on_page(engine) == page


def test_every_sentence_on_a_page_is_worded() -> None:
    assert sentence("the x are degrees, set crs") == "The x are degrees, set “Coordinate system”."
