"""A training on two devices (two processes of this processor, gloo): the steps of one with twice the batch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor, nn

from npf_engine import potentials
from npf_engine.errors import InputError
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import distributed, dual
from npf_engine.transport.distributed import Answers, Batch, Divisible, over
from npf_engine.transport.dual import DualPlan, fit_dual
from npf_engine.transport.optimise import optimise
from npf_engine.transport.schedule import At, Schedule, Shown, Stage, Steps
from tests.conftest import ROOT


class Line(nn.Module):
    """mean (w x + b - y)^2, and each row's residual; ``odd`` is in no answer."""

    def __init__(self, fails: float = 1e9) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.w, self.b, self.odd = (nn.Parameter(torch.zeros(())) for _ in range(3))
        self.x = torch.rand(64, generator=g)
        self.y = 3 * self.x - 1
        self.fails = fails

    def forward(self, pick: Tensor, *, power: int) -> tuple[Tensor, Answers]:
        if self.w.item() > self.fails:
            raise ValueError("too steep")
        residual = self.w * self.x[pick] + self.b - self.y[pick]
        return (residual.abs() ** power).mean(), (residual,)


class LineLoss(Divisible):
    def __init__(self, size: int = 7, **options: Any) -> None:
        self.share, self.size = Line(**options), size
        self.seen: list[tuple[float, Tensor]] = []

    def draw(self, at: At, generator: torch.Generator) -> Batch:
        return Batch((torch.randint(64, (self.size,), generator=generator),), {"power": 2})

    def told(self, at: At, batch: Batch, value: Tensor, answers: Answers) -> Shown:
        self.seen.append((float(value), answers[0].clone()))
        return {}


def fitted(loss: LineLoss, devices: int, steps: int = 40) -> tuple[float, float]:
    with over(devices, loss) as divided:
        optimise(divided, {"line": loss.share}, Schedule(0.1), Steps(steps), Recorder(), Stage("line", "line", 1))
    return loss.share.w.item(), loss.share.b.item()


def test_two_devices_take_the_steps_of_one() -> None:
    """Uneven parts (4 and 3 rows) weigh by their size; a parameter that nothing depends on stays."""
    one, two = LineLoss(), LineLoss()
    assert fitted(one, 1) == pytest.approx(fitted(two, 2), rel=1e-5)
    for (value, residual), (same, also) in zip(one.seen, two.seen, strict=True):
        assert same == pytest.approx(value, rel=1e-4, abs=1e-7) and torch.allclose(residual, also, atol=1e-5)
    assert two.share.odd.item() == 0.0 and not torch.distributed.is_initialized()


def test_a_trouble_of_one_device_is_everybodys_and_the_next_batch_is_done() -> None:
    loss = LineLoss(fails=0.25)
    generator, at = torch.Generator().manual_seed(0), At(0, 0.0, 0.0, 0.0, 1.0)
    with over(2, loss) as divided:
        divided(at, generator)
        with torch.no_grad():
            loss.share.w.fill_(0.5)
        with pytest.raises(ValueError, match="too steep"):
            divided(at, generator)
        with torch.no_grad():
            loss.share.w.fill_(0.1)
        value, _ = divided(at, generator)
        value.backward()
    assert float(loss.share.w.grad) != 0.0


def test_a_device_that_dies_is_a_sentence_and_no_wait() -> None:
    loss = LineLoss()
    generator, at = torch.Generator().manual_seed(0), At(0, 0.0, 0.0, 0.0, 1.0)
    with over(2, loss) as divided:
        divided(at, generator)
        os.kill(divided.peers.processes[0].pid, signal.SIGTERM)  # which only the training's process hears
        divided(at, generator)
        os.kill(divided.peers.processes[0].pid, signal.SIGKILL)
        divided.peers.processes[0].wait()
        with pytest.raises(InputError, match=r"device 2 of 2 is gone .* last checkpoint"):
            divided(at, generator)


