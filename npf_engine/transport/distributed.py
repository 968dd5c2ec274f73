"""One training on several devices: each takes its share of every batch, and the gradients are averaged.

The first device draws the batch, keeps all that a training changes (weights, moments, the loss' memory, checkpoints)
and takes the steps. The others are processes that know the modules and the samples and nothing else: at each step they
are handed the weights and their rows, and give back what they found for each row and the gradient, which
torch.distributed sums over all (NCCL on CUDA, gloo elsewhere). So a training on several devices takes the steps of one
device with the same batch, up to rounding; it is paused, resumed and sent back from there alone, and a process that
dies ends the step with a sentence.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from npf_engine.errors import InputError
from npf_engine.transport.schedule import At, Derived, Loss, Shown

# Dimensions. Below, a step takes less time than what has to be exchanged for it. Two processes on two cores by gloo,
# one thread each, ms a step of the bridge, on one device and on two: 0.3 and 5 (d = 2, batch 64), 12 and 18 (2, 1024),
# 16 and 16 (8, 1024), 364 and 224 (64, 4096).
SHARED_FROM = 8
START_SECONDS = 120.0  # until a process has imported torch and has the samples on its device
# For what all do at once. A pause lies between the steps, where the others wait for a message and not for an exchange.
PATIENCE = datetime.timedelta(minutes=10)
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
Answers = tuple[Tensor, ...]


@dataclass(frozen=True)
class Batch:
    """rows: tensors whose first dimension is the batch's; options: numbers, the same for all rows."""

    rows: tuple[Tensor, ...]
    options: Mapping[str, int] = field(default_factory=dict)

    def split(self, count: int) -> list[Batch]:
        """Equal parts, one a device, up to one row."""
        parts = zip(*(rows.tensor_split(count) for rows in self.rows), strict=True)
        return [Batch(tuple(part), self.options) for part in parts]

    def __len__(self) -> int:
        return len(self.rows[0])


class Divisible(ABC):
    """A loss that is the mean over the rows of a batch.

    share(*rows, **options) -> (mean loss of these rows, answers of each row): a module that holds what is trained and
    the samples, and can be pickled.
    """

    share: nn.Module

    @abstractmethod
    def draw(self, at: At, generator: torch.Generator) -> Batch:
        """The next batch."""

    @abstractmethod
    def told(self, at: At, batch: Batch, value: Tensor, answers: Answers) -> Shown:
        """What is shown of a batch whose mean loss is known; the place to remember its answers."""

    def __call__(self, at: At, generator: torch.Generator) -> tuple[Tensor, Shown]:
        """The loss of the next batch, on one device."""
        batch = self.draw(at, generator)
        value, answers = self.share(*batch.rows, **batch.options)
        return value, self.told(at, batch, value.detach(), answers)


def trained(share: nn.Module) -> list[nn.Parameter]:
    """What the gradients are of, in an order that all processes have."""
    return [parameter for parameter in share.parameters() if parameter.requires_grad]


