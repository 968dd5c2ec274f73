"""What a gridded file offers, before a field is made of it: its vectors and scalars, its times, levels and members."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.fields.readers import gridded_names as names
from npf_engine.fields.readers import gridded_volume as volumes
from npf_engine.fields.readers.gridded_axes import Choice, choice, layout
from npf_engine.fields.readers.gridded_open import opened
from npf_engine.fields.spec import FieldSpec

MOST_VARIABLES = 200


@dataclass(frozen=True)
class GriddedLook:
    """variables: those that F is made of; pairs, boxes, scalars: the vectors in the plane and in space, and the
    variables of the file; choices: dimensions of which one step is taken, with the step that the spec asks for (0 where
    it asks for none that is there)."""

    variables: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    scalars: tuple[str, ...]
    choices: tuple[Choice, ...]
    shape: tuple[int, ...] = (0, 0)
    defect: str = ""
    boxes: tuple[tuple[str, str, str], ...] = ()


def look(path: Path, spec: FieldSpec) -> GriddedLook:
    """What is offered; a setting that the file cannot follow is ``defect``. Raises InputError for a file that cannot be
    read."""
    with opened(path) as ds:
        every = names.numeric(ds)
        pairs = tuple((a, b) for a, b, _ in names.pairs(ds, every))[:MOST_VARIABLES]
        scalars, defect = tuple(every[:MOST_VARIABLES]), ""
        try:
            found = names.chosen(ds, spec, path.name)
        except InputError as error:
            defect = str(error)
            known = ",".join(pairs[0]) if pairs else ""
            found = names.chosen(ds, replace(spec, components=known, scalar=""), path.name)
        grid = layout(ds, found.names[0])
        box: tuple[int, ...] = ()
        if len(found.names) == 3:
            up = volumes.upward(ds, found.names)
            grid, box = volumes.steps_beside(grid, up), (int(ds.sizes[up]),)
        wanted = spec.steps
        choices = []
        for kind, dim in grid.others:
            try:
                choices.append(choice(ds, kind, dim, wanted.pop(kind, "")))
            except InputError as error:
                defect = defect or str(error)
                choices.append(choice(ds, kind, dim, ""))
        shape = (*box, int(ds.sizes[grid.y]), int(ds.sizes[grid.x]))
        boxes = tuple(names.boxes(ds, every))[:MOST_VARIABLES]
        return GriddedLook(found.names, pairs, scalars, tuple(choices), shape, defect, boxes)
