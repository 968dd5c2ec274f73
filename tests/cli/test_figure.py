"""The command ``figure``: the same picture as the page's, and what repeats it can be typed."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path

import pytest

from npf_engine.cli import main
from npf_engine.cli.parser import build_parser
from npf_engine.figures import paper, print_views
from npf_engine.studies import printed
from npf_engine.studies.factorization.bundling import training_command
from npf_engine.studies.landscape.bundling import sampling_command
from npf_engine.studies.landscape.spec import LandscapeSpec
from tests.tiny import tiny_bundle, tiny_run, tiny_spec


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("figure"))


def test_the_command_draws_what_the_page_draws(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "f.svg"
    words = ["figure", str(bundle), "--view", "ladder", "--columns", "1", "--font", "7", "--out", str(out)]
    assert main([*words, "--json"]) == 0
    told = {"out": str(out), "view": "ladder", "format": "svg", "columns": 1, "font": 7.0}
    assert json.loads(capsys.readouterr().out) == told
    again = f"python -m npf_engine figure {bundle.name} --view ladder --columns 1 --font 7 --out f.svg"
    title, caption = f"{bundle.stem} ladder", f"{print_views.CAPTIONS['ladder']} F: himmelblau."
    how = paper.Print(1, 7.0, "svg", title, caption, again)
    _, report, _ = tiny_run()
    assert out.read_bytes() == printed.ladder(report["metrics"], how)


def test_maps_of_places_come_with_their_numbers(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.pdf"
    assert main(["figure", str(bundle), "--view", print_views.MONGE_AMPERE, "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["numbers"]
    assert out.read_bytes().startswith(b"%PDF") and 0 <= told["wrong_share"] <= 1 and told["neighbours"] >= 10
    assert told["residual"]["value"] > 0 < told["residual"]["self_distance"] and told["residual"]["trivial"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "x.gif"], "--out must end with"),
        (["--out", "x.pdf", "--font", "90"], "--font must be"),
        (["--out", "x.pdf", "--view", "draws"], "no landscape run"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    bundle: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle.parent)
    assert main(["figure", str(bundle), *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not list(bundle.parent.glob("x.*"))


def test_what_repeats_a_figure_trains_and_draws_and_names_an_upload_as_it_was_uploaded() -> None:
    spec = tiny_spec()
    spec = dataclasses.replace(spec, field=dataclasses.replace(spec.field, source=f"upload:{32 * 'a'}/my_winds.nc"))
    how = paper.Print(1, 7.0, "svg")
    first, second = printed.again(training_command(spec), "clouds", "npf-x-clouds", how).splitlines()
    made = build_parser().parse_args(shlex.split(first)[3:])
    drawn = build_parser().parse_args(shlex.split(second)[3:])
    assert "my_winds.nc" in shlex.split(first) and "upload:" not in first and made.out == drawn.source == "run"
    assert (drawn.view, drawn.columns, drawn.font, drawn.out) == ("clouds", 1, 7.0, "npf-x-clouds.svg")
    sampled = printed.again(sampling_command(LandscapeSpec(name="himmelblau")), "draws", "d", how).splitlines()[0]
    assert build_parser().parse_args(shlex.split(sampled)[3:]).out == "run"
    own = printed.again("npf.factorize(x, y)", "clouds", "d", how)
    assert own.startswith('npf.factorize(x, y).bundle("run.zip")\n') and "figure run.zip" in own
