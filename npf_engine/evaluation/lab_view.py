"""What pages ask of a lab run: where each value lies between its floor and the trivial answer, and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from npf_engine.evaluation.measured import Measured
from npf_engine.evaluation.verdict import UNTRUSTED, Verdict, level_by, rank
from npf_engine.filing import arrays as read_arrays
from npf_engine.recorder import Recorder
from npf_engine.transport.lab.names import REFERENCES, title
from npf_engine.transport.lab.run import LabSpec, run_lab

LIMITS = (0.1, 0.5)  # (good, usable): of the way from the floor to the trivial answer
FAILED = (0.15, 0.5)  # (good, usable): share of the runs that may fail


def run_judged(spec: LabSpec, recorder: Recorder, folder: Path) -> dict[str, Any]:
    """``run_lab`` with "gap" and "verdict" in every method's row, "verdict" and "verdict_reason" of the best method,
    and for the digits how many of each method's a classifier recognises."""
    report = run_lab(spec, recorder, folder)
    if spec.task == "digits":
        report["digits"] = _recognised(folder)
    return judged(report)


def judged(report: dict[str, Any]) -> dict[str, Any]:
    """The report of ``run_lab`` with every row judged, and the verdict on the best method.

    References are there to be compared with: the verdict is on the best of them only where nothing else ran.
    """
    rows = {name: row | judge(row, report) for name, row in report["results"].items()}
    out = report | {"results": rows}
    references = {name: row for name, row in rows.items() if name in REFERENCES}
    learned = {name: row for name, row in rows.items() if name not in REFERENCES}
    asked = learned or references
    best, beside = _best(asked), _best(references)
    if best is None:
        failed = bool(asked) and all(row["mean"] is None for row in asked.values())
        return out | (Verdict(UNTRUSTED, "no method gave a finite map").to_json() if failed else {})
    kind = "method" if learned else "reference"
    far = rows[best]["gap"] >= 1
    way = "no better than" if far else f"{_percent(rows[best])} of the way from the floor to"
    reason = f"the best {kind}, {title(best)}, is {way} only moving the mean"
    if rows[best]["failed_share"]:
        reason += f", and {100 * rows[best]['failed_share']:.0f} % of its runs failed"
    if learned and beside is not None and rows[beside]["gap"] < 1:
        reason += f"; the best reference, {title(beside)}, is at {_percent(rows[beside])}"
    return out | Verdict(rows[best]["verdict"], reason).to_json()


def _best(rows: dict[str, Any]) -> str | None:
    """The method with the best verdict and the least gap, None where none can be judged."""
    told = {name: row for name, row in rows.items() if row["gap"] is not None}
    return min(told, key=lambda name: (rank(told[name]["verdict"]), told[name]["gap"]), default=None)


def _percent(row: dict[str, Any]) -> str:
    return f"{100 * max(0.0, row['gap']):.1f} %"


def judge(row: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """gap: (value - floor) / (trivial - floor), 0 for an answer as good as the target itself, 1 for only moving the
    mean, None where those two are equal; verdict: by gap and by the share of runs that failed."""
    if row["mean"] is None:
        return {"gap": None, "verdict": UNTRUSTED}
    gap = Measured(row["mean"], report["floor"] or 0.0, report["trivial"]).gap
    if gap is None:
        return {"gap": None, "verdict": None}
    levels = level_by(gap, *LIMITS), level_by(row["failed_share"], *FAILED)
    return {"gap": gap, "verdict": max(levels, key=rank)}


def _recognised(folder: Path) -> dict[str, dict[str, float]]:
    """Who -> share recognised and entropy of the classes: each method's codes, real digits, the Gaussian map."""
    from npf_engine.evaluation.digits import DigitJudge
    from npf_engine.fields.digits import load_digit_images
    from npf_engine.transport.digits import CodeSpace

    images = load_digit_images()
    judging = DigitJudge(CodeSpace.of(images.pixels).encode(images.pixels), images.labels)
    arrays = read_arrays(folder / "lab.npz")
    noise = torch.from_numpy(arrays["source"])
    clouds = {"real digits": judging.held[: len(noise)], "gaussian (trivial)": judging.gaussian(noise)}
    clouds |= {
        name.removeprefix("pushforward_"): torch.from_numpy(codes)
        for name, codes in arrays.items()
        if name.startswith("pushforward_")
    }
    found = {name: judging.recognise(codes) for name, codes in clouds.items()}
    return {name: {"recognised": item.recognised, "entropy": item.entropy} for name, item in found.items()}