@pytest.mark.parametrize(("last", "words"), [("SIGKILL", "device 2 of 2 is gone"), ("SIGSTOP", "lost one another")])
def test_a_device_that_does_not_sum_up_is_a_sentence_too(
    last: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of which the others hear once its answer is there: by the end of its connection, or after a while."""
    begin = torch.distributed.init_process_group
    hasty = {"timeout": timedelta(seconds=2)}  # the first one's
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *given, **more: begin(*given, **more | hasty))
    generator, at = torch.Generator().manual_seed(0), At(0, 0.0, 0.0, 0.0, 1.0)
    with over(2, LineLoss()) as divided:
        divided(at, generator)
        peer, tell = divided.peers.processes[0], divided.peers._tell

        def ended(rank: int, message: object) -> None:
            if message is True:
                peer.send_signal(signal.SIGSTOP)
            tell(rank, message)
            if message is True:
                peer.send_signal(getattr(signal, last))

        monkeypatch.setattr(divided.peers, "_tell", ended)
        with pytest.raises(InputError, match=rf"{words}.* last checkpoint"):
            divided(at, generator)
        peer.kill()  # for the way out does not hurry
    assert not torch.distributed.is_initialized()


class Unreadable(Line):
    """Ends the process that takes it up."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise SystemExit(3)


def test_a_device_that_never_has_the_samples_is_a_sentence_and_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "PATIENCE", timedelta(seconds=5))
    loss = LineLoss()
    loss.share = Unreadable()
    with pytest.raises(InputError, match="device 2 of 2 is gone"), over(2, loss):
        pass
    assert not torch.distributed.is_initialized()


def test_a_batch_of_fewer_rows_than_devices_is_done_by_the_first() -> None:
    """The mean over no row would be NaN, and so would everybody's gradient."""
    assert fitted(LineLoss(1), 1, 5) == pytest.approx(fitted(LineLoss(1), 2, 5), rel=1e-5)


@pytest.mark.parametrize("name", ["icnn", pytest.param("wide", marks=pytest.mark.long)])
def test_the_dual_on_two_devices_is_that_of_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses, the share that converged, the remembered conjugates and u itself, in ten dimensions."""
    g = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(400, 10, generator=g, dtype=torch.float64) - 1
    y = x @ torch.diag(torch.linspace(0.5, 3.0, 10).double()) + 0.1 * x**3
    config = PotentialConfig(network=name, hidden=(16, 16), batch=64, dual_steps=12)

    def trained(devices: int) -> tuple[nn.Module, dict[str, Tensor], list[Any]]:
        kept: list[Any] = []

        class Whole(dual.StratifiedDual):
            def __init__(self, *given: Any, **more: Any) -> None:
                super().__init__(*given, **more)
                kept.append(self)

            def step(self, generator: torch.Generator) -> tuple[Tensor, Any]:
                value, gradients = super().step(generator)
                kept.append((float(value), {key: float(n) for key, n in self.between(0).items()}))
                return value, gradients

        class Parts(dual.DividedDual):
            def __init__(self, *given: Any, **more: Any) -> None:
                super().__init__(*given, **more)
                kept.append(self)

            def told(self, *given: Any) -> Shown:
                kept.append((float(given[2]), super().told(*given)))
                return kept[-1][1]

        monkeypatch.setattr(dual, "StratifiedDual", Whole)
        monkeypatch.setattr(dual, "DividedDual", Parts)
        u = potentials.potential_class(name).from_settings(10, config, 3, published=False).double()
        u.start_at_identity(x, 2.0)
        plan = replace(DualPlan.of(config, ConjugateConfig()), devices=devices)
        fit_dual(u, x, y, plan, 5, Recorder())
        return u, kept[0].memory, kept[1:]

    (u, memory, seen), (same, also, again) = trained(1), trained(2)
    assert len(seen) == len(again) == 12
    for (value, shown), (other, there) in zip(seen, again, strict=True):
        assert other == pytest.approx(value, rel=1e-7, abs=1e-9) and there["converged"] == shown["converged"]
        assert there["dual"] == pytest.approx(shown["dual"], rel=1e-7)
    assert torch.allclose(memory["xhat"], also["xhat"], atol=1e-6, equal_nan=True)
    for one, two in zip(u.parameters(), same.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-8)


def test_devices_and_how_they_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [distributed.place(torch.device("cpu"), rank) for rank in (0, 1)] == ["cpu", "cpu"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    assert [distributed.place(torch.device("cuda"), rank) for rank in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    talks = [distributed.backend_of(*asked) for asked in (("cuda", 2), ("cuda", 3), ("cpu", 2))]
    assert talks == ["nccl", "gloo", "gloo"]


def test_a_training_that_was_killed_leaves_no_process() -> None:
    script = (
        "import sys, time\nfrom tests.transport.test_distributed import LineLoss, over\n"
        "with over(2, LineLoss()) as divided:\n print(divided.peers.processes[0].pid, flush=True)\n time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT, text=True) as training:
        assert training.stdout is not None
        peer = psutil.Process(int(training.stdout.readline()))
        assert peer.is_running()
        training.kill()
    peer.wait(timeout=60)
