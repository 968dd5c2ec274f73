"""Theory: the toys answer to their controls."""

from __future__ import annotations

import re

from pages.theory.line import EXAMPLES
from tests.pages.conftest import open_page, texts


def test_a_matrix_can_be_typed_and_a_singular_one_is_told():
    app = open_page("theory")
    assert len(app.get("plotly_chart")) == 3 and "turns the disc" in texts(app)
    for key, value in (("matrix_00", 1.0), ("matrix_01", 2.0), ("matrix_10", 0.5), ("matrix_11", 1.0)):
        app.number_input(key=key).set_value(value)
    app.run()
    assert not app.exception and "Here A is singular" in texts(app)


def test_a_formula_of_ones_own_is_rearranged_or_refused():
    app = open_page("theory", {"view": "A line"})
    for name in EXAMPLES:
        app.button_group(key="line_example").set_value(name).run()
        assert not app.exception and not app.error and len(app.get("plotly_chart")) == 2, name
    app.button_group(key="line_example").set_value("Your own").run()
    app.text_input(key="line_formula").set_value("max(2x - 1, 0)").run()
    assert not app.exception and re.search(r"On 50 % of", texts(app)) and len(app.get("plotly_chart")) == 2
    app.text_input(key="line_formula").set_value("log(x - 1)").run()
    assert "F is not a finite number" in texts(app) and not app.exception


def test_the_plane_has_a_control_for_each_map():
    app = open_page("theory", {"view": "The plane"})
    assert app.slider(key="plane_angle").value == 150
    app.button_group(key="plane_kind").set_value("A fold").run()
    assert app.slider(key="plane_layers").value == 2 and len(app.get("plotly_chart")) == 3 and not app.exception
    assert "Iψ" in texts(app) and "I_psi" not in texts(app)


def test_a_torus_and_a_sphere_are_drawn_in_space_and_flat():
    app = open_page("theory", {"view": "Torus and sphere"})
    assert len(app.get("plotly_chart")) == 3 and "cheapest assignment finds M" in texts(app) and not app.exception
    assert "squared periods, half the mean squared way" in texts(app) and "the least there is, up to" in texts(app)
    app.button_group(key="round_drawn").set_value("Flat")
    app.button_group(key="round_kind").set_value("A sphere").run()
    assert len(app.get("plotly_chart")) == 3 and "every parallel by its own angle" in texts(app) and not app.exception