def flat(tensors: list[Tensor]) -> Tensor:
    """All numbers as one vector, so that one exchange moves them."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def gradient(share: nn.Module, batch: Batch, weight: float) -> tuple[float, Answers, Tensor]:
    """Mean loss of a part of a batch, its answers, and ``weight`` times the gradient as one vector."""
    parameters = trained(share)
    value, answers = share(*batch.rows, **batch.options)
    found = torch.autograd.grad(value, parameters, allow_unused=True)
    whole = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]
    return float(value.detach()), tuple(a.detach() for a in answers), flat(whole) * weight


class _Known(torch.autograd.Function):
    """A value whose gradient was found elsewhere."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, value: Tensor, *both: Tensor) -> Tensor:
        ctx.save_for_backward(*both[len(both) // 2 :])
        return value.clone()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *outer: Tensor) -> tuple[Tensor | None, ...]:
        found = ctx.saved_tensors  # type: ignore[attr-defined]  # torch's own, which its stub leaves out
        return (None, *(outer[0] * part for part in found), *(None for _ in found))


@contextlib.contextmanager
def over(devices: int, loss: Divisible | Derived) -> Iterator[Loss | Derived]:
    """``loss`` for ``optimise``, divided over so many devices for as long as the block lasts; itself on one. ValueError
    for a loss that cannot be divided."""
    if devices <= 1:
        yield loss
        return
    if not isinstance(loss, Divisible):
        raise ValueError("this loss cannot be divided over devices")
    if dist.is_initialized():
        raise InputError("torch.distributed is in use in this process already; train with devices=1")
    with _Peers(loss.share, devices) as peers:
        yield _Divided(loss, peers)


@dataclass(frozen=True)
class _Divided:
    """A loss of which this process does the first part and its peers the others."""

    loss: Divisible
    peers: _Peers

    def __call__(self, at: At, generator: torch.Generator) -> tuple[Tensor, Shown]:
        """Mean loss of the next batch, with the gradient of all its parts."""
        batch, share = self.loss.draw(at, generator), self.loss.share
        parameters = trained(share)
        value, answers, whole = self.peers.step(share, batch)
        sizes = [parameter.numel() for parameter in parameters]
        parts = [part.view_as(p) for part, p in zip(whole.split(sizes), parameters, strict=True)]
        known: Tensor = _Known.apply(whole.new_tensor(value), *parameters, *parts)
        return known, self.loss.told(at, batch, known.detach(), answers)


class _Peers:
    """The other processes of a training, on this machine; they end with the block, and with this process."""

    def __init__(self, share: nn.Module, devices: int) -> None:
        self.share, self.devices = share, devices
        self.at = trained(share)[0].device
        self.links: list[Connection] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> _Peers:
        self.folder = Path(tempfile.mkdtemp(prefix="npf-peers-"))  # for this user alone
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        torch.save(self.share, self.folder / "share.pt")
        key, backend = secrets.token_bytes(32), backend_of(self.at.type, self.devices)
        with Listener(str(self.folder / "peers"), "AF_UNIX", backlog=self.devices, authkey=key) as listener:
            for _ in range(1, self.devices):
                self.processes.append(_spawn(self.folder, key))
            listener._listener._socket.settimeout(START_SECONDS)  # type: ignore[attr-defined]  # it has no other way
            for rank in range(1, self.devices):
                self.links.append(self._accepted(listener))
                about = {"rank": rank, "world": self.devices, "backend": backend, "device": place(self.at, rank)}
                self.links[-1].send(about | {"threads": torch.get_num_threads(), "parent": os.getpid()})
        for rank in range(1, self.devices):
            self._hear(rank)  # it has the samples: one that died before would be waited for as long as for a pause
        begin_group(self.folder, backend, 0, self.devices)
        (self.folder / "share.pt").unlink()

    @staticmethod
    def _accepted(listener: Listener) -> Connection:
        try:
            return listener.accept()
        except (OSError, EOFError):
            raise InputError("a process for another device did not start; its reason is in the log") from None

    def step(self, share: nn.Module, batch: Batch) -> tuple[float, Answers, Tensor]:
        """Mean loss, answers in the order of the batch, and gradient of one batch."""
        if len(batch) < self.devices:  # the mean over no row is no number
            return gradient(share, batch, 1.0)
        parts = batch.split(self.devices)
        for rank, part in enumerate(parts[1:], start=1):
            rows = tuple(tensor.detach().cpu().numpy() for tensor in part.rows)
            self._tell(rank, (rows, dict(part.options), len(part) / len(batch)))
        weights = flat(list(trained(share)))
        self._exchange(lambda: dist.broadcast(weights, 0))
        trouble: Exception | None = None
        own: tuple[float, Answers, Tensor] | None = None
        try:
            own = gradient(share, parts[0], len(parts[0]) / len(batch))
        except (torch.linalg.LinAlgError, ValueError) as error:
            trouble = error
        heard = [self._hear(rank) for rank in range(1, self.devices)]
        trouble = trouble or next((ValueError(text) for text, _, _ in heard if text), None)
        for rank in range(1, self.devices):
            self._tell(rank, trouble is None)
        if trouble is not None or own is None:
            raise trouble or AssertionError
        whole = own[2]
        self._exchange(lambda: dist.all_reduce(whole))
        values = [own[0], *(value for _, value, _ in heard)]
        value = sum(v * len(part) for v, part in zip(values, parts, strict=True)) / len(batch)
        found = [own[1], *(tuple(torch.from_numpy(a).to(self.at) for a in answers) for _, _, answers in heard)]
        return value, tuple(torch.cat(rows) for rows in zip(*found, strict=True)), whole

    def _tell(self, rank: int, message: object) -> None:
        try:
            self.links[rank - 1].send(message)
        except OSError:
            raise self._gone(rank) from None

    def _hear(self, rank: int) -> tuple[str, float, tuple]:
        try:
            return self.links[rank - 1].recv()  # type: ignore[no-any-return]  # it comes from our own process
        except (EOFError, OSError):
            raise self._gone(rank) from None

    def _exchange(self, what: Callable[[], object]) -> None:
        try:
            what()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # all that gloo and NCCL raise
            for rank, process in enumerate(self.processes, start=1):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)
                    raise self._gone(rank) from None
            said = " ".join(str(error).split())[:200]
            raise InputError(
                f"the devices lost one another ({said}); resume goes on from the last checkpoint"
            ) from None

    def _gone(self, rank: int) -> InputError:
        return InputError(
            f"the process of device {rank + 1} of {self.devices} is gone (its reason is in the log); resume goes on "
            "from the last checkpoint"
        )

    def __exit__(self, *_: object) -> None:
        for link in self.links:
            link.close()
        for process in self.processes:
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if dist.is_initialized():
            dist.destroy_process_group()
        shutil.rmtree(self.folder, ignore_errors=True)


def _spawn(folder: Path, key: bytes) -> subprocess.Popen[bytes]:
    paths = [str(PACKAGE_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
    process = subprocess.Popen(
        [sys.executable, "-m", "npf_engine.transport.peer", str(folder)],
        stdin=subprocess.PIPE,
        stdout=sys.__stderr__,
        stderr=sys.__stderr__,
        env=env,
    )
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(key)
    return process


def place(first: torch.device, rank: int) -> str:
    """The device of a process: on CUDA one each, where there are enough."""
    return f"cuda:{rank % torch.cuda.device_count()}" if first.type == "cuda" else first.type


def backend_of(device: str, devices: int) -> str:
    """NCCL wants a device of its own for each process."""
    own = device == "cuda" and devices <= torch.cuda.device_count() and dist.is_nccl_available()
    return "nccl" if own else "gloo"


def begin_group(folder: Path, backend: str, rank: int, world: int) -> None:
    """Join the processes of one training; they meet in a file of their folder, and talk over loopback alone."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    meeting = f"file://{folder / 'meeting'}"
    dist.init_process_group(backend, init_method=meeting, rank=rank, world_size=world, timeout=PATIENCE)
