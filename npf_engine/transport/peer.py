"""A process of a training on several devices (distributed.py): ``python -m npf_engine.transport.peer FOLDER``.

It knows the modules and the samples; each step hands it the weights and its rows. What it is sent comes over a socket
in a folder of this user, with a key that it reads from its standard input.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Client, Connection
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from npf_engine.settings import reading
from npf_engine.transport import distributed

LOOK_SECONDS = 1.0  # between two looks whether the training is still there


def main(folder: Path) -> int:
    """Serve one training to its end; the exit code."""
    # What ends the training's process lets it save first, and a step needs us until then.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = Client(str(folder / "peers"), "AF_UNIX", authkey=sys.stdin.buffer.read())
    about = reading.as_mapping("about", link.recv())
    threading.Thread(target=_end_with, args=(reading.whole(about, "parent"),), daemon=True).start()
    device, rank = torch.device(reading.text(about, "device")), reading.whole(about, "rank")
    torch.set_num_threads(reading.whole(about, "threads"))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Our own file, in a folder that nobody else can write to: it holds modules, which weights alone are not.
    share: nn.Module = torch.load(folder / "share.pt", map_location=device, weights_only=False)
    link.send(("", 0.0, ()))  # from here on it is waited for
    distributed.begin_group(folder, reading.text(about, "backend"), rank, reading.whole(about, "world"))
    try:
        while _step(link, share, device):
            pass
    except (EOFError, OSError):
        pass  # the training is over
    dist.destroy_process_group()
    return 0


def _step(link: Connection, share: nn.Module, device: torch.device) -> bool:
    rows, options, weight = link.recv()
    parameters = distributed.trained(share)
    weights = distributed.flat(list(parameters))
    dist.broadcast(weights, 0)
    with torch.no_grad():
        for parameter, part in zip(parameters, weights.split([p.numel() for p in parameters]), strict=True):
            parameter.copy_(part.view_as(parameter))
    batch = distributed.Batch(tuple(torch.from_numpy(array).to(device) for array in rows), options)
    try:
        value, answers, whole = distributed.gradient(share, batch, weight)
    except (torch.linalg.LinAlgError, ValueError) as error:  # of numbers that are not finite: the training goes back
        link.send((str(error) or "a solver failed", 0.0, ()))
        link.recv()
        return True
    link.send(("", value, tuple(answer.cpu().numpy() for answer in answers)))
    if link.recv():
        dist.all_reduce(whole)
    return True


def _end_with(parent: int) -> None:
    """A training that was killed leaves nobody waiting for it."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
