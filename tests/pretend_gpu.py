"""A GPU that is none: tensors that say they live on another device and mix with the CPU's only where CUDA allows it.

The numbers are the CPU's. What is checked is what no CPU run can show: an operation on tensors of two devices, NumPy
called on a tensor of the GPU, a module left behind. The device is called ``meta``, which every build of torch knows and
whose backward pass runs without a driver.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from npf_engine import seeds

DEVICE = torch.device("meta")
aten = torch.ops.aten
COPIES = {aten.copy_.default, aten._to_copy.default}
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}


class OnGPU(Tensor):
    """A tensor whose numbers are ``held``, on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnGPU:
        made = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
            requires_grad=held.requires_grad,
        )
        made.held = held
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        made: Tensor = OnGPU(self.held.detach().clone())
        if isinstance(self, torch.nn.Parameter):
            made = torch.nn.Parameter(made, requires_grad=self.requires_grad)
        memo[id(self)] = made
        return made

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert a tensor of the GPU to numpy; use Tensor.cpu() first")

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.numpy()

    def __repr__(self, *_: Any, **__: Any) -> str:
        return f"OnGPU({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class GeneratorThere(torch.Generator):
    """A generator of the pretended device, which draws what one of the CPU with its seed does."""

    device = DEVICE  # type: ignore[assignment]


def _generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    if torch.device(device) != DEVICE:
        return MADE(seed, name, device)
    made = GeneratorThere().manual_seed(seeds.child(seed, name))
    THERE.add(made.initial_seed())  # torch hands an operation another object of the same generator
    return made


MADE = seeds.generator
THERE: set[int] = set()


class _Factories(TorchDispatchMode):
    """Makes tensors on the pretended device, which no tensor among the arguments announces."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = _tensors((*args, *kwargs.values()))
    device = kwargs.get("device")
    asked = None if device is None else torch.device(device) == DEVICE
    there = [t for t in tensors if isinstance(t, OnGPU)]
    _refuse_a_mixture(func, args, there, [t for t in tensors if not isinstance(t, OnGPU)])
    generator = kwargs.get("generator")
    if generator is not None and (generator.initial_seed() in THERE) is not bool(asked or there):
        raise RuntimeError("Expected the generator of the device on which numbers are drawn")
    known = {id(t.held): t for t in there}
    if asked is not None:
        kwargs = kwargs | {"device": torch.device("cpu")}
    if there:
        args, kwargs = _each(_held, args), {key: _each(_held, value) for key, value in kwargs.items()}
    found = func(*args, **kwargs)
    if func is aten.copy_.default and not there:
        return found
    first = bool(there) and (func is not aten.copy_.default or isinstance(tensors[0], OnGPU))
    if not (first if asked is None else asked):
        return found
    return _each(lambda t: known[id(t)] if id(t) in known else OnGPU(t), found)


def _held(t: Tensor) -> Tensor:
    return t.held if isinstance(t, OnGPU) else t


# torch's own walk through arguments of any kind takes longer than all else here; operations take tensors and lists.
def _tensors(values: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif type(value) in (list, tuple):
            found += _tensors(value)
    return found


def _each(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """``value`` with its tensors, in lists and tuples too, changed."""
    if isinstance(value, Tensor):
        return change(value)
    return type(value)(_each(change, part) for part in value) if type(value) in (list, tuple) else value


def _refuse_a_mixture(func: Any, args: Any, there: list[Tensor], here: list[Tensor]) -> None:
    """CUDA takes numbers (0-dim tensors) of the CPU, copies, and the CPU's indices into its own tensors."""
    if not there or func in COPIES:
        return
    if func in INDEXED and isinstance(args[0], OnGPU):
        here = [t for t in here if not any(t is index for index in args[1])]
    if any(t.ndim for t in here):
        shapes = ", ".join(str(tuple(t.shape)) for t in here if t.ndim)
        raise RuntimeError(f"{func}: expected all tensors on one device, but those of shape {shapes} are on the CPU")


@contextlib.contextmanager
def pretended() -> Iterator[torch.device]:
    """While it lasts, tensors can be moved to and made on the device it yields."""
    patch = pytest.MonkeyPatch()
    patch.setattr(seeds, "generator", _generator)
    overwritten = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # p.data = q would leave the numbers behind
    try:
        with _Factories():
            yield DEVICE
    finally:
        THERE.clear()
        patch.undo()
        torch.__future__.set_overwrite_module_params_on_conversion(overwritten)
