"""u, grad u and M_xi as programs for others: ONNX, and PyTorch's own .pt2.

Each takes positions x (n, d) in the user's units, float64, and answers in the user's units, float64: scaling, the
constant that was taken off F (polar/constant.py) and the networks are inside, in double precision. What was exported is
run again and compared with the model before anything is written.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from npf_engine.bundle.archive import zipped
from npf_engine.citation import bibtex
from npf_engine.errors import InputError
from npf_engine.numbers import number
from npf_engine.polar import PolarFactorization
from npf_engine.polar.constant import WithConstant
from npf_engine.tasks import child

Format = Literal["onnx", "pt2"]
FORMATS: tuple[Format, ...] = get_args(Format)
COMPARED = 256  # positions at which an export is compared with the model
ALLOWED = 1e-6  # of the spread of the answers there
OPSET = 20
# Its bundle was checked, and its network may come from outside the package: limits, but no wall.
LIMITS = child.Limits(memory=2 << 30, seconds=120.0, writing=True)
NEEDS = "exporting to ONNX needs the packages onnx and onnxscript; `pip install onnx onnxscript onnxruntime`"


@dataclass(frozen=True)
class Exported:
    """One function as a file. difference: the largest between it, run by ``checked_with``, and the model, as a share of
    the spread of the model's answers at up to 256 of its samples."""

    name: str
    file: str
    data: bytes
    difference: float
    checked_with: str


