"""The rows of the lab's table, from its report."""

from __future__ import annotations

from typing import TypedDict

from npf_engine.settings import reading
from npf_engine.settings.reading import Record, maybe_number
from npf_engine.transport.methods.registry import references

LARGEST = 1e12  # a table shows no number beyond: such a map is nowhere


class Row(TypedDict):
    """A row of the results table. failed: share of the seeds; cost_ratio: transport cost over the exact one;
    min_eigenvalue: the least of the Jacobian. None where there is none."""

    method: str
    value: float | None
    std: float | None
    failed: float
    seconds: float
    parameters: int
    cost_ratio: float | None
    min_eigenvalue: float | None


def table(report: Record) -> list[Row]:
    """Rows for the results table, best first and references last."""
    exact = reading.number(report, "exact_cost")
    rows = [_row(name, row, exact) for name, row in results_of(report).items()]
    last = references()
    floor = maybe_number(report, "floor", 0.0)  # below it a value got there by chance: it is no better than one at it

    def order(row: Row) -> tuple[bool, bool, float]:
        return row["method"] in last, row["value"] is None, max(row["value"] or 0.0, floor)

    return sorted(rows, key=order)


def _row(name: str, row: Record, exact: float) -> Row:
    cost = maybe_number(row, "cost")
    return {
        "method": name,
        "value": _shown(maybe_number(row, "mean")),
        "std": _shown(maybe_number(row, "std")),
        "failed": reading.number(row, "failed_share"),
        "seconds": reading.number(row, "seconds"),
        "parameters": reading.whole(row, "parameters"),
        "cost_ratio": _shown(cost / exact) if cost is not None and exact > 0 else None,
        "min_eigenvalue": _shown(maybe_number(row, "min_eigenvalue")),
    }


def results_of(report: Record) -> dict[str, dict[str, object]]:
    """Method -> its row of the report."""
    return reading.named(report, "results", dict)


def _shown(value: float | None) -> float | None:
    """The value, None where it is beyond all sense."""
    return value if value is not None and abs(value) < LARGEST else None
