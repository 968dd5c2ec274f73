"""A plain verdict on an accuracy table: good, usable, or not trustworthy, and why."""

from __future__ import annotations

import math
from typing import Any

NAMES = {
    "pushforward": "grad u#rho against F#rho",
    "measure_preservation": "M_xi#rho against rho",
    "inverse": "I_psi against the true pre-images",
}
# (good, usable): ratio minus one standard error at most this
LIMITS = {"pushforward": (1.25, 2.0), "measure_preservation": (1.6, 3.0), "inverse": (1.5, 2.5)}
SMALLEST_TEST = 200
SOLVED, HARDLY = 0.95, 0.5  # of the conjugates grad u*(F(x)), from which M, I and V are learned: (good, usable)


def judge(metrics: dict[str, Any], held_out: int, converged: float = 1.0) -> tuple[str, str]:
    """(level, sentence). A value no better than the trivial answer is a failure, whatever its ratio; so is one that is
    not finite. converged: the share of conjugates that were solved."""
    if held_out < SMALLEST_TEST:
        return (
            "not trustworthy",
            f"only {held_out} test samples: too few to check anything (at least {SMALLEST_TEST} are needed)",
        )
    for name, label in NAMES.items():
        row = metrics.get(name)
        if row and not math.isfinite(row["value"]):
            return "not trustworthy", f"{label} is not finite: the training diverged; train again with a lower rate"
        # Within its own floor nothing is left to learn: then the trivial answer is right too.
        if row and row["value"] >= row["trivial"] and row["value"] > 1.5 * row["self_distance"]:
            return (
                "not trustworthy",
                f"{label} is no better than the trivial answer ({row['value']:.3g} against {row['trivial']:.3g})",
            )
    unsolved = f"only {100 * converged:.0f} % of the conjugates grad u*(F(x)) were solved; train u for longer"
    if not converged >= HARDLY:
        return "not trustworthy", unsolved
    level, reason = "good", "every figure is within the noise of its floor and far from its trivial answer"
    for name, (good, usable) in LIMITS.items():
        row = metrics.get(name)
        if not row or row["ratio"] is None:
            continue
        low = row["ratio"] - (row["se"] or 0.0)
        if low > usable:
            return "not trustworthy", f"{NAMES[name]}: {row['ratio']:.2f} times its floor, beyond {usable:g}"
        if low > good and level == "good":
            level, reason = "usable", f"{NAMES[name]}: {row['ratio']:.2f} times its floor, above {good:g}"
    if level == "good" and converged < SOLVED:
        return "usable", unsolved
    cosine = metrics.get("inverse_cosine")
    if level == "good" and cosine and cosine["mean"] < cosine["trivial"] + 0.1:
        return (
            "usable",
            f"F at drawn pre-images has mean cosine {cosine['mean']:.2f}, "
            f"barely above a constant direction ({cosine['trivial']:.2f})",
        )
    return level, reason
