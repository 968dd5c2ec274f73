"""A VTK mesh as a table of samples: which array is F, in which dimension, what was left out.

F is a vector of the points or of the cells, or the gradient of a scalar; rho is the law of the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields import sentinels
from npf_engine.fields.readers.columns import Column, Layout
from npf_engine.fields.readers.mesh_file import Mesh, MeshArray, open_mesh
from npf_engine.fields.readers.table import Table, without_marks
from npf_engine.fields.spec import FieldSpec
from npf_engine.numbers import percent
from npf_engine.tasks.archives import brief

AXES = ("x", "y", "z")
FLAT = 1e-9  # of the longest side: an extent below it is none
ACROSS = 1e-6  # of the largest |F|: what a component across a flat mesh may be before it is told
MOST_LISTED = 8


@dataclass(frozen=True)
class MeshLook:
    """What can be chosen of a mesh, by titles (point:velocity): vectors, and scalars whose gradient F may be.

    used: what F is made of, () where it must be chosen; gradient: whether it is the gradient of that.
    """

    vectors: tuple[str, ...]
    scalars: tuple[str, ...]
    used: tuple[str, ...] = ()
    gradient: bool = False


@dataclass(frozen=True)
class _Choice:
    """The arrays that F is made of, and whether it is the gradient of the one."""

    arrays: tuple[MeshArray, ...]
    gradient: bool


def read_mesh(path: Path, spec: FieldSpec) -> Table:
    """The samples of a mesh. Raises InputError for a damaged file, and where F must be chosen."""
    mesh = open_mesh(path)
    choice = _choose(mesh, spec)
    where = choice.arrays[0].where
    x = mesh.points(where)
    marked: list[str] = []
    if choice.gradient:
        f, marked = _slopes(mesh, choice.arrays[0], spec)
    else:
        f = np.concatenate([mesh.values(array) for array in choice.arrays], axis=1)
    axes = _axes(mesh.file, x)
    notes, conversions = [*marked, *_shape_notes(mesh, x, axes)], []
    if f.shape[1] > len(axes):
        notes += _across(f, axes)
        f = f[:, list(axes)] if f.shape[1] == 3 else f[:, : len(axes)]
    if f.shape[1] < len(axes):
        raise InputError(
            f"{mesh.file}: {brief(choice.arrays[0].name)} has {f.shape[1]} components, but the mesh lies in "
            f"{len(axes)} dimensions; choose another array."
        )
    conversions.append(_told(mesh, choice))
    if where == "cell":
        conversions.append("F is known on cells; positions are their middles.")
    known = np.isfinite(f).all(axis=1) & np.isfinite(x).all(axis=1)
    if not known.all():
        lost = int((~known).sum())
        notes.append(f"{lost:,} of {len(f):,} {where}s ({percent(lost / len(f), 2)}) have no value and were left out.")
    table = _table(mesh, choice, axes, x[known][:, list(axes)], f[known])
    table = without_marks(table, masked=spec.missing == "mask")
    return _with(table, notes, conversions, int((~known).sum()))


def _told(mesh: Mesh, choice: _Choice) -> str:
    """What F is, and what else it might have been."""
    what = ", ".join(brief(array.name) for array in choice.arrays)
    told = f"F is the gradient of {what}, per unit of the positions" if choice.gradient else f"F is {what}"
    others = [array for array in mesh.arrays if array not in choice.arrays]
    return f"{told}; the file has {_listed(others)} too." if others else f"{told}."


def _slopes(mesh: Mesh, array: MeshArray, spec: FieldSpec) -> tuple[np.ndarray, list[str]]:
    """The gradient of a scalar, none where it holds -9999 and the like; what is told of these."""
    values = mesh.values(array)
    found = sentinels.find(values)
    masked = spec.missing == "mask"
    told = [sentinels.sentence(f"{mesh.file}: {brief(array.name)}", found, len(values), masked)] if found else []
    return mesh.gradient(array, [value for value, _ in found] if masked else []), told


def look(path: Path, spec: FieldSpec) -> MeshLook:
    """What can be chosen of a mesh, and what is. Raises InputError for a damaged file."""
    mesh = open_mesh(path)
    vectors = tuple(array.title for array in mesh.arrays if array.components in (2, 3))
    seen = MeshLook(vectors, tuple(array.title for array in mesh.arrays if array.components == 1))
    try:
        choice = _choose(mesh, spec)
    except InputError:
        return seen
    return replace(seen, used=tuple(array.title for array in choice.arrays), gradient=choice.gradient)


def _with(table: Table, notes: Sequence[str], conversions: Sequence[str], dropped: int) -> Table:
    return replace(table, notes=(*notes, *table.notes), conversions=tuple(conversions), dropped=table.dropped + dropped)


def _choose(mesh: Mesh, spec: FieldSpec) -> _Choice:
    """What the visitor says, else what the file calls its vectors, else the only vector, else the only scalar."""
    if spec.scalar.strip():
        array = _named(mesh, spec.scalar)
        if array.components != 1:
            raise InputError(
                f"{mesh.file}: {brief(array.name)} has {array.components} components and is no scalar; "
                "name it as components."
            )
        return _Choice((array,), True)
    if spec.components.strip():
        return _chosen(mesh, [_named(mesh, name) for name in spec.components.split(",")])
    vectors = [array for array in mesh.arrays if array.components in (2, 3)]
    preferred = [array for array in vectors if array.name == mesh.preferred]
    if len(vectors) == 1 or len(preferred) == 1:
        return _Choice(tuple(preferred or vectors)[:1], False)
    scalars = [array for array in mesh.arrays if array.components == 1]
    if not vectors and len(scalars) == 1:
        return _Choice((scalars[0],), True)
    if not vectors and not scalars:
        raise InputError(f"{mesh.file} has no vector and no scalar on its points or cells; there is no F in it.")
    if not vectors:
        raise InputError(
            f"{mesh.file} has no vector, and the scalars {_listed(scalars)}; choose the one whose gradient is F "
            f"(scalar={scalars[0].title}), or those that are its components."
        )
    raise InputError(
        f"{mesh.file} has the vectors {_listed(vectors)}; choose one of them (components={vectors[0].title})."
    )


def _chosen(mesh: Mesh, arrays: list[MeshArray]) -> _Choice:
    if len(arrays) == 1:
        if arrays[0].components not in (2, 3):
            raise InputError(
                f"{mesh.file}: {brief(arrays[0].name)} has {arrays[0].components} components and is no vector; "
                + ("name it as scalar for its gradient." if arrays[0].components == 1 else "choose another array.")
            )
        return _Choice(tuple(arrays), False)
    if len(arrays) > 3 or any(array.components != 1 for array in arrays):
        raise InputError(f"{mesh.file}: components are one vector, or two or three scalars; found {_listed(arrays)}.")
    if len({array.where for array in arrays}) > 1:
        raise InputError(
            f"{mesh.file}: components must all be known on points, or all on cells; found {_listed(arrays)}."
        )
    return _Choice(tuple(arrays), False)


def _named(mesh: Mesh, text: str) -> MeshArray:
    name = text.strip()
    found = [array for array in mesh.arrays if name in (array.title, array.name)]
    if not found:
        there = _listed(mesh.arrays) if mesh.arrays else "none"
        raise InputError(f"{mesh.file} has no array {brief(name)!r}; there are {there}.")
    return found[0]  # of two with one name that of the points


def _listed(arrays: Sequence[MeshArray]) -> str:
    shown = ", ".join(brief(array.title) for array in arrays[:MOST_LISTED])
    return shown + (f" and {len(arrays) - MOST_LISTED} more" if len(arrays) > MOST_LISTED else "")


def _axes(file: str, x: np.ndarray) -> tuple[int, ...]:
    """The axes along which the mesh extends."""
    finite = x[np.isfinite(x).all(axis=1)]
    if not len(finite):
        raise InputError(f"{file}: no position is a number; export it again.")
    extents = np.ptp(finite, axis=0)
    if not extents.max() > 0:
        raise InputError(f"{file}: all its points are one place; there is no region in it.")
    return tuple(k for k in range(3) if extents[k] > FLAT * extents.max())


def _shape_notes(mesh: Mesh, x: np.ndarray, axes: tuple[int, ...]) -> list[str]:
    out = []
    if mesh.data.GetClassName() != "vtkImageData":  # an image has its points at even distances
        out.append(
            "rho is the law of the mesh's own points: a part with a finer mesh weighs more than its area or volume."
        )
    if len(axes) < 3 and axes != (0, 1)[: len(axes)]:
        left = ", ".join(AXES[k] for k in axes)
        out.append(f"The mesh is flat across: its positions are {left}, in this order.")
    if 0 < mesh.cells_d < len(axes):
        what = "a surface" if mesh.cells_d == 2 else "lines"
        out.append(
            f"The mesh is {what} in {len(axes)} dimensions: rho has no density, so no Brenier map is determined."
        )
    return out


def _across(f: np.ndarray, axes: tuple[int, ...]) -> list[str]:
    """The sentence on what F has across a flat mesh, where it has something."""
    gone = [k for k in range(f.shape[1]) if k not in axes]
    lost, size = np.nanmax(np.abs(f[:, gone]), initial=0.0), np.nanmax(np.abs(f), initial=0.0)
    if not lost > ACROSS * size:
        return []
    names = " and ".join(AXES[k] for k in gone)
    return [f"The mesh is flat: the component of F along {names}, up to {lost:.3g}, was left out."]


def _table(mesh: Mesh, choice: _Choice, axes: tuple[int, ...], x: np.ndarray, f: np.ndarray) -> Table:
    first = choice.arrays[0]
    unit = first.unit if not choice.gradient or not first.unit else f"{first.unit} per unit of x"
    if len(choice.arrays) > 1:
        names = [array.name for array in choice.arrays]
        names = [names[k] for k in axes] if len(names) == len(AXES) else names
    else:
        names = [f"d{first.name}/d{AXES[k]}" if choice.gradient else f"{first.name} {AXES[k]}" for k in axes]
    positions = tuple(Column(k, AXES[axis], f"x{k + 1}", "") for k, axis in enumerate(axes))
    values = tuple(Column(len(axes) + k, name, f"F{k + 1}", unit) for k, name in enumerate(names[: len(axes)]))
    columns = {column.role: x[:, k] for k, column in enumerate(positions)}
    columns |= {column.role: f[:, k] for k, column in enumerate(values)}
    return Table(mesh.file, Layout("samples", positions, values, ()), columns, mesh=True)
