"""The computers of a Slurm cluster, as sinfo lists them."""

from __future__ import annotations

import functools
import os
import re

from npf_engine.runs.executors.node import Node
from npf_engine.runs.executors.slurm_queue import ask
from npf_engine.tasks import steady

FRESH = 10.0  # seconds for which a list is good
MB = 2**20


def nodes() -> list[Node]:
    """Each node once, whatever partitions it is in. Raises InputError where Slurm does not answer."""
    config, path = os.environ.get("SLURM_CONF", ""), os.environ.get("PATH", "")
    return list(_nodes(config, path, int(steady.seconds() // FRESH)))


@functools.lru_cache(maxsize=4)
def _nodes(config: str, path: str, moment: int) -> tuple[Node, ...]:
    lines = ask(["sinfo", "--noheader", "--Node", "--format=%N|%T|%C|%m|%e|%G"]).splitlines()
    found = [_node(*line.split("|")) for line in lines if line.count("|") == 5]
    return tuple({node.name: node for node in found}.values())


def _node(name: str, state: str, cores: str, memory: str, free: str, gres: str) -> Node:
    """``cores``: allocated/idle/other/total; ``gres``: gpu:a100:4(S:0-1),... or (null)."""
    busy, _, _, total = (cores.split("/") + [""] * 4)[:4]
    gpus: list[str] = []
    for kind, count in re.findall(r"gpu(?::([^:,(]*[^:,(\d][^:,(]*))?:(\d+)", gres):
        gpus += [kind or "GPU"] * int(count)
    numbers = [int(text) if text.isdigit() else None for text in (total, busy, memory, free)]
    size, left = (None if number is None else number * MB for number in numbers[2:])
    return Node(name, state, numbers[0], numbers[1], size, left, tuple(gpus))
