"""The No-U-Turn sampler of a library (nutpie) on the same landscape, stopped where the budget of gradients is spent."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Protocol

import numpy as np
import torch

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.sampling.chain import Oracle
from npf_engine.tasks.recorder import Recorder

TUNE = 300
POLL_SECONDS = 0.1
NUDGE, NUDGES = 1e-3, 8  # of a start, in the opened coordinates, and how often it is tried


def sample_nuts(
    oracle: Oracle, coefficient: float, starts: np.ndarray, budget: int, seed: int, recorder: Recorder
) -> np.ndarray:
    """Draws (k, d) of exp(-c g) on [-1, 1]^d (model positions) by NUTS, one chain after another from starts (P, d).

    Omega is opened by x = tanh(z), with the Jacobian in the density. Each chain gets an equal share of the budget,
    tuning included, and never more, however busy the machine. Raises InputError where nutpie is not installed, and
    where tuning took the share of every chain.
    """
    nutpie, from_pyfunc = _library()
    dim = starts.shape[1]
    chains = min(len(starts), 8)
    share = max(1, budget // chains)
    out = []
    for chain in range(chains):
        spent_before = oracle.evaluations
        density = PaidDensity(oracle, coefficient, spent_before + share)
        start = startable(np.arctanh(np.clip(starts[chain], -0.999, 0.999)), density)
        model = from_pyfunc(
            dim,
            lambda f=density: f,
            lambda *_, f=density: f.expand,
            [np.dtype(np.float64), np.dtype(np.float64)],
            [(dim,), ()],
            ["z", "paid"],
            make_initial_point_fn=lambda _, z=start: z.copy(),
        )
        # Far more draws than the share can pay for: the count ends the chain, not the number of draws.
        sampler = nutpie.sample(
            model,
            draws=max(200, share),
            tune=min(TUNE, max(50, share // 40)),
            chains=1,
            cores=1,
            seed=seeds.child(seed, f"nuts.{chain}") % 2**32,
            progress_bar=False,
            blocking=False,
            save_warmup=False,
        )
        while not _ended(sampler) and oracle.evaluations - spent_before < share:
            recorder.check()
            time.sleep(POLL_SECONDS)
            recorder.progress("nuts", min(budget, oracle.evaluations), budget)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a share too small for one draw is told by their number
            trace = sampler.abort()
        if "posterior" in trace:
            paid = trace.posterior["paid"].values.reshape(-1) > 0
            out.append(np.tanh(trace.posterior["z"].values.reshape(-1, dim)[paid]))
    draws = np.concatenate(out) if out else np.empty((0, dim))
    if not len(draws):
        raise InputError(
            f"The No-U-Turn sampler had {share:,} gradients for each chain, and its tuning took them all; give it more "
            "steps, or choose the method tempering."
        )
    return draws


def _library() -> tuple[ModuleType, Callable[..., object]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import nutpie
            from nutpie.compiled_pyfunc import from_pyfunc
    except ImportError:
        raise InputError(
            "The method nuts needs the package nutpie; install it (pip install nutpie) or choose tempering."
        ) from None
    return nutpie, from_pyfunc


def startable(z: np.ndarray, log_density: Callable[..., tuple[float, np.ndarray]]) -> np.ndarray:
    """z (d,) or, where a component of the gradient is 0 there, a place a little beside it where none is.

    nutpie takes its first scales from the gradient and refuses a start with a 0 in it: every mode and every start on
    an axis of symmetry. Asking costs a gradient or a few, which count. Raises InputError where no place is found.
    """
    moved = z.copy()
    for attempt in range(NUDGES):
        gradient = log_density(moved)[1]
        if np.isfinite(gradient).all() and (gradient != 0).all():
            return moved
        # Towards the middle of Omega or away from it in turn, farther each time, by another length along each axis.
        size = NUDGE * 2.0**attempt * (1 + 0.1 * np.arange(len(z)))
        moved = z + np.where(gradient == 0, size, 0.0) * (-1) ** attempt
    raise InputError("The method nuts finds no gradient to begin with around the start; start elsewhere.")


class Background(Protocol):
    """nutpie's sampler at work in threads of its own."""

    @property
    def is_finished(self) -> bool:
        """Whether all draws are made; may raise TimeoutError while one is."""


def _ended(sampler: Background) -> bool:
    try:
        return bool(sampler.is_finished)
    except TimeoutError:  # nutpie's answer while a draw is being made
        return False
    except RuntimeError as error:
        why = str(error).strip().splitlines()[-1].strip() if str(error).strip() else "no reason given"
        raise InputError(
            f"The No-U-Turn sampler cannot go on ({why}); start elsewhere or choose the method tempering."
        ) from None


class PaidDensity:
    """log of exp(-c g(tanh z)) prod (1 - tanh(z)^2), and its gradient, up to the oracle's evaluation ``last``.

    From then on a standard normal law answers in g's place, and the draws that saw it are marked: a count watched from
    outside let a slow watcher overspend it twofold, and nutpie, told -inf while it tunes, panics over the terminal.
    """

    def __init__(self, oracle: Oracle, coefficient: float, last: int) -> None:
        self.oracle, self.coefficient, self.last = oracle, coefficient, last

    @property
    def spent(self) -> bool:
        """Whether g is asked no more."""
        return self.oracle.evaluations >= self.last

    def __call__(self, z: np.ndarray, **_: object) -> tuple[float, np.ndarray]:
        if self.spent:
            return -0.5 * float(z @ z), -z
        x = np.tanh(z)
        value, gradient = self.oracle.both(torch.from_numpy(x)[None])
        slope = 1 - x**2
        log_jacobian = float(np.sum(2 * (math.log(2) - np.abs(z) - np.log1p(np.exp(-2 * np.abs(z))))))
        return (
            -self.coefficient * float(value[0]) + log_jacobian,
            -self.coefficient * gradient[0].numpy() * slope - 2 * x,
        )

    def expand(self, z: np.ndarray, **_: object) -> dict[str, np.ndarray]:
        """What is kept of a draw, asked right after it is made: the draw, and whether g alone led to it."""
        return {"z": np.asarray(z, dtype=np.float64), "paid": np.asarray(0.0 if self.spent else 1.0)}
