"""Clouds of points in two files of a user, and what makes them one problem: the same columns about the same origin.

``read_points`` parses one file here and now; ``studies.lab.tasks`` has a child do it. ``pair`` joins two.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields import sentinels
from npf_engine.fields.cloud_columns import in_units_of, keys
from npf_engine.fields.raster import centre_of
from npf_engine.fields.readers.binary_table import array_header, read_array
from npf_engine.fields.readers.columns import Column
from npf_engine.fields.readers.csv_table import open_csv
from npf_engine.fields.readers.table_ground import cut_open
from npf_engine.settings.limits import LARGEST, MAX_FILE_BYTES, check_cells
from npf_engine.tasks.archives import brief, check_zip

# What a column is called that only counts rows; it is one where it counts indeed.
COUNTERS = frozenset({"", "index", "idx", "id", "row", "rows", "no", "nr", "no.", "nr.", "number", "n", "i", "#"})

# What only ever names a row: an index in any order, where its numbers are whole and no two of them equal.
IDENTIFIERS = frozenset({"id", "ids", "fid", "gid", "uid", "pid", "objectid", "pointid", "rowid", "index", "idx"})


# What a column is called that is seldom a coordinate, and is taken as one.
TURNS = 720.0  # degrees: larger numbers are no longitudes
ODD = frozenset({"weight", "weights", "wt", "prob", "probability", "label", "labels", "class", "cluster", "t", "time"})
MOST_AS_ROWS = 3  # rows of an array of more columns: its points stand in its columns


@dataclass(frozen=True)
class Cloud:
    """points (n, d) float64; names of its columns, () where the file gives none; sentences on what was left out."""

    file: str
    points: np.ndarray
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Source and target (n, d), (m, d) float32 with the same columns, about the same origin ``offset`` (d,)."""

    source: np.ndarray
    target: np.ndarray
    offset: np.ndarray
    notes: tuple[str, ...]


def read_points(path: Path) -> Cloud:
    """The points of a .csv (all columns of numbers, a header) or an .npz (array ``x``, or its only one).

    A column that numbers the rows is left out, and so are rows with -9999 and the like; both are told. Raises
    InputError for what cannot be read.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(f"{path.name} has {size / 1e6:,.0f} MB; the limit is {MAX_FILE_BYTES / 1e6:,.0f} MB")
    try:
        if path.suffix.lower() == ".csv":
            table = open_csv(path)
            columns = [Column(k, name, f"x{k + 1}", "") for k, name in enumerate(table.names)]
            values = table.read(columns)
            names = tuple(name.strip().strip("\ufeff#").strip() for name in table.names)
            return _cleaned(
                Cloud(
                    path.name, np.stack([values[c.role] for c in columns], axis=1), names, (*table.told, *table.doubts)
                )
            )
        if path.suffix.lower() == ".npz":
            return _cleaned(Cloud(path.name, _npz(path)))
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror or error}); check the file") from error
    raise InputError(f"{path.name} is no cloud of points; give a .csv or an .npz file")


def pair(first: Cloud, second: Cloud) -> Pair:
    """Two clouds as one problem: columns matched by their names, a common offset taken off in double precision.

    Raises InputError for columns that do not belong together.
    """
    for cloud in (first, second):
        _check_size(cloud)
    target, notes = _matched(first, second)
    source, target, told = _on_one_turn(first, target)
    notes += told
    offset = np.zeros(source.shape[1])
    if source.shape[1] == target.shape[1] and len(source) and len(target):
        for k in range(source.shape[1]):
            both = np.concatenate([source[:, k], target[:, k]])
            if np.isfinite(both).all():
                offset[k] = centre_of(float(both.min()), float(both.max()), False)
        source, target = source - offset, target - offset
        if offset.any():
            where = ", ".join(f"{value:,.12g}" for value in offset[:6]) + (", ..." if len(offset) > 6 else "")
            notes.append(
                f"({where}) was taken off both clouds in double precision, since 32-bit numbers would round them."
            )
    return Pair(source.astype(np.float32), target.astype(np.float32), offset, (*first.notes, *second.notes, *notes))


def _on_one_turn(first: Cloud, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The points of both clouds, with longitudes of both counted from one meridian on: 350 of one is -10 of another."""
    source, told = first.points, []
    for k, key in enumerate(keys(first.names, first.names)[0]):
        if key != "longitude" or target.shape[1] != source.shape[1]:
            continue
        both = np.concatenate([source[:, k], target[:, k]])
        if not np.isfinite(both).all() or np.abs(both).max(initial=0.0) > TURNS:
            continue
        opened = cut_open(both)
        if np.array_equal(opened, both):
            continue
        source, target = source.copy(), target.copy()
        source[:, k], target[:, k] = opened[: len(source)], opened[len(source) :]
        told.append(
            f"{brief(first.names[k])} of both clouds was put on one turn of the globe, from {opened.min():.6g} to "
            f"{opened.max():.6g} degrees."
        )
    return source, target, told


