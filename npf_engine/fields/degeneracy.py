"""Is F fit for a polar factorization? F#rho must give no mass to hyperplanes (NPF section 2; Brenier 1991).

If a component of F is constant on a set of positive measure, or the values of F lie in a hyperplane, F#rho has no
density and the measure-preserving M is not determined by F = grad u o M.
"""

from __future__ import annotations

import numpy as np

from npf_engine.numbers import percent

ATOM = 0.005  # share of the samples on one value from which a plateau is told
MOST_VALUES = 200  # that 0.5 % of the numbers have in common: there are no more
FEWEST = 3  # equal values that are no coincidence in a small table
MOST_POINTS = {2: 20_000, 3: 6_000}  # of a triangulation, by dimension
INNER = 0.05  # share of the points of a plateau that lie within it
LEAST_ROWS, APART = 100, 0.5  # rows from which, and share of the extent of the others, some lie far away
MOST_AXES = 16  # along which places far away are looked for
RANK_TOLERANCE = 1e-10  # smallest eigenvalue of the correlation matrix of a cloud that fills its space


def plateau_share(values: np.ndarray, positions: np.ndarray | None = None) -> float:
    """Share of the numbers (n,) that sit on values which at least 0.5 % of them (and three) have in common.

    positions (n, d): where they lie. A value shared along a line or hyperplane of these sits on no plateau, nor does
    one shared along curves, as by the parallels of a map or two meridians: such sets have measure zero.
    """
    order = np.argsort(values, kind="stable")
    _, first, counts = np.unique(values[order], return_index=True, return_counts=True)
    many = counts >= max(FEWEST, ATOM * len(values))
    groups = [order[a : a + n] for a, n in zip(first[many][:MOST_VALUES], counts[many][:MOST_VALUES], strict=True)]
    if positions is not None and positions.shape[1] >= 2:
        groups = [rows for rows in groups if not flat(positions[rows])]
    total = sum(map(len, groups))
    if positions is None or positions.shape[1] not in (2, 3) or total < ATOM * len(values):
        return total / len(values)
    label = np.full(len(values), -1)
    for k, rows in enumerate(groups):
        label[rows] = k
    wide = _wide(label, positions)
    return sum(len(rows) for k, rows in enumerate(groups) if k in wide) / len(values)


def _wide(label: np.ndarray, positions: np.ndarray) -> set[int]:
    """Which groups of equal values (0, 1, ...; -1 is none) fill an area: a good part of their points have only points
    of the same group about them, in Delaunay's triangulation (of 20,000 points at most, of 6,000 in space). All, where
    there is none."""
    from scipy.spatial import Delaunay, QhullError

    everyone = {int(k) for k in np.unique(label) if k >= 0}
    most = MOST_POINTS[positions.shape[1]]
    if len(label) > most:
        chosen = np.random.default_rng(0).permutation(len(label))[:most]
        label, positions = label[chosen], positions[chosen]
    spread = np.ptp(positions, axis=0)
    try:
        corners = Delaunay((positions - positions.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).simplices
    except (QhullError, ValueError):
        return everyone
    own = label[corners]
    mixed = corners[(own != own[:, :1]).any(axis=1)]
    inner = label >= 0
    inner[mixed] = False
    found, counts = np.unique(label[inner], return_counts=True)
    sizes = np.bincount(label[label >= 0], minlength=1)
    return {int(k) for k, n in zip(found, counts, strict=True) if n >= max(1, INNER * sizes[k])}


def projected(values: np.ndarray) -> np.ndarray:
    """A number per row of (n, d), equal for equal rows: a seeded random combination of the columns, each by its spread.

    Summed column by column: a matrix product may round equal rows differently.
    """
    weights = np.random.default_rng(0).standard_normal(size=(values.shape[1],))
    out = np.zeros(len(values))
    for k in range(values.shape[1]):
        column = values[:, k].astype(np.float64)
        spread = float(np.ptp(column))
        out += column * (weights[k] / spread if spread > 0 else 0.0)
    return out


def equal_neighbours(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of rows of (n, d) with the same x, i < j, each row beside the one before it in its group."""
    order = np.argsort(projected(x), kind="stable")
    same = np.all(x[order[1:]] == x[order[:-1]], axis=1)
    return order[:-1][same], order[1:][same]


def flat(values: np.ndarray) -> bool:
    """Whether the points (n, d) lie in a hyperplane (up to 1e-10 of their spread)."""
    spread = values.std(axis=0, dtype=np.float64)
    if np.any(spread == 0):
        return True
    standard = (values - values.mean(axis=0, dtype=np.float64)) / spread
    return bool(np.linalg.eigvalsh(standard.T @ standard / len(values))[0] < RANK_TOLERANCE)


def far_rows(x: np.ndarray) -> np.ndarray:
    """Which positions (n, d) lie far from all others along an axis: a few (0.1 %, three at least) beyond a gap of half
    the extent of all the rest. None of fewer than 100, nor in more than 16 dimensions."""
    out = np.zeros(len(x), dtype=bool)
    most = max(FEWEST, len(x) // 1000)
    if len(x) < LEAST_ROWS or x.shape[1] > MOST_AXES:
        return out
    for column in x.T:
        low, high = float(column.min()), float(column.max())
        for side in (1.0, -1.0):
            away = np.argpartition(side * column, most)[: most + 1]  # the nearest to that end, and one more
            away = away[np.argsort(side * column[away])]
            steps = np.abs(np.diff(column[away]))
            rest = (high if side > 0 else low) - column[away[1:]]
            beyond = np.flatnonzero(steps > APART * np.abs(rest))
            if len(beyond):
                out[away[: beyond[-1] + 1]] = True
    return out


def far_told(x: np.ndarray) -> list[str]:
    """The sentence on positions (n, d) far from all others; none where there are none."""
    far = np.flatnonzero(far_rows(x))
    if not len(far):
        return []
    place = ", ".join(f"{value:.6g}" for value in x[far[0]][:6])
    what, lies = ("One sample lies", "it is") if len(far) == 1 else (f"{len(far):,} samples lie", "they are")
    return [
        f"{what} far from all others (at {place}): the region reaches there, and nearly all samples fill a small part "
        f"of it; leave out what is a mistake, as a place at 0, 0 where {lies} not known."
    ]


def field_warnings(values: np.ndarray, positions: np.ndarray | None = None) -> list[str]:
    """Sentences on values F(x_i) (n, d) from which no unique M follows; positions: the x_i (n, d)."""
    out = []
    shares = [plateau_share(column, positions) for column in values.T]
    worst = int(np.argmax(shares))
    if shares[worst] >= ATOM:
        out.append(
            f"{percent(float(shares[worst]))} of the samples sit on plateaus of F{worst + 1} (values that many have in "
            "common): F pushes a set of positive measure onto a point or plane, where M is not determined; leave that "
            "part out."
        )
    if values.shape[1] > 1 and flat(values):
        out.append(
            "The values of F lie in a line or hyperplane: F#rho has no density there and M is not determined; "
            "use fewer dimensions or a field without this dependence."
        )
    return out
