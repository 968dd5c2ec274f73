"""Pictures of M and I while they train: what is in them, and that looking changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from npf_engine.fields.catalog import resolve
from npf_engine.figures import training
from npf_engine.polar import PolarFactorization, picturing
from npf_engine.polar.train import train
from npf_engine.tasks.recorder import Recorder
from pages.train import live
from tests.tiny import tiny_spec


class Kept(Recorder):
    """Keeps every picture by its name."""

    def __init__(self) -> None:
        self.pictures: dict[str, list[dict[str, np.ndarray]]] = {}

    def snapshot(self, name: str, **arrays: np.ndarray) -> None:
        self.pictures.setdefault(name, []).append(arrays)


def trained(recorder: Recorder, source: str = "himmelblau", **settings: str) -> PolarFactorization:
    spec = tiny_spec(source, **settings)
    return train(resolve(spec.field), spec.stages, recorder).model


def test_looking_changes_no_weight_and_shows_mesh_and_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picturing, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(picturing, "SHARE_OF_TIME", 1e9)
    kept = Kept()
    seen = trained(kept)
    monkeypatch.setattr(picturing.Picture, "look", lambda self, step: None)
    blind = trained(Recorder())
    assert seen.m is not None and blind.m is not None and seen.bridge is not None and blind.bridge is not None
    for one, other in ((seen.m, blind.m), (seen.bridge, blind.bridge)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    meshes, draws = kept.pictures["map"], kept.pictures["inverse"]
    assert len(meshes) > 1 and meshes[0]["across"].shape == (picturing.LINES, picturing.ALONG, 2)
    assert not np.allclose(meshes[0]["across"], meshes[-1]["across"]), "nothing moved"
    assert draws[0]["draws"].shape == draws[0]["true"].shape == (picturing.VALUES, picturing.DRAWS, 2)
    assert np.abs(draws[0]["draws"]).max() <= 5.0  # in the user's units, within Omega
    where = training.extent(draws[0])
    assert where.low == (-5.0, -5.0) and len(training.live_draws(draws[0]["draws"], draws[0]["true"], where).data) == 10
    figure = training.live_mesh(meshes[0]["across"], meshes[0]["up"], training.extent(meshes[0]))
    assert len(figure.data) == 2 and np.isnan(figure.data[0].x).sum() == picturing.LINES  # a break after each line


def test_the_places_shown_as_true_are_those_of_nearest_m() -> None:
    field = resolve(tiny_spec().field)
    start = torch.rand(500, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1

    class Still(torch.nn.Module):
        def sample(self, y: torch.Tensor, generator: torch.Generator, steps: int) -> torch.Tensor:
            return y

    kept = Kept()
    picture = picturing.of_inverse(field, Still(), field.x_train[:500], start, 0, kept)  # type: ignore[arg-type]
    picture.look(0)
    (found,) = kept.pictures["inverse"]
    x = field.scaling.to_model(torch.from_numpy(found["true"]).double()).float()
    y = field.scaling.to_model(torch.from_numpy(found["draws"][:, 0]).double()).float()
    for value, places in zip(y, x, strict=True):
        which = [int((field.x_train[:500] - place).norm(dim=1).argmin()) for place in places]
        far = (start - value).norm(dim=1)
        assert far[which].max() <= torch.sort(far).values[picturing.DRAWS - 1] + 1e-6


def test_a_disc_and_a_line_have_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picturing, "SECONDS_BETWEEN", 0.0)
    kept = Kept()
    trained(kept, "swirl", **{"field.rho": "disc"})
    picture = kept.pictures["map"][0]
    assert picture["rho"].shape == picture["m"].shape
    assert len(training.live_cloud(picture["m"], picture["rho"], training.extent(picture)).data) == 2
    flat = {"rho": picture["rho"][:, :1], "m": picture["m"][:, :1]}
    assert training.live_cloud(flat["m"], flat["rho"], training.extent(picture)).data
    assert len(training.live_draws(np.zeros((2, 5, 1)), np.ones((2, 5, 1)), training.extent(picture)).data) == 4


def test_off_the_land_there_is_no_mesh() -> None:
    """M_xi was not trained there: samples are shown, and their numbers can be had as a table."""
    field = replace(resolve(tiny_spec().field), rho="land")
    seen = Kept()
    picturing.of_map(field, torch.nn.Identity(), field.x_test, seen).look(0)  # type: ignore[arg-type]  # any map
    assert set(seen.pictures["map"][0]) >= {"rho", "m"} and "across" not in seen.pictures["map"][0]


def test_lines_and_draws_are_columns_of_points() -> None:
    found = live._table({"across": np.arange(12.0).reshape(2, 3, 2), "m": np.ones((4, 2)), "unit": np.array("m")})
    assert np.array_equal(found["across"], np.arange(12.0).reshape(6, 2)) and set(found) == {"across", "m"}
