"""What all stages of one training share, and what each of them answers with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from npf_engine.fields.field import Field
from npf_engine.settings.stages import StageSettings
from npf_engine.tasks.recorder import Recorder
from npf_engine.tasks.restoring import trained_once
from npf_engine.transport.distributed import SHARED_FROM

Module = TypeVar("Module", bound=nn.Module, covariant=True)


@dataclass(frozen=True)
class Network(Generic[Module]):
    """A network with the arguments that build it again, and the seconds that its training took."""

    module: Module
    arguments: dict[str, object]
    seconds: float = 0.0


@dataclass(frozen=True)
class Job:
    """The samples x, y = F(x) (n, d) that are trained on, where they are trained on, and who is told of it."""

    field: Field
    x: Tensor
    y: Tensor
    seed: int
    recorder: Recorder
    devices: int = 1  # over which the batches of u's dual and of the bridge are divided

    @staticmethod
    def of(field: Field, settings: StageSettings, recorder: Recorder | None = None) -> Job:
        """A job on the field's training samples, on the device and in the precision of the settings."""
        device = torch.device("cpu" if settings.device == "auto" else settings.device)
        dtype = torch.float64 if settings.dtype == "float64" else torch.float32
        x, y = field.x_train.to(device, dtype), field.y_train.to(device, dtype)
        recorder = recorder or Recorder()
        devices = settings.devices if field.d >= SHARED_FROM else 1
        if devices < settings.devices:
            recorder.note(f"at d = {field.d} a step is shorter than what devices exchange for it: it takes one device")
        return Job(field, x, y, settings.seed, recorder, devices)

    @property
    def y_test(self) -> Tensor:
        """F at the test samples (k, d), where the training is."""
        return self.field.y_test.to(self.y)

    def build(self, kind: Callable[..., Module], arguments: dict[str, object]) -> Network[Module]:
        """``kind(**arguments)``, untrained, where the training is."""
        return Network(kind(**arguments).to(self.x.device, self.x.dtype), arguments)

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """Indices (size,) of training samples, each drawn from all of them."""
        return torch.randint(len(self.x), (size,), generator=generator, device=generator.device)

    def once(self, stage: str, modules: dict[str, nn.Module], train: Callable[[], float]) -> float:
        """The seconds of ``train()``, or of the earlier process that has been through this stage already."""
        return trained_once(self.recorder, f"{stage}.done", modules, train, stage=stage)