def _check_size(cloud: Cloud) -> None:
    """InputError for values beyond all that 32-bit numbers and squares of distances can hold."""
    large = np.abs(np.nan_to_num(cloud.points, nan=0.0, posinf=0.0, neginf=0.0)) > LARGEST
    if large.any():
        row, k = (int(part[0]) for part in np.nonzero(large))
        name = brief(cloud.names[k]) if cloud.names else str(k + 1)
        raise InputError(
            f"{cloud.file}: row {row + 1:,} of the points, column {name} holds {cloud.points[row, k]:.4g}, and values "
            f"up to {LARGEST:g} are taken ({int(large.sum()):,} are larger); correct or remove them."
        )


def _matched(first: Cloud, second: Cloud) -> tuple[np.ndarray, list[str]]:
    """The points of the second cloud with the columns of the first, in their order and their units."""
    ours, theirs = keys(first.names, second.names)
    if not ours or not theirs:
        return second.points, []
    order, notes = _order(first, second, ours, theirs)
    if len(order) != len(ours):
        return second.points, notes  # told by the task, with the dimensions
    names, files = tuple(second.names[k] for k in order), (first.file, second.file)
    points, told = in_units_of(second.points[:, order], names, first.names, files)
    return points, [*notes, *told]


def _order(first: Cloud, second: Cloud, ours: list[str], theirs: list[str]) -> tuple[list[int], list[str]]:
    """Which column of the second cloud each of the first is. Raises InputError where only some have a partner."""
    as_it_is = list(range(len(theirs)))
    if ours == theirs:
        return as_it_is, []
    unique = len(set(ours)) == len(ours) and len(set(theirs)) == len(theirs)
    if unique and set(ours) == set(theirs):
        order = [theirs.index(name) for name in ours]
        note = (
            f"The columns of {second.file} stand in another order than those of {first.file}: matched by their names."
        )
        return order, [note]
    common = set(ours) & set(theirs)
    if common:
        odd = [
            name for name, key in zip((*first.names, *second.names), ours + theirs, strict=True) if key not in common
        ]
        raise InputError(
            f"{first.file} has the columns {', '.join(map(brief, first.names[:8]))} and {second.file} "
            f"{', '.join(map(brief, second.names[:8]))}: {', '.join(map(brief, odd[:6])) or 'some'} "
            f"belong{'s' * (len(odd) == 1)} to one alone; give both the same columns"
        )
    if len(ours) != len(theirs):
        return as_it_is, []
    one, other = (", ".join(map(brief, cloud.names[:6])) for cloud in (first, second))
    return as_it_is, [
        f"The columns of the two clouds have different names; {one} were matched with {other}, in this order."
    ]


