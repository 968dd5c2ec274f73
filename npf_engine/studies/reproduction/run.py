"""Make a table or figure: ``reproduce``."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from npf_engine.studies.kind import named
from npf_engine.studies.reproduction.making import Bench, Made
from npf_engine.studies.reproduction.result import ReproductionResult, Row
from npf_engine.studies.reproduction.spec import ReproductionSpec
from npf_engine.studies.reproduction.workshop import Part
from npf_engine.tasks.files import write_atomic
from npf_engine.tasks.recorder import Recorder

PICTURE, ROWS = "picture.json", "rows.csv"


def reproduce(spec: ReproductionSpec, recorder: Recorder, folder: Path) -> ReproductionResult:
    """Do what the item stands on, measure, and write rows.csv and, where there is one, picture.json into ``folder``.

    One that was broken goes on. Raises InputError where its data are not at hand, Cancelled when the recorder says so.
    """
    began = recorder.clock()
    make: Callable[[Bench], Made] = named(spec.about.make)  # type: ignore[assignment]  # a function by its name
    made = make(Bench(spec, recorder, folder))
    own = max(0.0, recorder.clock() - began - sum(part.spent for part in made.parts))
    if not made.parts:
        own += recorder.earlier  # all that it did before it was broken is its own
    if made.figure is not None:
        write_atomic(folder / PICTURE, made.figure.to_json().encode())
    write_atomic(folder / ROWS, _csv(made.rows))
    return ReproductionResult(
        paper=spec.paper,
        item=spec.item,
        title=spec.about.title,
        preset=spec.preset,
        seed=spec.seed,
        rows=made.rows,
        seconds=own + sum(part.seconds for part in made.parts),
        fingerprint=_fingerprint(made),
        picture=None if made.figure is None else PICTURE,
        notes=[*made.notes, *_verdicts(made.parts)],
    )


def _verdicts(parts: Sequence[Part]) -> list[str]:
    """What each run that the item stands on was judged to be."""
    return [
        f"The verdict on the run {part.name}: {part.report['verdict']} ({part.report.get('verdict_reason')})."
        for part in parts
        if part.report.get("verdict")
    ]


def _fingerprint(made: Made) -> str | None:
    """Of the weights of all parts, and of what was trained beside them; of one alone, its own."""
    found = [*(part.fingerprint for part in made.parts if part.fingerprint), *made.fingerprints]
    if len(found) < 2:
        return found[0] if found else None
    return hashlib.sha256(" ".join(found).encode()).hexdigest()


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow(("what", "paper", "ours", "floor", "trivial", "note"))
    for row in rows:
        numbers = (row.paper, row.ours, row.floor, row.trivial)
        out.writerow((row.what, *("" if v is None else repr(v) for v in numbers), row.note))
    return text.getvalue().encode()
