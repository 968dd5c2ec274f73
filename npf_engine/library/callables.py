"""Functions of the caller's own, written for numpy or torch, as the engine's: float64 rows to float64 rows.

Derivatives come by automatic differentiation where the function is written in torch, else by central differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import Cancelled, InputError

Vectorial = Callable[[Tensor], Tensor]
GRAPHS = ("double", "single")  # ways that give derivatives
STEP = 6e-6  # of a central difference, as a share of 1 + |x|: the cube root of double precision
AGREES = 1e-3  # difference of a gradient from differences of its potential, as a share of its size


@dataclass(frozen=True)
class OwnFunction:
    """A caller's function as one of tensors, and how it takes its points: ``torch`` or ``numpy``."""

    call: Vectorial
    way: str


def own_function(name: str, function: Callable[..., object], at: Tensor, scalar: bool = False) -> OwnFunction:
    """``function`` as (n, d) float64 -> (n, d), or (n,) where it is ``scalar``, differentiable in torch.

    at (k, d): points on which it must answer. It is tried with tensors in double and in single precision, then with
    numpy arrays. Raises InputError where it fails on all, answers in another shape, or does not act on each row by
    itself.
    """
    direct = _Direct(name, function, scalar)
    way, trouble = _way(direct, at)
    if not way:
        raise InputError(trouble)
    call = direct.ways()[way]
    if way in GRAPHS:
        found = OwnFunction(_without_weights(call), "torch")
    else:
        found = OwnFunction(lambda x: _Differences.apply(x, call, scalar), "numpy" if way == "numpy" else "torch")
    _check_rows(name, found.call, at)
    return found


def _without_weights(call: Vectorial) -> Vectorial:
    """The function, its answer part of a graph only where its points are: weights of its own want no gradient here."""

    def function(x: Tensor) -> Tensor:
        return call(x) if x.requires_grad else call(x).detach()

    return function


