"""Constrained drifting, 3.3 and 3.4: the geometry of two gradient flows, and what four methods end at."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from npf_engine.figures import reproduced
from npf_engine.studies.lab.result import LabResult
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.reproduction.making import Bench, Made
from npf_engine.studies.reproduction.result import Row
from npf_engine.studies.reproduction.workshop import Part

METHODS = {"implicit": "implicit", "explicit": "explicit", "euclidean": "Euclidean", "adam": "Adam"}
SEEDS, ALL_SEEDS = 5, 100
SHOWN = 600
ENOUGH = 0.03  # squared MMD above which the lab counts a seed as failed
START, SCALES, LONG = (2.0, 0.35), (0.4, 1.6), 12.0  # of the flows of Figure 1


def _lab(bench: Bench) -> Part:
    seeds = SEEDS if bench.quick or bench.spec.item != "figure-2" else ALL_SEEDS
    spec = LabSpec(task="drift-mixture", methods=tuple(METHODS), seeds=seeds, first_seed=bench.spec.seed)
    return bench.run("drift-mixture", spec)


def histograms(bench: Bench) -> Made:
    """Figure 2."""
    part = _lab(bench)
    report = LabResult.of_json(part.report)
    rows, laws = [], {}
    for name, title in METHODS.items():
        row = report.results[name]
        some = len([value for value in row.values if value is not None])
        se = None if row.std is None or some < 2 else row.std / (some - 1) ** 0.5
        rows.append(Row(f"{title}: mean squared MMD", None, row.mean, report.floor, report.trivial, row.note, None, se))
        rows.append(Row(f"{title}: seeds above {ENOUGH:g}, %", None, 100 * row.failed_share))
        laws[title] = np.array([v for v in row.values if v is not None])
    largest = max(float(values.max()) for values in laws.values() if len(values))
    logs = {title: np.log10(np.maximum(values, 1e-6)) for title, values in laws.items() if len(values)}
    figure = reproduced.histograms({f"log10 of the squared MMD (up to {largest:.2g})": logs})
    count = len(report.results["implicit"].values)
    note = f"{count} seeds; trivial: only moving the mean. The paper draws its means and prints none."
    return Made(rows, figure, [part], [note])


def clouds(bench: Bench) -> Made:
    """Figure 3: the first seed's maps."""
    part = _lab(bench)
    report, arrays = LabResult.of_json(part.report), part.arrays("lab.npz")
    target = arrays["target"][:SHOWN]
    groups = {"source and target": {"source": arrays["source"][:SHOWN], "target": target}}
    rows = []
    for name, title in METHODS.items():
        image = arrays.get(f"pushforward_{name}")
        if image is not None:
            groups[title] = {"mapped": image[:SHOWN], "target": target}
        first = report.results[name].values[0]
        rows.append(Row(f"{title}: squared MMD of the first seed", None, first, report.floor, report.trivial))
    return Made(rows, reproduced.overlaid(groups), [part])


def geometry(bench: Bench) -> Made:
    """Figure 1, on a family where both flows are known: T(x) = diag(exp theta) x from N(0, I) to N(0, diag(s^2)).

    The relative entropy of T's law is E = sum (a_k^2 / s_k^2 - 1) / 2 - log(a_k / s_k) with a = exp theta. The
    Euclidean flow is theta' = -dE/dtheta; the constrained one (eq. 3.9: the gradient in the flat metric of L2, whose
    pull-back is diag(a^2)) is a' = -dE/da. Both are integrated, and the second is compared with theta' = -G^-1 dE.
    """
    s = np.array(SCALES)

    def slope(a: np.ndarray) -> np.ndarray:
        return a / s**2 - 1 / a

    def euclidean(t: float, theta: np.ndarray) -> np.ndarray:
        a = np.exp(theta)
        return -a * slope(a)

    def natural(t: float, theta: np.ndarray) -> np.ndarray:
        a = np.exp(theta)
        return -slope(a) / a  # G^-1 dE/dtheta, with G = diag(a^2)

    def constrained(t: float, a: np.ndarray) -> np.ndarray:
        return -slope(a)

    times = np.linspace(0, LONG, 12 * 32 + 1)
    start = np.array(START)

    def solved(rate: object, begin: np.ndarray) -> np.ndarray:
        return solve_ivp(rate, (0, LONG), begin, t_eval=times, rtol=1e-9, atol=1e-12).y.T

    by_theta = np.exp(solved(natural, np.log(start)))
    by_map = solved(constrained, start)
    flat = np.exp(solved(euclidean, np.log(start)))
    paths = {"constrained": by_map, "Euclidean": flat}
    figure = reproduced.paths(paths, ("a₁, first entry of T", "a₂, second entry of T"), (SCALES[0], SCALES[1]))
    rows = [
        Row(f"{name}: length of the path in the space of maps over the distance", None, _length(path), 1.0)
        for name, path in paths.items()
    ]
    rows += [
        Row(f"{name}: E at time 1", None, _energy(path[32], s), 0.0, _energy(start, s)) for name, path in paths.items()
    ]
    apart = float(np.abs(by_theta - by_map).max())
    rows.append(Row("constrained flow in theta against that in the maps, largest difference", None, apart, 0.0))
    return Made(rows, figure, notes=["The paper's figure is a drawing; this is a family where both flows are known."])


def _length(path: np.ndarray) -> float:
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    return float(steps / np.linalg.norm(path[-1] - path[0]))


def _energy(a: np.ndarray, s: np.ndarray) -> float:
    return float(((a**2 / s**2 - 1) / 2 - np.log(a / s)).sum())
