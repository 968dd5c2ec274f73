"""Landscapes by hand: boxes and their defaults, what a name means, a terrain's spline, and units of length."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields.field import Units
from npf_engine.sampling import landscapes, sampler
from npf_engine.sampling.landscapes import RELIEF, Landscape, find, from_grid, of_expression
from npf_engine.sampling.mixtures import IN_THE_PLANE
from npf_engine.sampling.sampler import INNER, Sampler
from npf_engine.studies.landscape import run as job
from npf_engine.studies.landscape.run import largest_curvature, resolved
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.tasks.recorder import Recorder


def test_a_box_of_one_s_own_has_no_start_of_its_own() -> None:
    plain, boxed = find(" Himmelblau "), find("himmelblau", low=(-2.0, -3.0), high=(2.0, 4.0))
    assert (plain.low, plain.high, plain.start, plain.coefficient) == ((-5.0, -5.0), (5.0, 5.0), (-4.0, -4.0), 1.0)
    assert (boxed.low, boxed.high, boxed.start) == ((-2.0, -3.0), (2.0, 4.0), ())
    for half in ({"low": (-2.0, -2.0)}, {"high": (2.0, 2.0)}):
        assert find("himmelblau", **half).start == () and find("mixture", **half).start == ()  # type: ignore[arg-type]
    mixture = find("mixture")
    assert (mixture.low, mixture.high, mixture.start) == ((-6.0, -6.0), (6.0, 6.0), (3.0, 2.5))
    assert mixture.coefficient == 1.0 and mixture.mixture is not None
    assert mixture.mixture.weights == (0.4, 0.3, 0.2, 0.1) and len(mixture.mixture.means) == 4
    assert find("mixture", low=(-7.0, -8.0)).low == (-7.0, -8.0) and find("mixture", high=(7.0, 8.0)).high == (7.0, 8.0)
    for landscape in (plain, mixture, find("x^2 + y^2")):
        assert (
            landscape.units is not None and landscape.units.axes == ("x", "y") and landscape.units.position == ("", "")
        )


def test_the_lowest_places_of_the_mixture_are_its_heavy_and_narrow_parts() -> None:
    mixture = find("mixture")
    peak = [
        w / (2 * np.pi * np.sqrt(np.linalg.det(c)))
        for w, c in zip(IN_THE_PLANE.weights, IN_THE_PLANE.covariances, strict=True)
    ]
    value = mixture.potential(torch.tensor(IN_THE_PLANE.means, dtype=torch.float64))
    np.testing.assert_allclose(value - value[0], -np.log(peak) + np.log(peak[0]), atol=2e-3)


def test_an_expression_has_the_box_that_is_asked_for_or_ten_units() -> None:
    one = of_expression(("x^2",), (), ())
    assert (one.d, one.low, one.high, one.title) == (1, (-5.0,), (5.0,), "x^2")
    assert find("expression", ("x + y*0",), (), (9.0, 9.0)).low == (-5.0, -5.0)
    assert find("x + 0*y", (), (-9.0, -9.0)).high == (5.0, 5.0)
    assert find("(x - 1)^2").title == "(x - 1)^2" and find("expression", ("x*z",)).d == 3
    with pytest.raises(InputError, match="not 2 expressions"):
        of_expression(("x", "y"), (), ())


@pytest.mark.parametrize(("text", "at"), [("log(x)", "-2, 3"), ("1/(x - 1)", "1, 4"), ("log(4.5 - x + 0*y)", None)])
def test_a_potential_is_looked_at_in_the_middle_and_at_two_corners(text: str, at: str | None) -> None:
    """The box is [-2, 4] x [3, 5]."""
    if at is None:
        assert of_expression((text,), (-2.0, 3.0), (4.0, 5.0)).d == 2
        text, at = "log(3.9 - x + 0*y)", "4, 5"
    with pytest.raises(InputError, match=rf"not a finite number at \({at}\)"):
        of_expression((text + "+ 0*y",), (-2.0, 3.0), (4.0, 5.0))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("expression", False),
        ("a^b.tif", False),
        ("x*y", True),
        ("x+1", True),
        ("sin(x)", True),
        ("chamonix", False),
        ("dem(1).HGT", False),
        ("dem(1).png", True),
    ],
)
def test_what_looks_like_an_expression(name: str, meant: bool) -> None:
    assert landscapes._looks_like_expression(name) is meant


def test_what_has_its_own_region_takes_no_box() -> None:
    for box in ({"low": (0.0, 0.0)}, {"high": (1.0, 1.0)}):
        with pytest.raises(InputError, match="comes with its own region"):
            find("jacksboro", **box)  # type: ignore[arg-type]


def terrain(**changes: Any) -> Any:
    """Elevation 100 + 3 x + 7 y over [10, 16] x [-4, 4], row 0 in the north."""
    x, y = np.linspace(10, 16, 13), np.linspace(4, -4, 9)
    grid = SimpleNamespace(elevation=100 + 3 * x[None] + 7 * y[:, None])
    parts = {
        "grid": grid,
        "low": (10.0, -4.0),
        "high": (16.0, 4.0),
        "name": "hill",
        "units": "units",
        "warnings": ["one"],
    }
    return SimpleNamespace(**(parts | changes))


def test_a_terrain_is_its_grid_north_up() -> None:
    found = from_grid(terrain())
    x = torch.tensor([[10.0, -4.0], [16.0, 4.0], [12.3, 1.7]], dtype=torch.float64)
    torch.testing.assert_close(found.potential(x), 100 + 3 * x[:, 0] + 7 * x[:, 1])
    torch.testing.assert_close(found.gradient(x), torch.tensor([3.0, 7.0]).double().expand(3, 2))
    assert (found.start, found.unit, found.units, found.warnings) == ((13.0, 0.0), (3.0, 4.0), "units", ["one"])
    assert found.coefficient == pytest.approx(RELIEF / (3 * 6 + 7 * 8)) and (found.low, found.high) == (
        (10.0, -4.0),
        (16.0, 4.0),
    )
    assert found.title == "Elevation of hill"
    flat = from_grid(terrain(grid=SimpleNamespace(elevation=np.full((9, 13), 5.0))))
    assert flat.coefficient == pytest.approx(RELIEF / 1e-9)
    with pytest.raises(InputError, match="no potential and no elevation"):
        from_grid(terrain(grid=None))


def bowl(**changes: Any) -> Landscape:
    """g = 5 (x - 1)^2 + 9 y^4 on [-2, 4] x [-3, 3]: curvatures 10 and 108 y^2."""
    parts: dict[str, Any] = {
        "name": "bowl",
        "title": "bowl",
        "potential": lambda x: 5 * (x[:, 0] - 1) ** 2 + 9 * x[:, 1] ** 4,
        "gradient": lambda x: torch.stack([10 * (x[:, 0] - 1), 36 * x[:, 1] ** 3], 1),
        "low": (-2.0, -3.0),
        "high": (4.0, 3.0),
    }
    return Landscape(**(parts | changes))


def test_the_curvature_is_the_largest_of_the_start_and_the_minima_in_units_of_tau() -> None:
    start = torch.tensor([[0.0, 0.0]], dtype=torch.float64)
    assert largest_curvature(bowl(), None, start) == pytest.approx(10.0, rel=1e-4)
    assert largest_curvature(bowl(), None, torch.tensor([[0.0, 2.0]]).double()) == pytest.approx(432.0, rel=1e-4)
    assert largest_curvature(bowl(unit=(3.0, 0.5)), None, start) == pytest.approx(90.0, rel=1e-4)
    critical = [
        SimpleNamespace(location=[1.0, 1.0], kind="minimum"),
        SimpleNamespace(location=[0.0, 3.0], kind="saddle"),
    ]
    truth: Any = SimpleNamespace(critical=critical)
    assert largest_curvature(bowl(), truth, start) == pytest.approx(108.0, rel=1e-4)
    flat = bowl(gradient=lambda x: 0 * x + 1)
    assert largest_curvature(flat, None, start) == 1e-12


def test_what_is_not_said_of_a_run_is_filled_in() -> None:
    spec = resolved(LandscapeSpec("bowl", "lmc"), bowl(coefficient=2.0, start=(0.0, 2.0)), None)
    assert (spec.particles, spec.steps, spec.start, spec.coefficient, spec.inner) == (256, 4000, (0.0, 2.0), 2.0, INNER)
    assert spec.tau == float(f"{0.13 / (2.0 * 432.0):.3g}")
    said = LandscapeSpec(
        "bowl", "lmc-npf-corrected", particles=7, steps=8, start=(1.0, 0.5), tau=0.125, coefficient=3.0, preset="paper"
    )
    spec = resolved(said, bowl(), None)
    assert (spec.particles, spec.steps, spec.start, spec.tau) == (7, 8, (1.0, 0.5), 0.125)
    assert spec.inner == sampler.get("lmc-npf-corrected").inner and spec.coefficient == 3.0
    assert resolved(LandscapeSpec("bowl", "lmc", inner=4), bowl(), None).inner == 4
    middle = resolved(LandscapeSpec("bowl", "lmc-npf", preset="paper"), bowl(), None)
    assert middle.start == (1.0, 0.0) and (middle.particles, middle.steps, middle.inner) == (1024, 20_000, INNER)
    pole = bowl(gradient=lambda x: torch.stack([x[:, 0], torch.full_like(x[:, 0], torch.nan)], 1))
    with pytest.raises(InputError, match="no gradient at the start"):
        resolved(LandscapeSpec("bowl", "lmc"), pole, None)
    with pytest.raises(InputError, match="not a finite number at the start"):
        resolved(LandscapeSpec("bowl", "lmc"), bowl(potential=lambda x: x[:, 0] * torch.nan), None)


@pytest.mark.parametrize(("setting", "value"), [("particles", 1), ("steps", 1), ("inner", 1), ("tau", 1e-9)])
def test_the_least_that_can_be_asked_for(setting: str, value: float) -> None:
    assert getattr(LandscapeSpec(**{setting: value}), setting) == value  # type: ignore[arg-type]
    with pytest.raises(InputError, match=setting):
        LandscapeSpec(**{setting: 0})
    with pytest.raises(InputError, match="start must be a finite number"):
        LandscapeSpec(start=(float("nan"), 0.0))


def test_a_run_takes_up_to_three_dimensions() -> None:
    assert LandscapeSpec("x*y + z^2").landscape().d == 3
    assert LandscapeSpec("expression", expression="x + y^2").landscape().title == "x + y^2"
    with pytest.raises(InputError, match="up to 3"):
        LandscapeSpec("expression", expression="x1 + x4^2").landscape()


@pytest.mark.parametrize(("units", "head"), [(Units(("east", "north"), ("m", "m"), ""), "east,north"), (None, "x1,x2")])
def test_the_table_of_particles_has_the_axes_names(units: Units | None, head: str, tmp_path: Any) -> None:
    x = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    chains: Any = SimpleNamespace(
        last=lambda: x,
        draws=lambda: x,
        shares=lambda: np.zeros((1, 2)),
        paths=lambda: (np.array([3]), x.numpy()[None], np.array([[True]])),
    )
    job.write_files(tmp_path / "new" / "run", LandscapeSpec(), bowl(units=units), chains, None)
    lines = (tmp_path / "new" / "run" / "particles.csv").read_text().splitlines()
    assert lines == [head, "2.5,-3.0"]
    with np.load(tmp_path / "new" / "run" / "particles.npz") as data:
        assert data["paths"].tolist() == [[[2.5, -3.0]]] and data["draws"].tolist() == [[2.5, -3.0]]
    job.write_files(tmp_path / "new" / "run", LandscapeSpec(), bowl(units=units), chains, None)


def standing_in(monkeypatch: pytest.MonkeyPatch, run: Callable[[str, Any, Any], None]) -> None:
    """run(name, setting, chains) in place of what the samplers do."""

    def found(name: str) -> Sampler:
        return dataclasses.replace(sampler.get(name), run=lambda setting, chains: run(name, setting, chains))

    monkeypatch.setattr(job, "sampler", found)


class Told(Recorder):
    """A second passes at each look at the clock; notes are kept."""

    def __init__(self) -> None:
        self.now, self.notes = 0.0, list[str]()

    def clock(self) -> float:
        self.now += 1.0
        return self.now

    def note(self, text: str) -> None:
        self.notes.append(text)


def compared(truth: Any, draws: Any, own: Any, seed: int) -> dict[str, Any]:
    """What is made of draws: each a mode of its own."""
    mode = {"kind": "minimum", "occupancy": 1.0, "near": 1.0, "target": 1.0, "own_law": None}
    return {
        "modes": [{"location": place, **mode} for place in draws.tolist()],
        "truth": own and {"own": {"largest_error": 0.5}},
        "near_modes": seed,
    }


@pytest.mark.parametrize("method", ["lmc", "lmc-npf"])
def test_a_run_from_its_spec_to_its_result(method: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """g = 5 (x - 1)^2 + 9 y^4 in a box of the half sides 3: what the method is given, and what is made of its draws."""
    found = bowl(coefficient=2.0, start=(0.0, 1.0), unit=(1.5, 6.0), warnings=["mind the gap"])
    asked: dict[str, Any] = {}
    frame = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    networks = (SimpleNamespace(fingerprint=lambda: "its weights"), "f", "s")

    class Truth:
        critical: tuple[Any, ...] = ()

        def __init__(self, landscape: Any, coefficient: float) -> None:
            asked["truth"] = (landscape, coefficient)

        def own_draws(self, settings: Any, lifted: Any) -> str:
            asked["own"] = (settings, lifted)
            return "own"

    def run(name: str, setting: Any, chains: Any) -> None:
        asked["run"] = (name, setting)
        setting.oracle.gradient(setting.x)
        chains.only, chains.acceptance, chains.lifted = frame, 0.5, "lifted"
        chains.networks = networks

    monkeypatch.setattr(LandscapeSpec, "landscape", lambda self: found)
    monkeypatch.setattr(job, "Truth", Truth)
    standing_in(monkeypatch, run)
    monkeypatch.setattr(job.outcome, "compare", compared)
    kept: list[Any] = []
    recorder = Told()
    spec = LandscapeSpec("bowl", method, particles=6, steps=50, tau=1e-6, seed=4)
    result = job.run_landscape(spec, recorder, tmp_path, None, lambda *networks: kept.append(networks))
    name, setting = asked["run"]
    assert name == method and asked["truth"] == (found, 2.0) and kept == [networks]
    assert setting.budget == 300 and setting.seed == 4 and setting.networks == job.PretrainSettings()
    assert setting.x.tolist() == [[-1 / 3, 1 / 3]] * 6
    assert setting.settings.metric == pytest.approx((0.25, 4.0)) and setting.settings.coefficient == 2.0
    assert (setting.settings.tau, setting.settings.inner, setting.settings.noise) == (1e-6, 50, True)
    slope = setting.oracle.gradient(torch.zeros(1, 2).double())  # at (1, 0) of the user's positions
    assert slope.tolist() == [[0.0, 0.0]] and setting.truth is not None and recorder.notes == ["mind the gap"]
    own = method == "lmc-npf"
    assert (result.method, result.law, result.coefficient, result.tau) == (method, "target", 2.0, 1e-6)
    assert (result.gradient_evaluations, result.acceptance, result.accuracy) == (6, 0.5, None)
    assert [mode.location for mode in result.modes] == [(2.5, -3.0)] and result.near.modes == 4
    assert (result.truth is not None) == own and (not own or result.truth.own.largest_error == 0.5)
    assert (result.seconds, result.out) == (1.0, tmp_path)
    if own:
        assert asked["own"][0].metric == () and asked["own"][0].tau == 1e-6 and asked["own"][1] == "lifted"
    assert (tmp_path / "landscape.json").is_file()
    silent = job.run_landscape(spec, networks=job.PretrainSettings(seed=9))
    assert silent.out is None and asked["run"][1].networks.seed == 9
    wild = job.run_landscape(LandscapeSpec("bowl", method, particles=1, steps=1, tau=1.0), recorder)
    assert wild.tau == 1.0 and "chain diverges there" in recorder.notes[-1]


def test_a_run_that_breaks_leaves_what_it_had_where_it_had_any(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(name: str, setting: Any, chains: Any) -> None:
        if setting.seed:
            chains.traces.append("some")
        raise InputError("it diverges")

    written: list[Any] = []
    line = bowl(
        potential=lambda x: x[:, 0] ** 2, gradient=lambda x: 2 * x, low=(-1.0,), high=(1.0,), name="line", title="line"
    )
    monkeypatch.setattr(LandscapeSpec, "landscape", lambda self: line)
    monkeypatch.setattr(job, "Truth", None)  # of one dimension nothing is integrated
    standing_in(monkeypatch, run)
    monkeypatch.setattr(job, "write_files", lambda *rest: written.append(rest))
    for seed, folder in ((0, tmp_path), (1, None), (1, tmp_path)):
        with pytest.raises(InputError, match="it diverges"):
            job.run_landscape(LandscapeSpec("line", "lmc", particles=2, steps=3, seed=seed), folder=folder)
    assert len(written) == 1 and written[0][0] == tmp_path and written[0][-1] is None
    standing_in(monkeypatch, lambda name, setting, chains: setattr(chains, "only", torch.zeros(1, 1)))
    whole = job.run_landscape(LandscapeSpec("line", "lmc", particles=2, steps=3), folder=tmp_path)
    assert whole.modes == () and whole.truth is None and len(written) == 2 and written[1][-1] is whole
