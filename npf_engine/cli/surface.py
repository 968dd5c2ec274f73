"""``surface``: the polar factorization of a map of a flat torus, or of the sphere, to itself (McCann 2001)."""

from __future__ import annotations

import argparse
import dataclasses
import io
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.cli.output import Answer, columns, number
from npf_engine.cli.surface_arguments import EXACT, TWIST
from npf_engine.errors import InputError
from npf_engine.fields.cloud_columns import in_units_of
from npf_engine.fields.clouds import read_points
from npf_engine.library.callables import own_function
from npf_engine.library.own_code import load_function
from npf_engine.manifolds import Space, Sphere, Torus, factorize_exactly, factorize_torus
from npf_engine.manifolds.globe import on_globe
from npf_engine.manifolds.known import Twisted
from npf_engine.manifolds.torus import SAMPLES, Function
from npf_engine.manifolds.toys import in_degrees
from npf_engine.settings import reading
from npf_engine.tasks import layout

if TYPE_CHECKING:
    from npf_engine.manifolds import TorusFactorization

MOVED = {"moved by M, mean": "moved_by_M", "moved by grad phi, mean": "moved_by_grad_u"}
REPORTED = {"degree of phi": "degree", "least curvature of |x|^2/2 + phi": "curvature"}

ERRORS = {
    "grad_u": "mean square error of grad_u, percent of that of the identity",
    "M": "root mean square error of M, percent of that of a uniform point",
}

ROUNDING = 1e-12  # of a cost


def surface(args: argparse.Namespace) -> Answer:
    """Factorize, and say how it went."""
    _check(args)
    began = time.perf_counter()
    space, x, y, function, told = _given(args)
    if args.exact or args.on == "sphere":
        data, arrays = _exact(space, x, y)
    else:
        assert isinstance(space, Torus)
        asked = {"periods": space.periods, "degree": args.degree, "seed": args.seed}
        found = factorize_torus(x, y, **asked) if function is None else factorize_torus(function, n=len(x), **asked)
        data, arrays = _dual(found, x, y)
        if isinstance(function, Twisted):
            data["errors"] = _errors(found, function)
    data = {"on": args.on, "d": 2 if args.on == "sphere" else x.shape[1], "n": len(x), "notes": list(told)} | data
    data |= {"seconds": time.perf_counter() - began, "out": _written(args, arrays)}
    return Answer(data, _text(data))


def _check(args: argparse.Namespace) -> None:
    """InputError for what does not go together."""
    sphere = args.on == "sphere"
    if (args.source is None) == (args.callable is None):
        raise InputError(f"surface needs a SOURCE ({TWIST}, or a file of places and values), or --callable flow.py:F")
    if args.callable and (sphere or args.periods is None):
        raise InputError("--callable is a map of the torus: give --periods, one for each axis, and no --on sphere")
    if args.source == TWIST and (sphere or args.periods is not None):
        raise InputError(f"{TWIST} lives on the torus of periods 1 1; leave --on and --periods out")
    if args.hours is not None and not sphere:
        raise InputError("--hours carries places of the sphere by winds; give --on sphere, or leave it out")
    if sphere and (args.degree is not None or args.periods is not None):
        raise InputError("on the sphere the factorization is the exact one: leave --degree and --periods out")
    if args.hours is not None and not math.isfinite(args.hours):
        raise InputError(f"--hours is {args.hours}; give a finite number")
    if args.out is not None and not args.out.endswith(".npz"):
        raise InputError(f"--out {args.out}: name a file that ends in .npz")
    if args.samples is not None and args.samples < 2:
        raise InputError(f"--samples is {args.samples}; give 2 or more")


def _given(args: argparse.Namespace) -> tuple[Space, Tensor, Tensor, Function | None, tuple[str, ...]]:
    """The space, places x and F(x) there as its points, F where it is code, and sentences on a file."""
    exact = args.exact or args.on == "sphere"
    if args.source is not None and args.source != TWIST:
        space, x, y, told = _of_file(args)
        rows = _thinned(args, len(x), EXACT if exact else len(x))
        return space, x[rows], y[rows], None, told
    function: Function = Twisted(args.a)
    torus = Torus.unit(2)
    if args.source is None:
        torus = Torus(tuple(args.periods))
        function = own_function("F", load_function(args.callable), torus.spread_evenly(3)).call
    x = torus.spread_evenly(args.samples or (EXACT if exact else SAMPLES))
    return torus, x, torus.points("F(x)", function(x).detach()), function, ()


