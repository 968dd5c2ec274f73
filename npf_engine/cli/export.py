"""``export``: a trained model as programs for others, or as the folder that a model hub takes."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from npf_engine.cli.output import Answer
from npf_engine.errors import InputError

HUB = "hub"


def export(args: argparse.Namespace) -> Answer:
    """u, grad u and M_xi of a bundle as ONNX or .pt2, compared with the model; or the bundle as a folder."""
    from npf_engine.bundle import exchange
    from npf_engine.bundle.package import read_bundle, unpack_bundle
    from npf_engine.tasks import layout

    began = time.perf_counter()
    bundle = read_bundle(args.bundle)
    name = layout.slug(bundle.name)
    if args.format == HUB:
        folder = Path(args.out or f"npf-{name}")
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder} is not empty; give --out a folder that is new or empty")
        unpack_bundle(bundle.path, folder)
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        hub: dict[str, object] = {
            "out": str(folder),
            "format": HUB,
            "files": [{"file": file, "difference": None} for file in files],
        }
        text = f"{len(files)} files in {folder}: upload it as it is; npf.load takes the folder or a checkout of it"
        return Answer(hub | {"seconds": time.perf_counter() - began}, text)
    out = Path(args.out or f"npf-{name}-{args.format}.zip")
    model = bundle.model()
    found = exchange.exports(model, args.format)
    data = exchange.packed(model, found, args.format, bundle.name)
    with layout.writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    layout.write_atomic(out, data)
    told: dict[str, object] = {
        "out": str(out),
        "format": args.format,
        "files": [
            {"file": item.file, "difference": item.difference, "checked_with": item.checked_with} for item in found
        ],
        "seconds": time.perf_counter() - began,
    }
    lines = [f"{item.file}: differs by {item.difference:.1e} of its spread ({item.checked_with})" for item in found]
    return Answer(told, "\n".join([f"{len(found)} programs in {out}", *lines]))
