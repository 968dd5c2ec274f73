"""Colour transfer of one megapixel, end to end (read, fit, apply, write, measure), by method.

    python -m benchmarks.bench_recolor [--json] [--methods cmgn,fit] [--pictures SOURCE PALETTE] [--seconds 20]

Without pictures, the pair made by code; given pictures are scaled to a million pixels. ratio: S_eps of the result's
colours to the palette's over that of two draws of the palette (1 is perfect); trivial: the ratio of the closed-form
Gaussian map. structure: correlation of luminance differences before and after.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, names_of, set_threads, show, tell
from npf_engine.fields.pictures import Picture, built_in, open_picture, resized, write_png
from npf_engine.studies.recolor.measure import colour_match
from npf_engine.studies.recolor.transfer import SECONDS, recolor, structure

PIXELS = 1_000_000
METHODS = ("fit", "cmgn", "mmgn", "entropic", "exact", "gaussian")


def megapixel(picture: Picture) -> Picture:
    """The picture scaled to a million pixels."""
    scale = (PIXELS / (picture.width * picture.height)) ** 0.5
    return resized(picture, round(picture.width * scale), round(picture.height * scale))


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--methods", type=names_of(METHODS), default=list(METHODS), help=", ".join(METHODS))
    parser.add_argument(
        "--pictures", nargs=2, metavar=("SOURCE", "PALETTE"), help="files in place of the built-in pair"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="seconds for the fit")
    options = parser.parse_args()
    set_threads(options.threads)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        if options.pictures:
            given = [megapixel(open_picture(path)) for path in options.pictures]
        else:
            given = [built_in(name, 1224, 817) for name in ("day", "sunset")]
        files = [write_png(picture, Path(folder) / f"{index}.png") for index, picture in enumerate(given)]
        for method in options.methods:
            tell(method)
            begin, cpu = time.perf_counter(), time.process_time()
            source, palette = (open_picture(file) for file in files)
            result = recolor(source, palette, method, budget_seconds=options.seconds)
            write_png(result.picture, Path(folder) / "out.png")
            match = colour_match(source, palette, result.picture)
            floor, trivial = match["self_distance"], match["trivial"]
            assert floor is not None and trivial is not None
            rows.append(
                {
                    "method": method,
                    "seconds": time.perf_counter() - begin,
                    "cpu seconds": time.process_time() - cpu,
                    "ratio": match["ratio"],
                    "s.e.": match["se"],
                    "trivial": trivial / floor,
                    "structure": structure(source, result.picture),
                    "parameters": result.parameters,
                }
            )
    slowest = max(row["seconds"] for row in rows)
    show("Colour transfer of one megapixel", rows, {"slowest seconds": slowest}, options.json)


if __name__ == "__main__":
    main()
