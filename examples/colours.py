"""Colour transfer: one picture in the colours of another, by a Brenier map between their colours.

    python examples/colours.py [FOLDER]

Takes about half a minute on one core; the picture goes to FOLDER, or nowhere.
"""

# %% Two pictures made by code; open_picture takes a file's name as well
import sys
from pathlib import Path

from npf_engine.fields.pictures import open_picture, write_png
from npf_engine.studies.recolor.measure import colour_match
from npf_engine.studies.recolor.transfer import recolor

day, sunset = open_picture("day"), open_picture("sunset")

# %% The affine map of the colours' moments, and a convex potential's
for method in ("gaussian", "fit"):
    result = recolor(day, sunset, method, budget_seconds=10.0, seed=0)
    match = colour_match(day, sunset, result.picture, draws=2, seed=0)
    print(f"{method}: S_eps to the palette {match['value']:.3g}, floor {match['self_distance']:.3g}, "
          f"nothing done {match['trivial']:.3g}")  # fmt: skip

# %% Keep it
if len(sys.argv) > 1:
    print(write_png(result.picture, Path(sys.argv[1]) / "recoloured.png"))