class InUnits(nn.Module):
    """A network between positions in the user's units; what follows it is ``finish``."""

    def __init__(self, model: WithConstant, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("offset", torch.tensor(model.scaling.offset, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(model.scaling.scale, dtype=torch.float64))
        self.register_buffer("shift", model.shift)
        self.offset: Tensor
        self.scale: Tensor
        self.shift: Tensor

    def at(self, x: Tensor) -> Tensor:
        """Model positions of x (n, d)."""
        return (x - self.offset) / self.scale


class U(InUnits):
    """u(x), (n,)."""

    def forward(self, x: Tensor) -> Tensor:
        """x (n, d) -> (n,)."""
        at = self.at(x)
        return self.network(at) + at @ self.shift


class GradU(InUnits):
    """grad u(x), (n, d), in the units of F."""

    def forward(self, x: Tensor) -> Tensor:
        """x (n, d) -> (n, d)."""
        found: Tensor = self.network.gradient(self.at(x))  # type: ignore[operator]  # a Potential
        return found + self.shift


class M(InUnits):
    """M_xi(x), (n, d), positions."""

    def forward(self, x: Tensor) -> Tensor:
        """x (n, d) -> (n, d)."""
        return self.network(self.at(x)) * self.scale + self.offset


def exports(model: PolarFactorization, form: Format) -> list[Exported]:
    """u, grad u and, where there is one, M_xi. Raises InputError where a package is missing, where a network cannot be
    written in this form, and where what was written does not compute the same."""
    if form not in FORMATS:
        raise InputError(f"there is no form {form!r}; a model can be had as {' or '.join(FORMATS)}")
    whole = WithConstant.of(model)
    functions: list[tuple[str, InUnits]] = [("u", U(whole, model.u)), ("grad_u", GradU(whole, model.u))]
    if model.m is not None:
        functions.append(("M_xi", M(whole, model.m)))
    at = torch.cat([model.samples["x_test"], model.samples["x_train"]])[:COMPARED]
    x = model.scaling.to_user(at.double())
    return [_export(name, function, x, form) for name, function in functions]


def packed(model: PolarFactorization, found: list[Exported], form: Format, name: str) -> bytes:
    """A zip of ``exports`` with a README: how they are used, how exact they are, and what to cite."""
    content = {item.file: item.data for item in found}
    return zipped(content | {"README.md": _readme(model, found, form, name).encode()})


def archive_of(path: Path, form: Format, name: str) -> bytes:
    """``packed`` of the bundle ``path``, made in a process of its own with limits: exporting turns streams and loggers
    of its process, and takes what memory it likes. Raises InputError."""
    data = child.call(_archive, Path(path), form, name, what=f"{form} of {name}", limits=LIMITS)
    return data.tobytes()


def _archive(path: Path, form: Format, name: str) -> np.ndarray:
    model = PolarFactorization.load(path)
    return np.frombuffer(packed(model, exports(model, form), form, name), dtype=np.uint8)


def _export(name: str, function: InUnits, x: Tensor, form: Format) -> Exported:
    function = copy.deepcopy(function).cpu().double().eval().requires_grad_(False)
    with torch.no_grad():
        wanted = function(x).numpy()
    try:
        with _quiet():
            program = torch.export.export(function, (x,), dynamic_shapes=({0: torch.export.Dim("n")},), strict=False)
            data, answers, by = _onnx(program, x, name) if form == "onnx" else _pt2(program, x)
    except InputError:
        raise
    except Exception as error:  # torch and the exporters raise many kinds for an operation that they do not know
        kind = type(function.network).__name__
        raise InputError(
            f"{name} cannot be written as {form}: {kind} uses what the exporter does not know "
            f"({str(error).partition(chr(10))[0][:160]}); the bundle itself has the model with its own code"
        ) from error
    difference = _difference(wanted, answers)
    if not difference <= ALLOWED:
        raise InputError(
            f"{name} as {form} differs from the model by {number(difference)} of its spread, more than {ALLOWED:g}; "
            "it was not written"
        )
    return Exported(name, f"{name}.{form}", data, difference, by)


def _pt2(program: torch.export.ExportedProgram, x: Tensor) -> tuple[bytes, np.ndarray, str]:
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # names files of this machine
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    buffer.seek(0)
    with torch.no_grad():
        answers = torch.export.load(buffer).module()(x).numpy()
    return buffer.getvalue(), answers, f"torch {torch.__version__}"


def _onnx(program: torch.export.ExportedProgram, x: Tensor, name: str) -> tuple[bytes, np.ndarray, str]:
    try:
        import onnx
        import onnxscript  # noqa: F401  (torch writes ONNX with it)
    except ImportError:
        raise InputError(NEEDS) from None
    written = torch.onnx.export(
        program.run_decompositions({torch.ops.aten.softplus.default: _softplus}),
        (x,),
        dynamo=True,
        input_names=["x"],
        output_names=[name],
        opset_version=OPSET,
        verbose=False,
    )
    assert written is not None
    proto = written.model_proto
    proto.producer_name = "npf-explorer"
    for node in (*proto.graph.node, *(node for part in proto.functions for node in part.node)):
        del node.metadata_props[:]  # traces of this machine's files
        node.doc_string = ""
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        del value.metadata_props[:]
    del proto.metadata_props[:], proto.graph.metadata_props[:]
    onnx.checker.check_model(proto)
    data: bytes = proto.SerializeToString()
    try:
        import onnxruntime
    except ImportError:
        evaluator = onnx.reference.ReferenceEvaluator(proto)
        return data, np.asarray(next(iter(evaluator.run(None, {"x": x.numpy()})))), f"onnx {onnx.__version__}"
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return data, np.asarray(session.run(None, {"x": x.numpy()})[0]), f"onnxruntime {onnxruntime.__version__}"


def _softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta by what onnxruntime has in double precision; its own Softplus knows float32 alone."""
    return (beta * x).clamp(min=0) / beta + (1 + (-(beta * x).abs()).exp()).log() / beta


def _difference(wanted: np.ndarray, answers: np.ndarray) -> float:
    """The largest |wanted - answers| as a share of the largest deviation from the mean, worst column."""
    if wanted.shape != answers.shape or not np.isfinite(answers).all():
        return float("inf")
    spread = np.abs(wanted - wanted.mean(axis=0)).max(axis=0)
    return float((np.abs(wanted - answers).max(axis=0) / np.where(spread > 0, spread, 1.0)).max())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporters write about themselves."""
    logger = logging.getLogger("torch.onnx")
    level, before = logger.level, logger.disabled
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.disabled = before


def _readme(model: PolarFactorization, found: list[Exported], form: Format, name: str) -> str:
    rows = "\n".join(
        f"| `{item.file}` | {ABOUT[item.name]} | {item.difference:.1e} of its spread ({item.checked_with}) |"
        for item in found
    )
    units = model.units
    scales = ", ".join(f"{scale:.10g}" for scale in model.scaling.scale[:8]) + (", ..." if model.d > 8 else "")
    axes = ", ".join(f"{a} [{p}]" if p else a for a, p in zip(units.axes, units.position, strict=True))
    use = USE[form].format(example=json.dumps([[0.5 * (a + b) for a, b in zip(model.low, model.high, strict=True)]]))
    return README.format(
        name=name,
        rows=rows,
        d=model.d,
        axes=axes,
        value=units.value or "the units of F",
        use=use,
        bibtex=bibtex(),
        scales=scales,
    )


ABOUT = {
    "u": "the convex potential u, (n,)",
    "grad_u": "grad u, (n, d), in the units of F",
    "M_xi": "the measure-preserving map M_xi, (n, d), positions",
}
USE = {
    "onnx": """```python
import numpy as np, onnxruntime

grad_u = onnxruntime.InferenceSession("grad_u.onnx")
grad_u.run(None, {{"x": np.array({example})}})[0]
```""",
    "pt2": """```python
import torch

grad_u = torch.export.load("grad_u.pt2").module()
grad_u(torch.tensor({example}, dtype=torch.float64))
```""",
}
README = """\
# {name}

Maps of a polar factorization F = grad u o M (Brenier 1991; Vesseron and Cuturi 2024), d = {d}. Each file takes
positions x (n, d), float64, in the user's units: {axes}. Values of F are in {value}.

| file | what it computes | largest difference from the model |
|---|---|---|
{rows}

{use}

The networks know positions scaled to about [-1, 1], and grad u is the gradient in those: the derivative of `u` along
axis k of x is component k of `grad_u` over s_k, s = ({scales}).

The inverse of grad u and the pre-images of M are no fixed formulas; the bundle (npf-....zip) has them.

## Cite

```bibtex
{bibtex}```
"""
