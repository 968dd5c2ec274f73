"""The child process of ``launch.run_peer``: reads in.npz and settings.json, writes out.json and maps.npy."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import divergence, entropic, own, strong
from benchmarks.peers.loop import train_and_watch


def main(folder: Path) -> None:
    """Run the peer that the settings name."""
    settings: dict[str, Any] = json.loads((folder / "settings.json").read_text())
    data = dict(np.load(folder / "in.npz"))
    kind = settings.pop("kind")
    if kind == "entropic":
        curve, maps, info = entropic.solve(data, settings)
    elif kind == "divergence":
        curve, maps, info = divergence.solve(data, settings)
    else:
        make = own.make_trainer if kind == "w2neuraldual" else strong.make_trainer
        curve, maps, info = train_and_watch(make(data, kind, settings), data, settings)
    np.save(folder / "maps.npy", maps)
    (folder / "out.json").write_text(json.dumps({"curve": curve, "info": info}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
