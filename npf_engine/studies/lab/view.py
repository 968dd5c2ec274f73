"""What pages ask of a lab run: where each value lies between its floor and the trivial answer, and the verdict."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from npf_engine import seeds
from npf_engine.measures.measured import Measured
from npf_engine.measures.verdict import GOOD, UNTRUSTED, USABLE, Verdict, level_by, rank
from npf_engine.numbers import number
from npf_engine.studies.lab.result import Judgement, LabResult, MethodResult, Recognised
from npf_engine.studies.lab.run import FLOORS, MAX_FLOORS, run_lab
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.lab.tasks import PIXELS
from npf_engine.tasks.files import arrays as read_arrays
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.methods.registry import references, title

LIMITS = (0.1, 0.5)  # (good, usable): of the way from the floor to the trivial answer
PLAIN = 2.0  # standard errors by which two gaps differ plainly
FAILED = (0.15, 0.5)  # (good, usable): share of the runs that may fail


def run_judged(spec: LabSpec, recorder: Recorder, folder: Path) -> LabResult:
    """``run_lab`` with every method's row judged, the verdict on the best method, and for the digits how many of each
    method's a classifier recognises."""
    began = recorder.clock() - recorder.earlier
    report = run_lab(spec, recorder, folder)
    if spec.task in ("digits", PIXELS):
        report = replace(report, digits=_recognised(folder))
    return replace(judged(report), seconds={"total": recorder.clock() - began})


def judged(report: LabResult) -> LabResult:
    """The result of ``run_lab`` with every row judged, and the verdict on the best method.

    References are there to be compared with: the verdict is on the best of them only where nothing else ran.
    """
    rows = {name: replace(row, judgement=judge(row, report)) for name, row in report.results.items()}
    report = replace(report, results=rows, verdict=None)
    known = references()
    compared = {name: row for name, row in rows.items() if name in known}
    learned = {name: row for name, row in rows.items() if name not in known}
    asked = learned or compared
    best, beside = _best(asked), _best(compared)
    if not best:
        failed = bool(asked) and all(row.mean is None for row in asked.values())
        return replace(report, verdict=Verdict(UNTRUSTED, "no method gave a finite map")) if failed else report
    first = _known(rows[best[0]])
    return replace(report, verdict=Verdict(first.level, _reason(rows, best, beside, bool(learned))))


@dataclass(frozen=True)
class _Placed:
    """A judgement that could be given."""

    gap: float
    gap_se: float
    level: str


def _known(row: MethodResult) -> _Placed:
    """The judgement of a row that ``_best`` named."""
    assert row.gap is not None and row.level is not None
    return _Placed(row.gap, row.gap_se or 0.0, row.level)


def _reason(rows: Mapping[str, MethodResult], best: list[str], beside: list[str], learned: bool) -> str:
    row = rows[best[0]]
    first = _known(row)
    kind = "method" if learned else "reference"
    way = (
        "no better than" if first.gap >= 1 else f"{_percent(first)} of the way from the floor to"
    )  # the floor, or below it by chance, is 0 %
    reason = f"the best {kind}, {title(best[0])}, is {way} only moving the mean"
    if len(best) > 1:
        reason += f"; {', '.join(map(title, best[1:]))} cannot be told from it"
    if row.failed_share:
        reason += f", and {100 * row.failed_share:.0f} % of its runs failed"
    if learned and beside and _known(rows[beside[0]]).gap < 1:
        reason += f"; the best reference, {title(beside[0])}, is at {_percent(_known(rows[beside[0]]))}"
    if len(row.values) == 1:
        reason += "; of one seed only: how much of this is chance shows with more"
    return reason


def _best(rows: Mapping[str, MethodResult]) -> list[str]:
    """The method with the best verdict and the least gap, then those that chance does not tell from it; empty where
    none can be judged. Nothing is better than the floor: below it a value got there by chance."""
    told = {name: _known(row) for name, row in rows.items() if row.gap is not None}
    order = sorted(told, key=lambda name: (rank(told[name].level), told[name].gap))
    if not order:
        return []
    first = told[order[0]]

    def near(row: _Placed) -> bool:
        apart = max(0.0, row.gap) - max(0.0, first.gap)
        return apart <= PLAIN * math.hypot(row.gap_se, first.gap_se)

    same = [name for name in order[1:] if told[name].level == first.level and near(told[name])]
    return [order[0], *same]


def _percent(row: _Placed) -> str:
    text = number(100 * max(0.0, row.gap), 2)
    return f"{text} ± {number(100 * row.gap_se, 2)} %" if row.gap_se else f"{text} %"


def judge(row: MethodResult, report: LabResult) -> Judgement:
    """gap: (value - floor) / (trivial - floor), 0 for an answer as good as the target itself, 1 for only moving the
    mean, None where those two are equal; gap_se: its standard error over the seeds and the draws of the floor (of one
    seed: as if the value varied like the floor); level: by gap and by the share of runs that failed, not trustworthy
    only beyond chance."""
    if row.mean is None:
        return Judgement(None, None, UNTRUSTED)
    measured = Measured(row.mean, report.floor or 0.0, report.trivial)
    gap = measured.gap
    if gap is None:
        return Judgement(None, None, None)
    gap_se = _spread(row, report) / (report.trivial - measured.floor)
    reached = GOOD if gap <= LIMITS[0] else USABLE if gap - PLAIN * gap_se <= LIMITS[1] else UNTRUSTED
    return Judgement(gap, gap_se, max(reached, level_by(row.failed_share, *FAILED), key=rank))


def _spread(row: MethodResult, report: LabResult) -> float:
    """Standard error of a method's mean value less the floor."""
    values = [value for value in row.values if value is not None]
    single = report.floor_std or 0.0
    own = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else single
    return math.hypot(own, single / math.sqrt(min(max(len(values), FLOORS), MAX_FLOORS)))


def _recognised(folder: Path) -> dict[str, Recognised]:
    """Who -> share recognised and entropy of the classes: each method's digits by their codes, real ones, the Gaussian
    map of the codes."""
    from npf_engine.fields.digits import load_digit_images
    from npf_engine.studies.lab.digit_codes import CodeSpace
    from npf_engine.studies.lab.digit_judge import DigitJudge

    images = load_digit_images()
    space = CodeSpace.of(images.pixels)
    judging = DigitJudge(space.encode(images.pixels), images.labels)
    arrays = {name: torch.from_numpy(cloud) for name, cloud in read_arrays(folder / "lab.npz").items()}
    noise = torch.randn(len(arrays["source"]), len(space.axes), generator=seeds.generator(0, "digits.noise"))
    if arrays["source"].shape[1] == len(space.axes):
        noise = arrays["source"]
    clouds = {"real digits": judging.held[: len(noise)], "gaussian (trivial)": judging.gaussian(noise)}
    clouds |= {
        name.removeprefix("pushforward_"): space.codes(points)
        for name, points in arrays.items()
        if name.startswith("pushforward_")
    }
    found = {name: judging.recognise(codes) for name, codes in clouds.items()}
    return {name: Recognised(item.recognised, item.entropy) for name, item in found.items()}
