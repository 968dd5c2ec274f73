"""A form is made of declarations: a new setting is one line, and is checked, written, typed, shown and linked."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from npf_engine.cli import flags
from npf_engine.errors import InputError
from npf_engine.settings.base import Settings, Spec
from npf_engine.settings.dotted import flatten, to_json, with_dotted
from npf_engine.settings.setting import group, seed_setting, setting
from ui.form import Form, text_of
from ui.link import Link


@dataclass(frozen=True)
class Sampler(Settings):
    steps: int = setting(20, "Steps of one path.", most=1000)
    # The new setting: nothing else in the program names it.
    redraws: int = setting(
        2, "Times that a path is drawn anew.", why="more gain nothing", unit="times", least=0, most=9
    )


@dataclass(frozen=True)
class Walk(Spec):
    preset: str = setting("short", "Where it starts from.", choices=("short", "long"))
    seed: int = seed_setting("Fixes every step.")
    tau: float | None = setting(None, "Length of a step; empty: found.", title="step size τ")
    start: tuple[float, ...] = setting((), "Where it begins.")
    back: bool = setting(False, "Whether it returns.")
    sampler: Sampler = group(Sampler, "Sampler", "How it walks.")


FORM = Form(Link(lambda heads: Walk(preset=heads.get("preset", "short")), ("preset",)))


def page() -> None:
    from tests.ui.test_form import FORM, Walk
    from ui import form

    spec = FORM.spec()
    form.problem()
    FORM.widgets(spec, [*FORM.link.parameters()])
    assert isinstance(spec, Walk)


def opened(query: dict[str, str]) -> AppTest:
    app = AppTest.from_function(page)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def linked(app: AppTest) -> dict[str, str]:
    return {key: value if isinstance(value, str) else value[0] for key, value in dict(app.query_params).items()}


@pytest.mark.usefixtures("quick_opening")
def test_a_new_setting_is_one_declaration():
    new = "sampler.redraws"
    with pytest.raises(InputError, match=r"sampler\.redraws must be at most 9, not 10"):
        Walk(sampler=Sampler(redraws=10))
    spec = with_dotted(Walk(), {new: "3"})
    assert to_json(spec)["sampler"]["redraws"] == 3 and with_dotted(Walk(), flatten(to_json(spec))) == spec
    parser = argparse.ArgumentParser()
    flags.add_settings(parser, Walk())
    told = " ".join(parser.format_help().split())
    assert "--sampler.redraws N Times that a path is drawn anew. (default 2; more gain nothing)" in told
    for words in (["--sampler.redraws", "3"], ["--set", f"{new}=3"]):
        assert with_dotted(Walk(), flags.typed(Walk, parser.parse_args(words))) == spec
    assert FORM.link.write(spec) == {new: "3"} and FORM.link.read({new: "3"}) == spec
    widget = opened({new: "3"}).number_input(key=f"set_{new}")
    assert (widget.label, widget.value) == ("Redraws (times)", 3)
    assert "Times that a path is drawn anew" in widget.help and "more gain nothing" in widget.help


@pytest.mark.usefixtures("quick_opening")
def test_changes_go_into_the_link_and_what_is_refused_is_told_once():
    app = opened({"preset": "long", "seed": "4", "utm": "mail"})
    app.text_input(key="set_tau").set_value("0.01").run()
    app.text_input(key="set_start").set_value("1, -2").run()
    app.toggle(key="set_back").set_value(True).run()
    expected = {"preset": "long", "seed": "4", "utm": "mail", "tau": "0.01", "start": "[1.0, -2.0]", "back": "True"}
    assert linked(app) == expected
    app.number_input(key="set_sampler.redraws").set_value(70).run()
    assert "must be at most 9" in app.error[0].value and linked(app) == expected
    assert app.number_input(key="set_sampler.redraws").value == 2
    app.text_input(key="set_tau").set_value("").run()
    assert not app.error and "tau" not in linked(app)
    assert app.text_input(key="set_tau").label == "Step size τ"


def test_values_as_somebody_would_type_them():
    values = (None, (), (1.0, 2.5), ("a", "b"), 0.5, 7, "x")
    assert [text_of(value) for value in values] == ["", "", "1, 2.5", '["a", "b"]', "0.5", "7", "x"]
