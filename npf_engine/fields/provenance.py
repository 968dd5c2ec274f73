"""What was done to a raster on its way to a field: for the record, and as sentences for the user."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from npf_engine.fields.raster import Coordinates, SourceGrid
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.surface import Surface
from npf_engine.numbers import percent

FLAT_SHARE_TOLD = 0.005


def provenance_of(
    source: SourceGrid,
    surface: Surface,
    mask: np.ndarray,
    bounds: tuple[float, float, float, float],
    coordinates: Coordinates,
    spec: FieldSpec,
    pixel: tuple[np.ndarray | None, np.ndarray | None],
) -> dict[str, Any]:
    """The record of a terrain field, JSON-serialisable; ``flat_share`` is the share of level pixels in Omega's box."""
    rows, cols = surface.raw.shape
    size = None if pixel[0] is None or pixel[1] is None else [float(pixel[0].mean()), float(pixel[1].mean())]
    inside = mask if spec.rho != "land" else np.ones_like(mask)
    return {
        "bounds": [float(b) for b in bounds],
        "coordinates": coordinates,
        "source_grid": list(source.shape),
        "grid": [rows, cols],
        "resampled": [rows, cols] != list(source.shape),
        "pixel_metres": size,
        "sigma_pixels": float(spec.sigma),
        "dequantised": surface.dequantised,
        "voids": source.voids,
        "voids_share": source.voids / math.prod(source.shape),
        "voids_handling": spec.voids,
        "flat_share": float(surface.plateau[inside].mean()),
        "elevation_range": [float(surface.raw.min()), float(surface.raw.max())],
        "rho": spec.rho,
        "pixels_in_omega": int(mask.sum()),
        "spec": dataclasses.asdict(spec),
    }


def warnings_of(told: dict[str, Any], spec: FieldSpec) -> list[str]:
    """Sentences for the user about what was done to the raster."""
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
            out.append(f"{share} and were left out of Omega (rho = land).")
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
