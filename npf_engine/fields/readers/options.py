"""What a visitor says of a file where it does not say so itself, or wrongly."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.fields.spec import FieldSpec


@dataclass(frozen=True)
class RasterOptions:
    """height_unit: what z is in ("" as the file says); crs: EPSG:..., WKT, "none" ("" as the file says); missing: mask
    or keep values that look like marks for nothing known; band: from 1; encoding: of a PNG tile ("" as recognised);
    pixel_size: metres of the ground, of a raster without a place (0: not known)."""

    height_unit: str = ""
    crs: str = ""
    missing: str = "mask"
    band: int = 1
    encoding: str = ""
    pixel_size: float = 0.0

    @classmethod
    def of(cls, spec: FieldSpec) -> RasterOptions:
        """Those of a description."""
        return cls(spec.height_unit, spec.crs, spec.missing, spec.band, spec.encoding, spec.pixel_size)


AS_THE_FILE_SAYS = RasterOptions()
