"""Colour transfer as a run: two pictures in, the recoloured one and how well its colours match out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from npf_engine.fields.pictures import Picture, open_picture, png_bytes, resized
from npf_engine.measures.measured import Measured
from npf_engine.measures.verdict import GOOD, Verdict, level_by
from npf_engine.numbers import number
from npf_engine.studies.recolor.measure import colour_match
from npf_engine.studies.recolor.result import RecolorResult
from npf_engine.studies.recolor.spec import RecolorSpec
from npf_engine.studies.recolor.transfer import method_of, recolor, structure
from npf_engine.tasks.files import write_atomic
from npf_engine.tasks.recorder import Recorder

PREVIEW = 240  # pixels on the longer side
LIMITS = (0.1, 0.5)  # (good, usable): of the way from the floor to the trivial answer
SAME = 2.0  # divergence over the floor's: nobody sees a difference
AFTER = "after.png"  # the answer
AT_ONCE = 3.0  # seconds, guessed, of what takes no budget


def run_recolor(spec: RecolorSpec, recorder: Recorder, folder: Path) -> RecolorResult:
    """Writes before.png, palette.png and after.png; answers size, match of colours, structure kept, and a verdict."""
    source, palette = open_picture(spec.source), open_picture(spec.palette)
    _write(folder, {"before.png": source, "palette.png": palette})
    recorder.plan({"recolor": spec.seconds if method_of(spec.method).learns else AT_ONCE, "measure": AT_ONCE})
    recorder.stage("recolor", "started")
    method = method_of(spec.method)
    result = recolor(
        source,
        palette,
        replace(method, settings=method.chosen(method.settings, spec)),
        strength=spec.strength,
        smooth=spec.smooth,
        budget_seconds=spec.seconds,
        seed=spec.seed,
        recorder=recorder,
    )
    recorder.check()
    _write(folder, {AFTER: result.picture})
    recorder.stage("recolor", "done", result.seconds)
    recorder.stage("measure", "started")
    match = colour_match(source, palette, result.picture, draws=spec.draws, seed=spec.seed)
    kept = structure(source, result.picture)
    recorder.stage("measure", "done")
    return RecolorResult(
        width=source.width,
        height=source.height,
        method=spec.method,
        pushforward=match,
        structure=kept if math.isfinite(kept) else None,
        parameters=result.parameters,
        note=result.note,
        seconds=result.seconds,
        verdict=judge(match) if spec.strength == 1 else None,  # less than all of the colours is no failure
    )


def judge(match: Mapping[str, float | None]) -> Verdict | None:
    """The verdict on the colours, between two draws of the palette (floor) and the closed-form Gaussian map (trivial).

    None where the palette has one colour: there is no floor then.
    """
    row = Measured.of_json(match)
    if row is None or row.trivial is None or row.ratio is None or not math.isfinite(row.ratio):
        return None
    gap = row.gap if row.gap is not None else 1.0
    level = level_by(gap, *LIMITS) if row.surely_above(SAME) else GOOD
    reason = f"the colours have ratio {number(row.ratio)} to two draws of the palette"
    if row.trivial > 0:
        reason += f", those of the closed-form Gaussian map {number(row.trivial / row.floor)}"
    return Verdict(level, reason)


def preview(picture: Picture, side: int = PREVIEW) -> Picture:
    """The picture with at most ``side`` pixels on its longer side."""
    scale = side / max(picture.width, picture.height)
    if scale >= 1:
        return picture
    return resized(picture, max(1, round(scale * picture.width)), max(1, round(scale * picture.height)))


def _write(folder: Path, pictures: dict[str, Picture]) -> None:
    for name, picture in pictures.items():
        write_atomic(folder / name, png_bytes(picture))
