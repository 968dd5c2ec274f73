"""What was done to a raster on its way to a field: for the record, and as sentences for the user."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from npf_engine.fields.ground import Ground
from npf_engine.fields.raster import Raster, SourceGrid, crs_title
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.surface import Surface
from npf_engine.numbers import percent
from npf_engine.tasks.files import Json

FLAT_SHARE_TOLD = 0.005


def provenance_of(
    raster: Raster,
    surface: Surface,
    mask: np.ndarray,
    spec: FieldSpec,
    pixel: tuple[np.ndarray, np.ndarray] | None,
) -> dict[str, Json]:
    """The record of a terrain field, JSON-serialisable; ``flat_share`` is the share of level pixels in Omega's box."""
    rows, cols = surface.raw.shape
    source = raster.source or SourceGrid((rows, cols), 0)
    size = None if pixel is None else [float(np.nanmean(pixel[0])), float(np.nanmean(pixel[1]))]
    inside = mask if spec.rho != "land" else np.ones_like(mask)
    unit = raster.unit.metres or 1.0
    return {
        "bounds": [float(b) for b in raster.bounds],
        "coordinates": raster.coordinates,
        "crs": crs_title(raster.crs),
        "earth": raster.earth,
        "height_unit": raster.unit.name,
        "offset": raster.offset * unit,
        "source_grid": list(source.shape),
        "grid": [rows, cols],
        "resampled": raster.source is not None and math.prod(source.shape) > spec.max_samples,
        "pixel_metres": size,
        "sigma_pixels": float(spec.sigma),
        "dequantised": surface.dequantised,
        "voids": source.voids,
        "voids_share": source.voids / math.prod(source.shape),
        "voids_handling": spec.voids,
        "flat_share": float(surface.plateau[inside].mean()),
        "elevation_range": [(float(edge(surface.raw)) + raster.offset) * unit for edge in (np.min, np.max)],
        "rho": spec.rho,
        "pixels_in_omega": int(mask.sum()),
        "spec": dataclasses.asdict(spec),
    }


def conversions_of(raster: Raster, surface: Surface, spec: FieldSpec, ground: Ground | None) -> list[str]:
    """What was done to the numbers on their way to F, each once."""
    out = list(raster.conversions)
    if ground is not None and spec.slope == "per-metre":
        if ground.told:
            out.append(ground.told)
        elif ground.axes is not None:
            major, minor = ground.axes
            out.append(
                f"Slopes per metre by the pixel's size on the ellipsoid with half axes {major:,.0f} and {minor:,.0f} m."
            )
    if surface.dequantised:
        out.append(
            f"Heights are whole {raster.unit.name}: uniform noise of one of them was added before smoothing "
            "(dequantisation)."
        )
    return out


def warnings_of(told: Mapping[str, Json], spec: FieldSpec, on_land: bool = False) -> list[str]:
    """Sentences for the user about what was done to the raster; on_land: whether the land was taken as rho by
    itself."""
    rows, cols = told["grid"]
    out = []
    if told["resampled"]:
        was_rows, was_cols = told["source_grid"]
        metres = "" if told["pixel_metres"] is None else f" (about {spec.sigma * np.mean(told['pixel_metres']):,.0f} m)"
        out.append(
            f"The raster of {was_rows} x {was_cols} pixels was resampled to {rows} x {cols}, since at most "
            f"{spec.max_samples:,} samples are used; sigma = {spec.sigma:g} counts pixels of this coarser grid{metres}."
        )
    if told["voids"]:
        done = "filled from their surroundings" if spec.voids == "fill" else "left out of Omega"
        out.append(f"{told['voids']:,} void pixels ({percent(told['voids_share'], 2)}) were {done}.")
    if told["flat_share"] >= FLAT_SHARE_TOLD:
        share = f"{percent(told['flat_share'])} of the pixels are level (sea or lakes)"
        if spec.rho == "land":
            why = "rho = land" + (", taken since they are so many; water = keep keeps them" if on_land else "")
            out.append(f"{share} and were left out of Omega ({why}).")
        else:
            out.append(
                f"{share}: F pushes all of them onto nearly one point, where M is not determined; "
                "choose rho = land to leave them out."
            )
    if spec.sigma > min(rows, cols) / 4:
        out.append(
            f"sigma = {spec.sigma:g} pixels is large for a grid of {rows} x {cols}: it smooths most of the relief away."
        )
    return out