def _of_file(args: argparse.Namespace) -> tuple[Space, Tensor, Tensor, tuple[str, ...]]:
    path = Path(args.source)
    if not path.is_file():
        raise InputError(f"there is no file {args.source}; give a .csv or .npz, or {TWIST}")
    cloud = read_points(path)
    if args.on == "sphere":
        found = on_globe(cloud, args.hours, args.samples or EXACT)
        return Sphere(), found.x, found.y, found.notes
    d, odd = divmod(cloud.points.shape[1], 2)
    if odd or not d:
        raise InputError(f"{path.name} has {cloud.points.shape[1]} columns; give d of places and then d of F there")
    torus = Torus(tuple(args.periods or [1.0] * d))
    x, y = torch.from_numpy(cloud.points).split(d, dim=1)
    told: list[str] = []
    if cloud.names:  # F's numbers are taken by the periods of x, so that they must be in its unit
        values, told = in_units_of(y.numpy(), cloud.names[d:], cloud.names[:d], (path.name, path.name))
        y = torch.from_numpy(values)
    return torus, torus.points("x", x), torus.points("F(x)", y), (*cloud.notes, *told)


def _thinned(args: argparse.Namespace, n: int, most: int) -> Tensor:
    """The rows that are taken."""
    most = min(n, args.samples or most)
    order = torch.randperm(n, generator=seeds.generator(args.seed, "surface.samples"))
    return order[:most].sort().values


def _exact(space: Space, x: Tensor, y: Tensor) -> tuple[dict[str, object], dict[str, Tensor]]:
    found = factorize_exactly(space, x, y)
    data: dict[str, object] = {"method": "exact", "cost": found.cost, "gap": found.gap, "report": None}
    data |= {"moved_by_M": float(space.distance(x, found.m).mean()), "moved_by_grad_u": _length(found.gradient)}
    arrays = {"x": x, "y": y, "m": found.m, "gradient": found.gradient}
    if isinstance(space, Sphere):
        arrays |= {f"{name}_degrees": in_degrees(arrays[name]) for name in ("x", "y", "m")}
    return data, arrays


def _dual(found: TorusFactorization, x: Tensor, y: Tensor) -> tuple[dict[str, object], dict[str, Tensor]]:
    m, gradient = found.M(x, y), found.gradient(x)
    data: dict[str, object] = {"method": "dual", "cost": None, "gap": None, "report": dataclasses.asdict(found.report)}
    data |= {"moved_by_M": float(found.torus.distance(x, m).mean()), "moved_by_grad_u": _length(gradient)}
    arrays = {"x": x, "y": y, "m": m, "gradient": gradient, "waves": found.phi.waves, "weights": found.phi.weights}
    return data, arrays


def _length(tangents: Tensor) -> float:
    return float(tangents.norm(dim=1).mean())


def _errors(found: TorusFactorization, known: Twisted) -> dict[str, float]:
    """On unseen places, in percent, as ``Twisted.errors`` has them."""
    x = known.torus.draw(4_096, seeds.generator(0, "torus.unseen"))
    off = known.errors(x, found.grad_u(x), found.M(x))
    return {"grad_u": off.u, "M": off.m}


def _written(args: argparse.Namespace, arrays: dict[str, Tensor]) -> str | None:
    if args.out is None:
        return None
    path = Path(args.out)
    buffer = io.BytesIO()
    np.savez(buffer, **{name: tensor.numpy() for name, tensor in arrays.items()})  # type: ignore[arg-type]  # its stub
    with layout.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    layout.write_atomic(path, buffer.getvalue())
    return str(path)


def _text(data: dict[str, object]) -> str:
    """For reading."""
    lines = [f"{data['on']}, d = {data['d']}, {data['n']} samples"]
    lines += [f"note: {text}" for text in reading.each_of(data, "notes", str)]
    rows = [(name, number(reading.number(data, key))) for name, key in MOVED.items()]
    if data["method"] == "exact":
        gap, cost = reading.number(data, "gap"), reading.number(data, "cost")
        rows += [("cost, mean of d^2 / 2", number(cost))]
        short = "up to rounding" if gap <= ROUNDING * max(cost, 1.0) else f"by more than {number(gap)}"
        lines.append(f"the exact assignment: no other pairing is cheaper, {short}")
    else:
        report = reading.mapping(data, "report")
        rows += [(name, number(reading.number(report, key))) for name, key in REPORTED.items()]
        rows += [("largest residual of a conjugate", f"{reading.number(report, 'residual'):.0e}")]
        lines += [f"note: {text}" for text in reading.each_of(report, "notes", str)]
    if "errors" in data:
        errors = reading.mapping(data, "errors")
        rows += [(words, number(reading.number(errors, name))) for name, words in ERRORS.items()]
    lines.append(columns(("", ""), rows).strip())
    return "\n".join([*lines, f"written: {data['out']}"] if data["out"] else lines)
