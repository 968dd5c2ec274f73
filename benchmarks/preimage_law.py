"""python -m benchmarks.preimage_law BUNDLE: do the draws of I_psi have the law of M's inverse, and take F its value?

For a raster's F the law is known: the places where F is v, each weighted by rho over |det DF|. Compared are the masses
of the cells of a 4 x 4 division of the region (total variation, mean over values v), and the miss |F(x) - v| over the
spread of F; for the paths of the bridge alone, guided by M_xi, and with those that miss drawn anew. Each stands between
a draw from the law itself and one from rho.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from npf_engine.bundle.package import load_bundle
from npf_engine.fields.lattice import Lattice
from npf_engine.polar.factorization import PolarFactorization

CELLS = 4
STEEPEST = 0.99  # quantile of the weights, beyond which a fold's edge would outweigh all else


def law_at(lattice: Lattice, value: Tensor) -> tuple[Tensor, Tensor]:
    """Places (k, 2) where F is ``value`` and their weights (k,)."""
    places = lattice.places(value)
    weight = 1 / torch.linalg.det(lattice.value_and_jacobian(places)[1]).abs().clamp(min=1e-9)
    weight = weight.clamp(max=float(weight.quantile(STEEPEST)))
    return places, weight / weight.sum()


def masses(lattice: Lattice, x: Tensor, weight: Tensor) -> Tensor:
    """Mass of each cell, (CELLS^2,)."""
    cell = ((x.double() + lattice.half) / (2 * lattice.half) * CELLS).long().clamp(0, CELLS - 1)
    return torch.zeros(CELLS**2, dtype=torch.float64).index_add_(0, cell[:, 0] * CELLS + cell[:, 1], weight.double())


def table(model: PolarFactorization, values: int, draws: int, seed: int) -> list[tuple[str, float, float]]:
    """(name, total variation, miss) of each way to draw."""
    lattice, samples = model.lattice, model.samples
    if lattice is None:
        raise SystemExit("F of this bundle is not known on a grid: choose one of a terrain")
    generator = torch.Generator().manual_seed(seed)
    pick = torch.randperm(len(samples["x_test"]), generator=generator)[:values]
    v = samples["y_test"][pick].double()
    laws = [law_at(lattice, value) for value in v]
    y = model._project(samples["m_test"][pick].to(model.u.like)).repeat_interleave(draws, dim=0)
    spread = float((samples["y_train"] - samples["y_train"].mean(0)).norm(dim=1).mean())
    even = torch.full((draws,), 1 / draws, dtype=torch.float64)

    def row(name: str, draw: Callable[[], Tensor]) -> tuple[str, float, float]:
        x = draw().double().cpu()
        gaps = [
            0.5 * (masses(lattice, *law) - masses(lattice, part, even)).abs().sum()
            for law, part in zip(laws, x.split(draws), strict=True)
        ]
        miss = (lattice.value(x) - v.repeat_interleave(draws, dim=0)).norm(dim=1).mean()
        return name, float(torch.stack(gaps).mean()), float(miss) / spread

    def of_law() -> Tensor:
        chosen = [law[0][torch.multinomial(law[1], draws, replacement=True, generator=generator)] for law in laws]
        return torch.cat(chosen)

    def of_rho() -> Tensor:
        n = len(samples["x_train"])
        return samples["x_train"][torch.randint(n, (values * draws,), generator=generator)]

    def of(guide_steps: int, redraws: int) -> Callable[[], Tensor]:
        return lambda: dataclasses.replace(model, guide_steps=guide_steps, redraws=redraws).sample_inverse(y, seed)

    ways = {"the law itself (floor)": of_law, "the bridge alone": of(0, 0), "guided by M_xi": of(12, 0)}
    ways |= {f"{k} redraw{'s' * (k > 1)}": of(12, k) for k in (1, 2, 3)} | {"rho (trivial)": of_rho}
    return [row(name, draw) for name, draw in ways.items()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("--values", type=int, default=40)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{'':24}{'total variation':>16}{'miss':>8}")
    for name, gap, miss in table(load_bundle(options.bundle), options.values, options.draws, options.seed):
        print(f"{name:24}{gap:16.3f}{miss:8.3f}")


if __name__ == "__main__":
    main()