class _Direct:
    """The function as it was given, its answers checked."""

    def __init__(self, name: str, function: Callable[..., object], scalar: bool) -> None:
        self.name, self.function, self.scalar = name, function, scalar

    def ways(self) -> dict[str, Vectorial]:
        """Every way to ask it, in the order in which they are tried."""
        return {
            "double": self.on_tensors,
            "single": lambda x: self.on_tensors(x, torch.float32),  # a network's weights, as a rule
            "numpy": self.on_numpy,
            "no graph": self.on_tensors,
        }

    def on_tensors(self, x: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
        """Asked with a tensor; it may differentiate inside, as the gradient of a potential does."""
        with torch.enable_grad():
            out = self._asked(x.to(dtype))
        if not isinstance(out, Tensor):
            raise TypeError(f"it answered with {type(out).__name__} for a tensor")
        if out.is_complex():  # of which a conversion would keep the real part
            raise InputError(self._no_numbers(out.dtype))
        return self._shaped(x, out.to(x))

    def on_numpy(self, x: Tensor) -> Tensor:
        """Asked with a float64 array; no graph is kept."""
        out = np.asarray(self._asked(x.detach().cpu().numpy().copy()))
        if out.dtype.kind not in "buif":
            raise InputError(self._no_numbers(out.dtype))
        return self._shaped(x, torch.as_tensor(np.array(out, dtype=np.float64)).to(x))

    def _asked(self, x: Tensor | np.ndarray) -> object:
        try:
            return self.function(x)
        except SystemExit as error:
            raise InputError(
                f"{self.name} ends the program (sys.exit({'' if error.code is None else error.code})) where it should "
                "answer; let it return real numbers, or raise an error that says what is wrong"
            ) from error

    def _no_numbers(self, dtype: object) -> str:
        return f"{self.name} answers with values of type {dtype}; let it return real numbers"

    def _shaped(self, x: Tensor, out: Tensor) -> Tensor:
        wanted = tuple(x.shape[:1]) if self.scalar else tuple(x.shape)
        one = x.shape[1] == 1 and out.numel() == len(x)  # (n,) and (n, 1) are alike in one dimension
        if tuple(out.shape) == wanted or one or (self.scalar and out.numel() == len(x)):
            return out.reshape(wanted)
        n, d = x.shape
        words = f"{self.name} answers with shape {tuple(out.shape)} for points of shape ({n}, {d})"
        if not self.scalar and tuple(out.shape) == (n,):
            raise InputError(f"{words}: is it a potential? F is a vector field; let it return ({n}, {d})")
        raise InputError(f"{words}; let it return {wanted}, one {'number' if self.scalar else 'value'} a row")


def _way(direct: _Direct, at: Tensor) -> tuple[str, str]:
    """The way in which the function can be asked, or "" and what is wrong."""
    troubles: list[tuple[str, str]] = []
    refused = ""
    for way, ask in direct.ways().items():
        graph = way in GRAPHS
        try:
            out = ask(at.clone().requires_grad_(graph))
        except InputError as error:
            refused = refused or str(error)
        except Cancelled:
            raise
        except Exception as error:  # the caller's code may raise anything; it is told below
            troubles.append((way, f"{type(error).__name__}: {error}"))
        else:
            if not graph or out.requires_grad:
                return way, ""
    if refused:
        return "", refused
    why = dict(troubles).get("numpy") or troubles[-1][1]
    return "", f"{direct.name} cannot be called with an array of points (n, d): it raised {why}"


def _check_rows(name: str, call: Vectorial, at: Tensor) -> None:
    """InputError where the answer for a row hangs on the other rows, or changes from call to call."""
    with torch.no_grad():
        whole, parts = call(at), torch.cat([call(row[None]) for row in at])
        again = call(at)
    finite = torch.isfinite(whole) & torch.isfinite(parts) & torch.isfinite(again)
    size = float(whole[finite].abs().max()) if bool(finite.any()) else 1.0
    if float((again - whole)[finite].abs().max() if bool(finite.any()) else 0.0) > 1e-6 * size:
        raise InputError(f"{name} answers differently when asked twice; pass a function without randomness")
    if float((parts - whole)[finite].abs().max() if bool(finite.any()) else 0.0) > 1e-4 * size:
        raise InputError(
            f"{name} answers a row differently beside other rows; it must act on each row of (n, d) by itself"
        )


class _Context(Protocol):
    """What torch hands from forward to backward, with what this function leaves in it."""

    plain: Vectorial
    scalar: bool
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep them."""


class _Differences(torch.autograd.Function):
    """A function without a graph: backward by central differences, 2 d evaluations."""

    @staticmethod
    def forward(ctx: _Context, x: Tensor, plain: Vectorial, scalar: bool) -> Tensor:  # type: ignore[override]
        """plain(x)."""
        ctx.save_for_backward(x)
        ctx.plain, ctx.scalar = plain, scalar
        return plain(x).detach()

    @staticmethod
    def backward(ctx: _Context, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        """sum_k grad_k dF_k / dx_j, a column of x at a time."""
        (x,) = ctx.saved_tensors
        columns = []
        for j in range(x.shape[1]):
            step = torch.zeros_like(x)
            step[:, j] = STEP * (1 + x[:, j].abs())
            slope = (ctx.plain(x + step) - ctx.plain(x - step)) / (2 * step[:, j : j + 1]).reshape(
                (-1,) if ctx.scalar else (-1, 1)
            )
            columns.append(grad * slope if ctx.scalar else (grad * slope).sum(dim=1))
        return torch.stack(columns, dim=1), None, None


def gradient_of(potential: Vectorial) -> Vectorial:
    """grad g (n, d) of g by automatic differentiation."""

    def gradient(x: Tensor) -> Tensor:
        with torch.enable_grad():
            at = x.detach().clone().requires_grad_(True)
            return torch.autograd.grad(potential(at).sum(), at)[0]

    return gradient


def check_gradient(potential: Vectorial, gradient: Vectorial, at: Tensor) -> None:
    """InputError where ``grad`` is not the gradient of g at the points ``at`` (n, d), by central differences."""
    differences = gradient_of(lambda x: _Differences.apply(x, lambda y: potential(y).detach(), True))(at)
    told = gradient(at)
    good = torch.isfinite(differences).all(dim=1) & torch.isfinite(told).all(dim=1)
    if not bool(good.any()):
        return
    gap = (differences - told)[good].norm(dim=1)
    size = differences[good].norm(dim=1) + told[good].norm(dim=1) + AGREES * float(told[good].abs().max())
    if float((gap > 10 * AGREES * size).double().mean()) > 0.5:  # a kink or two are no mistake
        worst = int(gap.argmax())
        point = ", ".join(f"{float(v):.4g}" for v in at[good][worst][:4])
        raise InputError(
            f"grad is not the gradient of g: at ({point}) it differs from differences of g by {float(gap[worst]):.3g}; "
            "pass grad with the derivatives of g, or leave it out where g is written in torch"
        )