def _cleaned(cloud: Cloud) -> Cloud:
    points, names, notes = cloud.points, cloud.names, list(cloud.notes)
    there = [k for k, name in enumerate(names) if not (_is_nameless(name) and np.isnan(points[:, k]).all())]
    if names and len(there) < len(names) and len(points):  # a separator at the end of each line
        points, names = points[:, there], tuple(names[k] for k in there)
    counting = [k for k, name in enumerate(names) if _counts(name, points[:, k])] if points.shape[1] > 1 else []
    nameless = [k for k, name in enumerate(names) if _is_nameless(name)]
    if not counting and points.shape[1] > len(nameless) == 1 and _numbers_rows(points[:, nameless[0]]):
        counting = nameless
    if counting:
        shown = ", ".join(repr(brief(names[k])) for k in counting[:6])
        notes.append(f"{cloud.file}: the column {shown} numbers the rows and was left out.")
        kept = [k for k in range(len(names)) if k not in counting]
        points, names = points[:, kept], tuple(names[k] for k in kept)
    odd = [repr(name) for name in names if name.strip().lower() in ODD]
    if odd and len(names) > 1:
        notes.append(
            f"{cloud.file}: {' and '.join(odd)} {'was' if len(odd) == 1 else 'were'} taken as a coordinate like the "
            "others, and every point weighs the same; leave the column out where it is none."
        )
    bad = np.zeros(len(points), dtype=bool)
    for k in range(points.shape[1]):
        found = [pair_ for pair_ in sentinels.find(points[:, k]) if sentinels.is_mark(pair_[0])]
        if found:
            bad |= np.isin(points[:, k], [value for value, _ in found])
            where = f"{cloud.file}: column {brief(names[k]) if names else k + 1}"
            notes.append(sentinels.sentence(where, found, len(points), True).partition("; set missing")[0] + ".")
    return Cloud(cloud.file, points[~bad] if bad.any() else points, names, tuple(notes))


def _counts(name: str, values: np.ndarray) -> bool:
    """Whether a column is an index: called like one, and rising by one from row to row, or in any order where its name
    says what it is."""
    plain = name.lower()
    if re.sub(r"[\s_.-]", "", plain) in IDENTIFIERS and _numbers_rows(values):
        return True
    if plain not in COUNTERS and not plain.startswith("unnamed:"):
        return False
    return len(values) > 1 and bool(np.all(np.diff(values) == 1)) and bool(values[0] == np.round(values[0]))


def _is_nameless(name: str) -> bool:
    return not name or name.lower().startswith("unnamed:")


def _numbers_rows(values: np.ndarray) -> bool:
    """Whether a column without a name is an index in any order (rows that were shuffled, or of which some were kept):
    whole numbers, no two of them equal."""
    whole = bool(np.isfinite(values).all()) and bool(np.all(values == np.round(values)))
    return whole and len(values) > 1 and len(np.unique(values)) == len(values)


def _npz(path: Path) -> np.ndarray:
    found = check_zip(path)
    members = {member.filename.removesuffix(".npy"): member for member in found}
    if len(members) < len(found):
        raise InputError(f"{path.name} holds one array twice; keep one of them.")
    name = "x" if "x" in members else next(iter(members)) if len(members) == 1 else None
    if name is None:
        shown = ", ".join(brief(name) for name in list(members)[:6])
        raise InputError(f"{path.name} holds {shown or 'nothing'}; name the array of points x")
    member: zipfile.ZipInfo = members[name]
    shape, problem = array_header(path, member)
    if problem:
        raise InputError(problem)
    if len(shape) != 2:
        raise InputError(f"{path.name}: the points have the shape {shape}; (n, d) is needed")
    if shape[0] <= MOST_AS_ROWS < shape[1]:
        raise InputError(
            f"{path.name}: {brief(name)} has the shape {shape}, {shape[0]} points in {shape[1]:,} dimensions; points "
            f"are its rows, (n, d): save {brief(name)}.T"
        )
    check_cells(path.name, *shape)
    return np.ascontiguousarray(read_array(path, member.filename, np.float64))
