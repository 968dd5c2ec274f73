"""``surface``: the twist, files, code of one's own, winds on the globe, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from npf_engine.cli import main
from npf_engine.manifolds import Sphere
from npf_engine.manifolds.known import Twisted
from npf_engine.manifolds.spaces import carried, on_sphere


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main(["surface", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_twist_by_the_dual_and_exactly(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = answered(capsys, "twist", "--samples", "512")
    assert data["method"] == "dual" and data["errors"]["grad_u"] < 5 and data["errors"]["M"] < 1
    data = answered(capsys, "twist", "--exact", "--samples", "100", "--out", str(tmp_path / "found.npz"))
    found = np.load(data["out"])
    assert data["method"] == "exact" and data["gap"] < 1e-12 and found["m"].shape == (100, 2)
    assert main(["surface", "twist", "--samples", "256"]) == 0
    out = capsys.readouterr().out
    assert "largest residual of a conjugate" in out and "mean square error of grad_u, percent of that" in out


def test_a_file_of_pairs_and_code_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    x = Twisted().torus.draw(300, torch.Generator().manual_seed(0))
    rows = 360 * torch.cat([x, Twisted()(x)], dim=1).numpy()
    np.savetxt(tmp_path / "pairs.csv", rows, delimiter=",", header="a,b,Fa,Fb", comments="")
    data = answered(capsys, str(tmp_path / "pairs.csv"), "--periods", "360", "360", "--degree", "2")
    assert data["n"] == 300 and data["report"]["degree"] == 2 and 30 < data["moved_by_M"] < 60
    (tmp_path / "flow.py").write_text("def F(x):\n    return (2 * x) % 1\n")
    data = answered(capsys, "--callable", f"{tmp_path / 'flow.py'}:F", "--periods", "1", "--samples", "256")
    assert data["d"] == 1 and data["moved_by_grad_u"] < 0.01


def test_winds_on_a_grid_of_the_globe(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A turn of the globe as one piece, eastward: what keeps the area is M alone."""
    places = np.array([(a, b) for a in range(-180, 180, 20) for b in range(-80, 81, 20)], dtype=float)
    wind = 40 * np.cos(np.radians(places[:, 1]))
    rows = np.column_stack([places, wind, 0 * wind])
    np.savetxt(tmp_path / "winds.csv", rows, delimiter=",", header="longitude,latitude,u,v", comments="")
    data = answered(capsys, str(tmp_path / "winds.csv"), "--on", "sphere", "--hours", "24", "--samples", "120")
    assert data["method"] == "exact" and data["n"] == 120 and data["gap"] < 1e-12
    assert data["moved_by_M"] > 2 * data["moved_by_grad_u"]


def test_a_day_s_wind_carries_as_far_as_it_says() -> None:
    x = on_sphere(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 60.0]))
    there = carried(x, torch.tensor([0.3, 0.0]).double(), torch.tensor([0.0, 0.3]).double())
    assert torch.allclose(Sphere().distance(x, there), torch.full((2,), 0.3).double())
    assert there[0, 1] == pytest.approx(np.sin(0.3)) and there[1, 2] == pytest.approx(np.sin(np.radians(60) + 0.3))


@pytest.mark.parametrize("way", [[], ["--exact"]])
@pytest.mark.parametrize("period", ["-1", "0", "inf", "nan"])
def test_periods_are_checked_at_the_door(
    way: list[str], period: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    np.savetxt(tmp_path / "pairs.csv", np.random.default_rng(0).random((80, 2)), delimiter=",", header="a,b")
    assert main(["surface", str(tmp_path / "pairs.csv"), "--periods", period, *way]) == 2
    assert "pass a positive number for each axis" in capsys.readouterr().err


def test_what_was_read_of_a_file_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = np.column_stack(
        [np.linspace(0, 28, 20), np.linspace(40, 58, 20), np.random.default_rng(0).normal(0, 36, (20, 2))]
    )
    rows[3:6, 2] = -9999
    header = "longitude,latitude,u [km/h],v [km/h]"
    np.savetxt(tmp_path / "winds.csv", rows, delimiter=",", header=header, comments="")
    words = [str(tmp_path / "winds.csv"), "--on", "sphere", "--hours", "6"]
    data = answered(capsys, *words)
    told = " ".join(data["notes"])
    assert data["n"] == 17 and "-9999" in told and "turned into m/s" in told
    assert main(["surface", *words]) == 0 and "note: winds.csv" in capsys.readouterr().out


def test_the_names_of_a_torus_file_are_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((30, 2))
    np.savetxt(tmp_path / "m.csv", rows, delimiter=",", header="x [km],F [km]", comments="")
    np.savetxt(tmp_path / "turned.csv", rows * [1, 1000], delimiter=",", header="x [km],F [m]", comments="")
    one, other = (answered(capsys, str(tmp_path / name), "--exact") for name in ("m.csv", "turned.csv"))
    assert one["cost"] == pytest.approx(other["cost"]) and "turned into km" in other["notes"][0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "surface needs a SOURCE"),
        (["nowhere.csv"], "there is no file nowhere.csv"),
        (["twist", "--on", "sphere"], "twist lives on the torus"),
        (["twist", "--hours", "3"], "--hours carries places of the sphere"),
        (["--callable", "flow.py:F"], "give --periods"),
        (["twist", "--hours", "nan", "--on", "sphere"], "twist lives on the torus"),
        (["winds.csv", "--hours", "nan", "--on", "sphere"], "--hours is nan"),
        (["twist", "--samples", "1"], "--samples is 1"),
        (["twist", "--out", "x.csv", "--exact", "--samples", "20"], "ends in .npz"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["surface", *words]) == 2 and sentence in capsys.readouterr().err
