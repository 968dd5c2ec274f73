"""Figures for print of what a run made, by name: pages and the command line ask here, and make the same file of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields import titles
from npf_engine.fields.field import Units
from npf_engine.figures import accuracy, palette, panels, paper, places
from npf_engine.figures.layout import Extent
from npf_engine.figures.paper_places import print_maps
from npf_engine.figures.print_views import CAPTIONS, CLOUDS, LADDER, MONGE_AMPERE, RELOCATION, SHEETS
from npf_engine.measures import inverse_view, monge_ampere, multiplicity, views
from npf_engine.studies import kinds
from npf_engine.studies.landscape.result import LandscapeResult
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.studies.landscape.view import relief
from npf_engine.tasks import layout
from npf_engine.tasks.files import arrays

if TYPE_CHECKING:
    from npf_engine.polar import PolarFactorization
    from npf_engine.sampling.landscapes import Landscape

PYTHON = "python -m npf_engine"
PARTICLES = "particles.npz"  # of a landscape run
OF_PLACES = (MONGE_AMPERE, SHEETS)  # maps of a number at each place
RELOCATION_POINTS, SEED = 4000, 0  # of the page Inverse


def caption(name: str, settings: Mapping[str, object]) -> str:
    """A caption to begin with for the view ``name`` of a training with these settings, as JSON."""
    return f"{CAPTIONS[name]} F: {titles.title_in(settings)}."


def clouds(view: views.FactorizationView, how: paper.Print) -> bytes:
    """Figure 1 of ``factorization_view(model, paper.MOST_POINTS, SEED)``. Raises InputError for d = 1."""
    if view.d == 1:
        raise InputError("in one dimension F and M are graphs, not clouds; the Factorization page draws them")
    planes = view.planes()
    where = Extent(view.units, view.low, view.high)
    drawn = [
        panels.panel(
            key,
            planes,
            where,
            position=key in views.POSITIONS,
            principal=view.projection is not None,
            position_unit=view.units.position[0] if view.one_unit else "",
        )
        for key in (*views.VALUES, *views.POSITIONS)
        if key in planes
    ]
    return paper.clouds(drawn, palette.origin_index(planes["rho"]), how)


def ladder(metrics: Mapping[str, object], how: paper.Print) -> bytes:
    """The accuracy table of a report. Raises InputError where there is none."""
    rows = accuracy.rows(metrics)
    if not rows:
        raise InputError("this model carries no accuracy table; `evaluate` measures it")
    return paper.ladder(rows, how)


def relocation(view: inverse_view.RelocationView, where: Extent, how: paper.Print) -> bytes:
    """Figure 2 of ``relocation_view(model, RELOCATION_POINTS, SEED)``. Raises InputError but for d = 2."""
    if view.x.shape[1] != 2:
        raise InputError(f"the relocation is printed for fields of two dimensions, and this one has {view.x.shape[1]}")
    places = [("original", view.x), ("relocated", view.moved)]
    return paper.relocation(places, np.linalg.norm(view.f, axis=1), view.top, where, how)


def of_model(name: str, model: PolarFactorization, metrics: Mapping[str, object], how: paper.Print) -> bytes:
    """The view ``name`` of a trained model with the figures of its report. Raises InputError where it has none such."""
    if name == CLOUDS:
        return clouds(views.factorization_view(model, paper.MOST_POINTS, SEED), how)
    if name == LADDER:
        return ladder(metrics, how)
    if name == RELOCATION:
        view = inverse_view.relocation_view(model, RELOCATION_POINTS, SEED)
        return relocation(view, Extent(model.units, model.low, model.high), how)
    if name in OF_PLACES:
        return of_places(name, model, how)[0]
    known = ", ".join((CLOUDS, LADDER, RELOCATION, MONGE_AMPERE))
    raise InputError(f"a trained field has the views {known} and {SHEETS}, not {name}")


def of_places(name: str, model: PolarFactorization, how: paper.Print) -> tuple[bytes, dict[str, object]]:
    """A view of ``OF_PLACES`` with its numbers. Raises InputError but for d = 2."""
    where = Extent(model.units, model.low, model.high)
    if name == MONGE_AMPERE:
        residual = monge_ampere.monge_ampere_view(model)
        return print_maps(residual_maps(residual), where, how), residual.numbers()
    sheets = multiplicity.multiplicity_view(model)
    return print_maps(sheet_maps(sheets), where, how), sheets.numbers()


def residual_maps(view: monge_ampere.MongeAmpereView) -> list[places.PlaceMap]:
    """The residual beside its floor."""
    colours = places.factors("mass by ∇u over mass of F")
    hover = "mass by ∇u over mass of F:"
    return [
        places.PlaceMap("residual", view.line, view.residual, colours, hover),
        places.PlaceMap("floor", view.line, view.floor, colours, hover),
    ]


def sheet_maps(view: multiplicity.MultiplicityView) -> list[places.PlaceMap]:
    """How many places go to each, and the entropy of their law; of the draws beside it, and what draws of the exact law
    would show."""
    found = view.drawn
    counts = [("places", view.places)]
    entropies = [("entropy", view.entropy)]
    if found is not None:
        counts += [("found by draws", found.found), ("by exact draws", found.expected_found)]
        entropies += [("of the draws", found.entropy), ("of exact draws", found.expected_entropy)]
    out = []
    for rows, title, hover in ((counts, "places", "places:"), (entropies, "nats", "entropy, nats:")):
        colours = places.amounts(title, *(values for _, values in rows))
        out += [places.PlaceMap(name, view.line, values, colours, hover) for name, values in rows]
    return out


def draws(landscape: Landscape, x: np.ndarray, modes: np.ndarray, how: paper.Print) -> bytes:
    """A landscape of two variables with draws x (n, 2) and modes (k, 2). Raises InputError for any other number."""
    if landscape.d != 2:
        raise InputError(f"draws are printed over potentials of two variables, and this one has {landscape.d}")
    where = Extent(landscape.units or Units(("x", "y"), ("", ""), ""), landscape.low, landscape.high)
    return paper.landscape(paper.Relief(*relief(landscape)), x, modes.reshape(-1, 2), where, how)


def of_run(folder: Path, how: paper.Print) -> bytes:
    """The view ``draws`` of the landscape run in ``folder``. Raises InputError where it left none."""
    told, kept = layout.read_json(folder / layout.REPORT), folder / PARTICLES
    if told is None or not kept.is_file():
        raise InputError(f"{folder} holds no landscape run that is done: it has no {layout.REPORT} and {PARTICLES}")
    spec = kinds.spec_of(layout.read_json(folder / layout.SPEC) or {}, LandscapeSpec)
    found = LandscapeResult.of_json(told)
    modes = np.array([mode.location[:2] for mode in found.modes], dtype=np.float64)
    return draws(spec.landscape(), arrays(kept)["draws"], modes, how)


def again(made: str, name: str, file: str, how: paper.Print) -> str:
    """The command lines that repeat the view ``name`` of what the command or call ``made`` makes: that, into a folder
    ``run``, and the figure of it, called ``file``."""
    made, run = kept(made)
    size = f"--columns {how.columns} --font {how.font:g}"
    return f"{made}\n{PYTHON} figure {run} --view {name} {size} --out {shlex.quote(f'{file}.{how.format}')}"


def kept(made: str) -> tuple[str, str]:
    """The command or call ``made`` so that it leaves what it makes in a folder or file, and what that is called."""
    if made.startswith(PYTHON):
        return f"{made} --out run", "run"
    return f'{made}.bundle("run.zip")', "run.zip"
