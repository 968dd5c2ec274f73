"""Terrain: the slopes of real elevation, from the gallery and trained anew, and where a slope occurs.

    python examples/terrain.py

Takes about a minute on one core, without a network: the elevation of the Jacksboro fault comes with matplotlib.
"""

# %% A trained model of the gallery opens by its name
import numpy as np

import npf_engine as npf

model = npf.load("jacksboro")
print(f"{model.field_name}: {model.report['verdict']}, {model.info['n']:,} pixels, {' and '.join(model.units.axes)}")

# %% Where does the ground climb 3 metres a pixel to the east and fall 2 to the north? Draws, then exactly
slope = np.array([3.0, -2.0])
drawn = model.invert(slope, 500, seed=0)
exact = model.invert_exact(slope, 500, seed=0)
print(f"500 draws, {drawn.min(axis=0).round(3)} to {drawn.max(axis=0).round(3)}")
print(f"exact places: {len(exact.places)}, reached by {100 * float(exact.found.double().mean()):.0f} % of the draws")
for place, weight in list(zip(exact.places.numpy(), exact.weights.numpy(), strict=True))[:3]:
    print(f"  {place.round(4)}: {100 * weight:.0f} %")

# %% Train it anew, with a tenth of the preset's steps. Any place of `npf fields`, any city or raster goes as well
again = npf.factorize("jacksboro", budget="1500 steps", settings={"report.draws": 4})
for name in ("pushforward", "measure_preservation"):
    short, long = (m.report["metrics"][name]["ratio"] for m in (again, model))
    print(f"{name} over its floor: {short:.2f} after 1,500 steps, {long:.2f} in the gallery")
