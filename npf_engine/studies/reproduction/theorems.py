"""What constrained drifting proves of its flow and remarks on others: Theorem 2.13, Remarks 3.9 and 3.10.

On a pair of Gaussians, where every flow is an equation for a matrix; the rate also of a network that drifts from four
modes to a normal. The paper prints no number there: the bounds are its formulas.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npf_engine.figures import reproduced
from npf_engine.numbers import number
from npf_engine.studies.lab import flow_rows
from npf_engine.studies.reproduction.making import Bench, Made
from npf_engine.studies.reproduction.result import Row
from npf_engine.studies.reproduction.workshop import Silent

MOMENTS = (0.5, 1.0, 2.0, 4.0)  # at which the rate is told
LONG = np.linspace(0.0, 40.0, 401)  # until both flows are at their ends
SHOWN = 100  # of those in the pictures: what differs does so early
OUTER, INNER = 20, 100  # steps of the network's flow, and of the optimiser in each
PAIR = "Two Gaussians whose covariances do not commute, the second 0.5-log-concave: λ = 0.5."
SLOW = (
    "Gaussians: the second is 0.5-log-concave, λ = 0.5, and the first lies from it along its widest axis, where the "
    "theorem is nearly an equation: a larger λ would not hold."
)
KL, DISTANCE, BOUND = "KL(T♯μ | ν)", "|T - T*| in L²(μ)", "the theorem's bound"


def _column(rows: Sequence[flow_rows.Row], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows])


def _curves(rows: Sequence[flow_rows.Row], **named: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Title -> times and a column."""
    return {title: (_column(rows, "t"), _column(rows, name)) for name, title in named.items()}


def convergence(bench: Bench) -> Made:
    """Theorem 2.13: the divergence and the distance to the optimal map, beside what they are at most."""
    rows = flow_rows.convergence_rate()
    trained = flow_rows.trained_rate(bench.spec.seed, OUTER, INNER, Silent(bench.recorder, "network"))
    told = []
    for t in MOMENTS:
        row = min(rows, key=lambda row: abs(row["t"] - t))
        told.append(_bounded(f"Gaussians: {KL} at t = {t:g}", row["kl"], row["bound"], rows[0]["kl"]))
        distance = f"Gaussians: {DISTANCE} at t = {t:g}"
        told.append(_bounded(distance, row["distance"], row["distance_bound"], rows[0]["distance"]))
    shares = [max(row["kl"] / row["bound"], row["distance"] / row["distance_bound"]) for row in rows[1:]]
    told.append(Row("Gaussians: largest share of a bound that is reached, t > 0", None, max(shares), note="at most 1"))
    told.append(Row("Gaussians: late rate of KL over 2λ", None, _late_rate(rows), note="at least 1"))
    told += [
        _bounded(f"Network: {KL} at t = {row['t']:g}", row["kl"], row["bound"], trained.rows[0]["kl"])
        for row in trained.rows
        if any(abs(row["t"] - t) < 1e-9 for t in MOMENTS)
    ]
    panels = {
        f"Gaussians: {KL}": _curves(rows, kl="constrained flow", bound=BOUND),
        f"Gaussians: {DISTANCE}": _curves(rows, distance="constrained flow", distance_bound=BOUND),
        f"Network: {KL}": _curves(trained.rows, kl="constrained flow", bound=BOUND),
    }
    note = (
        "Network: the explicit scheme at τ = 0.1 from four modes to a normal (λ = 1), t = τ times the step, the bound "
        "from the identity's KL on. The theorem is of the flow itself: a network begins at a map of its own, has steps "
        f"of finite length and only the maps of its size. {beside(trained.rows)}"
    )
    notes = [SLOW, note, "The paper prints no number there: the bound is its formula."]
    return Made(told, reproduced.decays(panels, "t"), notes=notes, fingerprints=[trained.fingerprint])


def _bounded(what: str, ours: float, bound: float, identity: float) -> Row:
    return Row(what, None, ours, 0.0, identity, f"the theorem's bound: {number(bound)}; trivial: the identity")


def _late_rate(rows: Sequence[flow_rows.Row]) -> float:
    """Rate of the fall of KL over the last half of the times, in that of the bound."""
    middle, last = rows[len(rows) // 2], rows[-1]
    return float(np.log(middle["kl"] / last["kl"]) / np.log(middle["bound"] / last["bound"]))


def beside(rows: Sequence[flow_rows.Row]) -> str:
    """At which steps a flow is below its bound, and where it ends."""
    below = [row["t"] for row in rows[1:] if row["kl"] <= row["bound"]]
    steps, last = len(rows) - 1, rows[-1]
    end = f"at t = {last['t']:g} it has KL {number(last['kl'])}, and the bound is {number(last['bound'])}."
    if not below:
        return f"It is above the bound at every step: {end}"
    if len(below) == steps:
        return f"It is below the bound at every step: {end}"
    span = f"the first at t = {below[0]:.2g}, the last at t = {below[-1]:.2g}"
    return f"It is below the bound at {len(below)} of {steps} steps, {span}: {end}"


def wasserstein(bench: Bench) -> Made:
    """Remark 3.9."""
    rows = flow_rows.wasserstein_natural_gradient(times=LONG)
    first, last = rows[0], rows[-1]
    early = next(row for row in rows if row["t"] >= 1.0)
    told = [
        Row("largest distance of the two maps at one t, in L²(μ)", None, max(row["apart"] for row in rows), 0.0),
        Row(f"constrained: {KL} at t = 1", None, early["kl"], 0.0, first["kl"]),
        Row(f"Wasserstein: {KL} at t = 1", None, early["kl_wasserstein"], 0.0, first["kl"]),
        Row(f"constrained: {DISTANCE} at t = 40", None, last["distance"], 0.0, first["distance"]),
        Row(f"Wasserstein: {DISTANCE} at t = 40", None, last["distance_wasserstein"], 0.0, first["distance"]),
    ]
    shown = rows[: SHOWN + 1]
    panels = {
        KL: _curves(shown, kl="constrained", kl_wasserstein="Wasserstein natural gradient"),
        DISTANCE: _curves(shown, distance="constrained", distance_wasserstein="Wasserstein natural gradient"),
        "between the two maps, in L²(μ)": _curves(shown[1:], apart="apart"),
    }
    note = "The remark says that the two flows differ; both stay among gradients of convex functions and end at T*."
    return Made(told, reproduced.decays(panels, "t"), notes=[PAIR, note])


def unconstrained(bench: Bench) -> Made:
    """Remark 3.10."""
    rows = flow_rows.unconstrained_drift(times=LONG)
    first, last = rows[0], rows[-1]
    told = [
        Row(f"constrained: {KL} at t = 40", None, last["kl"], 0.0, first["kl"]),
        Row(f"unconstrained: {KL} at t = 40", None, last["kl_free"], 0.0, first["kl"]),
        Row(f"constrained: {DISTANCE} at t = 40", None, last["distance"], 0.0, first["distance"]),
        Row(f"unconstrained: {DISTANCE} at t = 40", None, last["distance_free"], 0.0, first["distance"]),
        Row("unconstrained: share of the map's matrix that is not symmetric at t = 40, %", None, 100 * last["turn"], 0),
    ]
    shown = rows[: SHOWN + 1]
    panels = {
        KL: _curves(shown, kl="constrained", kl_free="unconstrained"),
        DISTANCE: _curves(shown, distance="constrained", distance_free="unconstrained"),
    }
    note = "Without convexity the law arrives as well, by a map that is no gradient: it is not the optimal one."
    return Made(told, reproduced.decays(panels, "t"), notes=[PAIR, note])
