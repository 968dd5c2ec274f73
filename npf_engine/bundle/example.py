"""Compute reference.npz again with this folder, torch, numpy and safetensors alone: PASS, or FAIL and exit code 1.

The file holds inputs (``x`` positions, ``y`` values of F there) and what the engine answered when it wrote the bundle.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from npf_model import PolarFactorization

HERE = Path(__file__).resolve().parent
# Largest difference allowed, as a share of the answer's spread: closed forms and networks agree to rounding;
# a conjugate stops at its tolerance.
TOLERANCE = {"potential": 1e-4, "grad_u": 1e-4, "M_network": 1e-4, "grad_u_conjugate": 1e-3, "M": 1e-3}
# A sampled path next to a fold of M may be rounded to the other side on other hardware: nearly all must agree.
PATH_TOLERANCE, PATH_SHARE = 1e-2, 0.95


def answers(model: PolarFactorization, x: np.ndarray, y: np.ndarray, n: int, seed: int) -> dict[str, np.ndarray]:
    """What the model says of positions x (k, d) and of the values y (k, d) of F there."""
    out = {
        "potential": model.potential(x),
        "grad_u": model.grad_u(x),
        "grad_u_conjugate": model.grad_u_conjugate(y),
        "M": model.M(x, field_values=y),
        "M_network": model.M_network(x),
    }
    out["preimages"] = model.preimages(out["M_network"][:4], n, seed)
    out["invert"] = model.invert(y[:4], n, seed)
    return {name: np.asarray(value) for name, value in out.items()}


def differences(reference: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """|reference - answer| per row, as a share of the reference's largest deviation from its mean, per column."""
    if reference.shape != answer.shape:
        return np.array([np.inf])
    d = reference.shape[-1] if reference.ndim > 1 else 1
    wanted, got = (a.astype(np.float64).reshape(-1, d) for a in (reference, answer))
    spread = np.abs(wanted - wanted.mean(axis=0)).max(axis=0)
    rows = (np.abs(wanted - got) / np.where(spread > 0, spread, 1.0)).max(axis=1)
    return np.where(np.isfinite(rows), rows, np.inf)


def main() -> int:
    """0 when every answer is the engine's."""
    from npf_model import PolarFactorization  # the file beside this one

    with np.load(HERE / "reference.npz", allow_pickle=False) as file:
        reference = {name: file[name] for name in file.files}
    x, y = reference.pop("x"), reference.pop("y")
    n, seed = int(reference.pop("n")), int(reference.pop("seed"))
    found = answers(PolarFactorization.load(HERE), x, y, n, seed)
    worst = ("", 0.0)
    for name, wanted in reference.items():
        rows = differences(wanted, found[name])
        largest, bound = float(rows.max()), TOLERANCE.get(name, PATH_TOLERANCE)
        good = largest <= bound
        if name not in TOLERANCE:
            good = float((rows <= bound).mean()) >= PATH_SHARE
        print(
            f"{name:18} largest difference {largest:.2e} of its spread, allowed {bound:.0e}: {'ok' if good else 'NO'}"
        )
        if not good and largest >= worst[1]:
            worst = (name, largest)
    if worst[0]:
        print(f"FAIL: {worst[0]} differs by {worst[1]:.3g} of its spread from what the engine computed")
        return 1
    print("PASS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
