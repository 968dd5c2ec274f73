"""NPF appendix G: the settings of the four experiments, the paper's beside those of ``solver=published``.

The captions of Figures 17 to 20 as they stand there; a rate that a caption calls constant ends where it begins. What
is a word there (an activation, a solver) is compared in ``tests/studies/test_published.py``, which reads this list.
"""

from __future__ import annotations

from collections.abc import Mapping

from npf_engine.settings.dotted import dotted_values
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.factorization.spec import preset, with_values
from npf_engine.studies.reproduction.making import Bench, Made
from npf_engine.studies.reproduction.result import Row

TOPOGRAPHY: dict[str, object] = {
    "u.activation": "elu",
    "u.hidden": (64, 64, 64, 64),
    "u.beta1": 0.5,
    "u.beta2": 0.5,
    "u.dual_lr": 0.001,
    "u.lr_floor": 0.1,
    "u.dual_steps": 50_000,
    "inverse.hidden": (256, 256, 256),
    "inverse.lr": 0.001,
    "inverse.lr_floor": 0.01,
    "inverse.steps": 50_000,
    "inverse.sigma": 0.1,
    "v.activation": "relu",
    "v.hidden": (512, 512),
    "v.lr": 0.0005,
    "v.lr_floor": 0.01,
    "conjugate.method": "adam",
    "conjugate.max_iterations": 200,
    "conjugate.tolerance": 0.001,
    "m.hidden": (512, 512),  # G.4
    "m.activation": "relu",
    "u.rank": 1,  # G.1
}
UNIFORM: dict[str, object] = {
    "u.activation": "elu",
    "u.hidden": (128, 128, 128, 128),
    "u.beta1": 0.5,
    "u.beta2": 0.5,
    "u.dual_lr": 0.001,
    "u.lr_floor": 0.01,
    "u.dual_steps": 10_000,
    "inverse.hidden": (512, 512),
    "inverse.lr": 0.0005,
    "inverse.lr_floor": 0.01,
    "inverse.steps": 50_000,
    "inverse.sigma": 1.0,
    "v.activation": "relu",
    "v.hidden": (512, 512),
    "v.lr": 0.0005,
    "v.lr_floor": 0.01,
    "conjugate.method": "adam",
    "conjugate.max_iterations": 700,
    "conjugate.tolerance": 0.1,
    "u.rank": 1,
}
ALONG: dict[str, object] = UNIFORM | {
    "u.dual_lr": 0.0001,
    "u.lr_floor": 0.1,
    "u.dual_steps": 30_000,
    "inverse.lr_floor": 1.0,
    "inverse.steps": 60_000,
    "inverse.sigma": 0.1,
    "v.lr_floor": 1.0,
    "conjugate.max_iterations": 1000,
    "conjugate.tolerance": 0.001,
    "particles.count": 1024,
}
FIGURES: dict[str, dict[str, object]] = {
    "5.3": UNIFORM,
    "5.4": ALONG | {"particles.warmup": 60_000},
    "5.5": ALONG
    | {
        "particles.warmup": 30_000,
        "particles.steps": 30_000,
        "particles.coefficient": 1000.0,
        "particles.u_coefficient": 1000.0,
        "particles.inner": 200,
        "particles.tau": 0.0001,
        "particles.u_rate": 0.0001,
        "particles.bridge_rate": 0.0005,
        "particles.bridge_hidden": (512, 512),
        "particles.sigma": 0.1,
    },
}


def topography(bench: Bench) -> Made:
    """Figure 17."""
    found = dotted_values(with_values(preset("quick"), {"solver": "published"}))
    return _made(TOPOGRAPHY, found, dotted_values(preset("quick")))


def uniform(bench: Bench) -> Made:
    """Figure 18."""
    return _experiment("5.3")


def flow(bench: Bench) -> Made:
    """Figure 19."""
    return _experiment("5.4")


def sampling(bench: Bench) -> Made:
    """Figure 20."""
    return _experiment("5.5")


def _experiment(number: str) -> Made:
    found = dotted_values(experiment_preset(number, solver="published"))
    return _made(FIGURES[number], found, dotted_values(experiment_preset(number)))


def _made(published: Mapping[str, object], ours: Mapping[str, object], quick: Mapping[str, object]) -> Made:
    rows = []
    for key, value in published.items():
        if isinstance(value, str):
            continue
        told, here, there = (_numbers(v) for v in (value, ours[key], quick[key]))
        names = [key] if not isinstance(value, tuple) else [f"{key}, layer {k + 1}" for k in range(len(told))]
        for k, name in enumerate(names):
            note = f"quick: {there[k]:g}" if k < len(there) else "quick: no such layer"
            rows.append(Row(name, told[k], here[k] if k < len(here) else None, note=note))
    words = ", ".join(f"{key} {value}" for key, value in published.items() if isinstance(value, str))
    return Made(rows, notes=[f"Ours: with solver=published, whatever the preset. Not numbers: {words}."])


def _numbers(value: object) -> list[float]:
    return [float(v) for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, int | float)]
