"""Field with gridded data: which variables, which time, which part; all of it in the link."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.conftest import open_page, texts

pytest.importorskip("xarray")


def test_the_winds_that_come_with_the_program(own_home: Path):
    app = open_page("field", {"source": "winds"})
    assert "Winds at 200 hPa" in texts(app) and not app.exception
    app.select_slider(key="gridded_time").set_value(6).run()
    assert app.query_params["time"] == "#6" and "month 7 of 12" in texts(app)
    app.text_input(key="option_box").set_value("-20, 30, 40, 70").run()
    assert app.query_params["bounds"] == "[-20.0, 30.0, 40.0, 70.0]" and "about 50 N, 10 E" in texts(app)
    app.selectbox(key="option_axes").set_value("earth").run()
    assert app.query_params["axes"] == "earth" and "were turned" not in texts(app)
    app.selectbox(key="gridded_variables").set_value("∇ v").run()
    assert app.query_params["scalar"] == "v" and "F is the gradient of v" in texts(app)
    app.text_input(key="option_box").set_value("1, 2").run()
    assert "needs 4 finite numbers" in texts(app) and not app.exception
