"""What was kept of a run, taken up again only where it fits: a file that can be read may still hold the wrong thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from npf_engine.settings import reading
from npf_engine.tasks.recorder import WRONG, Recorder, State, reason

T = TypeVar("T")


def trained_once(
    recorder: Recorder, key: str, modules: Mapping[str, nn.Module], train: Callable[[], float], *, stage: str = ""
) -> float:
    """The seconds of ``train()``, which trains ``modules`` in place; where it has been through in an earlier process
    they are given the weights that it left. ``stage``: told that it is restored."""

    def put(state: State) -> float:
        kept = {name: reading.named(state, name, Tensor) for name in modules}
        for name, module in modules.items():
            fit(kept[name], module.state_dict())
        seconds = float(reading.number(state, "seconds"))
        for name, module in modules.items():
            module.load_state_dict(kept[name])
        if stage:
            recorder.stage(stage, "restored")
        return seconds

    def state(seconds: float) -> State:
        return {name: module.state_dict() for name, module in modules.items()} | {"seconds": seconds}

    return recorder.kept(key, train, put=put, state=state)


def restored(recorder: Recorder, key: str, put: Callable[[State], T]) -> T | None:
    """``put(state)`` of the state kept under ``key``; None where there is none, or it does not fit (noted).

    ``put`` raises where something is wrong with the state, and changes nothing before it knows that nothing is.
    """
    state = recorder.load(key)
    if state is None:
        return None
    try:
        return put(state)
    except WRONG as error:
        recorder.note(f"the checkpoint {key!r} does not fit ({reason(error)}); its stage starts again")
        return None


def load_weights(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Put a state_dict into ``module``. Raises ValueError, and changes nothing, where names, shapes or precision differ
    or a number is not finite."""
    fit(state, module.state_dict())
    module.load_state_dict(state)


def fit(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Raise ValueError where tensors have other names, shapes or dtypes than those wanted, or are not finite."""
    for name in wanted.keys() ^ found.keys():
        raise ValueError(f"{name!r} is {'missing' if name in wanted else 'not known here'}")
    for name, tensor in found.items():
        check(name, tensor, wanted[name])


def check(name: str, tensor: object, like: Tensor, *, finite: bool = True) -> Tensor:
    """``tensor``, where shape and dtype are those of ``like`` and (``finite``) all numbers are. Raises ValueError."""
    if not isinstance(tensor, Tensor) or tensor.shape != like.shape:
        shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ValueError(f"{name!r} is {shape} and not {tuple(like.shape)}")
    if tensor.dtype != like.dtype:
        raise ValueError(f"{name!r} is {tensor.dtype} and not {like.dtype}")
    if finite and not all_finite([tensor]):
        raise ValueError(f"{name!r} has numbers that are not finite")
    return tensor


@torch.no_grad()
def all_finite(tensors: list[Tensor]) -> bool:
    """Whether every number is finite: the device is asked once."""
    # x - x is 0 for finite numbers and NaN for all others; the sum of the absolute values could overflow.
    parts = [(t - t).sum() for t in tensors if t.is_floating_point() and t.numel()]
    return not parts or bool(torch.stack([p.to(torch.float32) for p in parts]).sum() == 0)
