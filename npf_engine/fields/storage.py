"""A Field in one .npz file without pickle, so that a resumed run needs neither network nor the user's file.

Arrays as they are (float32, masks bool); everything else is one JSON text. The function of a field
known as a function is not stored but built again from its FieldSpec; its samples are kept as they were. Where its
FieldSpec names no formula (a function of a program's own), what comes back is known on samples.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from npf_engine.errors import InputError
from npf_engine.fields.field import Field, Grid, Scaling, Units
from npf_engine.fields.lattice import LATTICE, lattice_of, lattice_tensors
from npf_engine.fields.sources.registry import named
from npf_engine.fields.sources.source import Functions
from npf_engine.fields.spec import FieldSpec
from npf_engine.tasks.archives import said
from npf_engine.tasks.files import Json, replacing

FORMAT = 1
_SAMPLES = ("x_train", "y_train", "x_test", "y_test")
_GRID_ARRAYS = ("elevation", "raw", "mask")
_GRID_EDGES = ("west", "south", "east", "north", "offset")


def save_field(field: Field, path: Path) -> Path:
    """Write ``field`` to ``path`` (.npz), replacing it in one step. Returns the path.

    Raises ValueError for a field known as a function whose provenance carries no "spec".
    """
    if field.kind == "function" and "spec" not in field.provenance:
        raise ValueError(f"{field.name} is known as a function, but its provenance has no spec to build it from again")
    arrays = {name: getattr(field, name).detach().cpu().numpy().astype(np.float32) for name in _SAMPLES}
    grid = field.grid
    if grid is not None:
        arrays |= {f"grid_{name}": getattr(grid, name) for name in _GRID_ARRAYS}
    if field.lattice is not None:
        arrays |= {key: tensor.numpy() for key, tensor in lattice_tensors(field.lattice).items()}
    about = {
        "format": FORMAT,
        "name": field.name,
        "kind": field.kind,
        "low": field.low,
        "high": field.high,
        "offset": field.scaling.offset,
        "scale": field.scaling.scale,
        "units": dataclasses.asdict(field.units),
        "rho": field.rho,
        "grid": None if grid is None else {edge: float(getattr(grid, edge)) for edge in _GRID_EDGES},
        "shift": field.shift,
        "warnings": field.warnings,
        "conversions": field.conversions,
        "provenance": field.provenance,
    }
    arrays["about"] = np.array(json.dumps(about, default=_plain))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part, open(part, "wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
    return path


def load_field(path: Path) -> Field:
    """The Field that ``save_field`` wrote. Raises InputError for a file that is none."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no stored field at {path}.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            about: dict[str, Json] = json.loads(str(stored["about"]))
            arrays = {name: stored[name] for name in stored.files if name != "about"}
        if about["format"] != FORMAT:
            raise InputError(f"{path.name} has field format {about['format']}; this version reads format {FORMAT}.")
        return _assemble(about, arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is not a stored field or is damaged ({said(error)}); make it again.") from error


def _assemble(about: dict[str, Json], arrays: dict[str, np.ndarray]) -> Field:
    x_train, y_train, x_test, y_test = (torch.from_numpy(np.array(arrays[name], dtype=np.float32)) for name in _SAMPLES)
    units = about["units"]
    grid = None
    if about["grid"] is not None:
        elevation, raw, mask = (arrays[f"grid_{name}"] for name in _GRID_ARRAYS)
        grid = Grid(elevation, raw, mask, **about["grid"])
    field = Field(
        name=about["name"],
        kind=about["kind"],
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        low=tuple(about["low"]),
        high=tuple(about["high"]),
        scaling=Scaling(tuple(about["offset"]), tuple(about["scale"])),
        units=Units(tuple(units["axes"]), tuple(units["position"]), units["value"]),
        rho=about["rho"],
        grid=grid,
        lattice=lattice_of({key: torch.from_numpy(arrays[key]) for key in LATTICE if key in arrays}),
        shift=tuple(about.get("shift", ())),
        warnings=list(about["warnings"]),
        conversions=list(about.get("conversions", ())),
        provenance=about["provenance"],
    )
    if field.kind == "function":
        _give_function(field)
    return field


def _give_function(field: Field) -> None:
    functions = known_functions(spec_from_dict(field.provenance["spec"]))
    if functions is None:
        field.kind = "samples"
    else:
        field.function, field.potential = functions


def known_functions(spec: FieldSpec) -> Functions | None:
    """(F, potential or None) in model positions of a field known as a function, without drawing samples; None where its
    source is no formula by name."""
    source = named(spec)
    return None if source is None else source.functions()


def spec_from_dict(values: Mapping[str, Json]) -> FieldSpec:
    """The FieldSpec of its JSON form (lists become tuples; keys of later versions are left out). Raises InputError."""
    known = {f.name for f in dataclasses.fields(FieldSpec)}
    return FieldSpec(**{key: _tuples(value) for key, value in values.items() if key in known})


def _tuples(value: Json) -> Json:
    return tuple(_tuples(v) for v in value) if isinstance(value, (list, tuple)) else value


def _plain(value: object) -> Json:
    """JSON for what provenance may hold besides plain values."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored in a field's provenance")
