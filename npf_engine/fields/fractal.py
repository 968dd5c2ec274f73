"""A fractal terrain with a seed: spectral synthesis of fractional Brownian relief.

White noise is shaped in Fourier space by |k|^-(H + 1), the spectrum of a surface with Hurst exponent H
(Saupe, "Algorithms for random fractals", in The Science of Fractal Images, 1988, section 2.5).
"""

from __future__ import annotations

import numpy as np

from npf_engine.fields.raster import Raster

SIDE = 512  # pixels
HURST = 0.9


def fractal_raster(seed: int, side: int = SIDE, *, relief: float = 2000.0, side_km: float = 15.36) -> Raster:
    """A square of ``side`` x ``side`` pixels and of ``side_km`` kilometres, 0 to ``relief`` metres high; the same seed
    gives the same terrain.

    The surface is synthesised on a torus of twice the side and cut, so that opposite edges do not match.
    """
    size = 2 * side
    rng = np.random.default_rng(seed)
    k_row, k_col = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    k = np.hypot(k_row, k_col)
    k[0, 0] = np.inf  # no mean
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * k ** -(HURST + 1.0)
    z = np.fft.irfft2(spectrum, s=(size, size))[:side, :side]
    z = relief * (z - z.min()) / (z.max() - z.min())
    edge = 1000.0 * side_km
    return Raster(z.astype(np.float32), (0.0, 0.0, edge, edge), "metres")
