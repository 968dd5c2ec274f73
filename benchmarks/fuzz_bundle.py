"""Bundles that somebody has tampered with: structure-aware mutants of a sound one, and what the program does to each.

    python -m benchmarks.fuzz_bundle --seconds 300 [--seed 0]

``mutants(seed)`` makes them without an end, ``target(path)`` takes one in as the Models page does, reads back all that
the pages read, and deletes it. A sentence (InputError) is the program's right; any other exception, a folder left
after a refusal, or more than ``SLOW`` seconds of processor time is a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import lzma
import random
import resource
import struct
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from npf_engine.bundle import files
from npf_engine.errors import InputError
from npf_engine.figures import accuracy
from npf_engine.measures.views import factorization_view
from npf_engine.runs.store import RunStore
from npf_engine.settings.dotted import dotted_values
from npf_engine.studies import kinds
from npf_engine.studies.factorization.spec import to_json
from npf_engine.tasks import child

GALLERY = Path(__file__).resolve().parents[1] / "assets" / "gallery"
SLOW = 5.0
JSON_FILES = (files.CONFIG, files.REPORT, files.ENVIRONMENT)
RAW = "\u0001raw:"  # a text that begins so is written into the JSON without its quotes
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    0.5,
    1e9,
    1e300,
    -1e308,
    RAW + "1e999",
    RAW + "NaN",
    RAW + "-Infinity",
    RAW + "1" + "0" * 400,
    RAW + "1" + "0" * 5000,
    RAW + "[" * 200 + "]" * 200,
    RAW + "[" * 100_000,
    2**63,
    2**53 + 1,
    "",
    "x",
    "x" * 5000,
    "\u0000",
    "\u202eevil",
    "\ud800",
    "![a](http://host/a.png)",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "function",
    "samples",
    "expression",
    "../../etc/passwd",
    "/etc/passwd",
    "classifier",
    "sin(x)",
    [],
    {},
    [1, 2, 3],
    [None],
    [[]],
    ["a"],
    [1e300, 1e300],
    {"a": 1},
    {"": {"": None}},
    {"value": "text"},
)
NAMES = (
    "",
    ".",
    "/",
    "a/",
    "../x",
    "/abs",
    "x\x00y",
    "CONFIG.JSON",
    "config.json",
    "a" * 300,
    "con",
    "x\u202ey",
    "./config.json",
)


def base(name: str = "himmelblau") -> dict[str, bytes]:
    """Name -> content of a sound bundle of the gallery."""
    with zipfile.ZipFile(GALLERY / f"npf-{name}.zip") as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def seeds() -> list[bytes]:
    """The bundles that are tampered with."""
    return [path.read_bytes() for path in sorted(GALLERY.glob("npf-*.zip"))]


def mutants(seed: int, content: dict[str, bytes] | None = None) -> Iterator[bytes]:
    """Tampered zips, without an end; the same for the same seed. Most have checksums that fit: the checks behind them
    are what is tried."""
    rng = random.Random(seed)
    content = base() if content is None else content
    while True:
        changed = dict(content)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            _change(rng, changed)
        if rng.random() < 0.95:
            rest = {name: data for name, data in changed.items() if name != files.CHECKSUMS}
            changed[files.CHECKSUMS] = files.checksums(rest).encode()
        yield _zipped(rng, changed)


def mutator(data: bytes, rng: random.Random) -> bytes:
    """One tampered zip of the bundle ``data``, as ``check_fuzz`` asks for it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            content = {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, OSError, EOFError, ValueError):
        return _mutated_bytes(rng, data)  # damaged before
    if not content:
        return data
    return next(mutants(rng.randrange(2**32), content))


def _change(rng: random.Random, content: dict[str, bytes]) -> None:
    kind = rng.random()
    if kind < 0.7:
        name = rng.choices(JSON_FILES, (6, 3, 1))[0]
        content[name] = mutated_json(rng, content.get(name, b"{}"))
    elif kind < 0.85:
        name = rng.choice((files.MODEL, files.SAMPLES))
        content[name] = _mutated_tensors(rng, content.get(name, b""))
    elif kind < 0.95:
        name = rng.choice(sorted(content))
        content[name] = _mutated_bytes(rng, content[name])
    else:
        content.pop(rng.choice(sorted(content)))


def mutated_json(rng: random.Random, data: bytes) -> bytes:
    """The JSON object in ``data`` with one value replaced, removed, added or repeated; as it is where it is none."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data
    places: list[tuple[Any, Any]] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            places.append((node, key))
            stack.append(node[key])
    if places:
        node, key = rng.choice(places)
        how = rng.random()
        if how < 0.75:
            node[key] = rng.choice(VALUES)
        elif how < 0.85:
            del node[key]
        elif isinstance(node, list):
            node += [node[key]] * rng.choice((1, 1000))
        else:
            node[rng.choice(("x", "", "__class__", "n" * 300, "a\nb"))] = rng.choice(VALUES)
    text = json.dumps(tree)
    for value in VALUES:
        if isinstance(value, str) and value.startswith(RAW):
            text = text.replace(json.dumps(value), value.removeprefix(RAW))
    return text.encode()


def _mutated_tensors(rng: random.Random, data: bytes) -> bytes:
    if len(data) < 8:
        return data
    (size,) = struct.unpack("<Q", data[:8])
    header, body = data[8 : 8 + size], bytearray(data[8 + size :])
    how = rng.random()
    if how < 0.5:
        header = mutated_json(rng, header)
    elif how < 0.7:
        size = rng.choice((0, 1, size + 1, 2**40, 2**63, len(data)))
        return struct.pack("<Q", size) + header + bytes(body)
    else:
        at = 4 * rng.randrange(max(1, len(body) // 4))
        body[at : at + 4] = struct.pack("<f", rng.choice((float("nan"), float("inf"), 1e38, -50.0, 0.0)))
    return struct.pack("<Q", len(header)) + header + bytes(body)


def _mutated_bytes(rng: random.Random, data: bytes) -> bytes:
    how, at = rng.random(), rng.randrange(max(1, len(data)))
    if how < 0.3:
        return data[:at]
    if how < 0.6:
        return data[:at] + bytes(rng.randrange(256) for _ in range(4)) + data[at + 4 :]
    return rng.choice((b"", b"\x00" * 100, b"\xff\xfe", b"[]", b"{}", b"null", b"PK\x05\x06" + b"\x00" * 18))


def _zipped(rng: random.Random, content: dict[str, bytes]) -> bytes:
    members: list[tuple[str, bytes, int, int]] = [
        (name, data, 0o644 << 16, zipfile.ZIP_STORED) for name, data in content.items()
    ]
    if rng.random() < 0.15:
        name, data, mode, method = rng.choice(members)
        how = rng.randrange(4)
        extra = (
            (rng.choice(NAMES), data, mode, method),
            (name, data[::-1], mode, method),
            (name + "2", b"/etc/passwd", 0o120777 << 16, method),
            (name.upper(), data, mode, rng.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))),
        )[how]
        members.append(extra)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice is what is meant
        for name, data, mode, method in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr, info.compress_type = name, mode, method
            archive.writestr(info, data)
    found = buffer.getvalue()
    return _mutated_bytes(rng, found) if rng.random() < 0.03 else found


def target(path: Path, home: Path | None = None) -> str | None:
    """Take the bundle ``path`` in and read it as the pages do; the sentence with which it was refused, or None.

    Raises whatever is a fault: any exception but InputError, AssertionError for folders that stayed.
    """
    with tempfile.TemporaryDirectory() as folder, in_process():
        store = RunStore(home or folder, gallery=None)
        before = sorted(store.folder.iterdir())
        try:
            run = store.import_bundle(path)
        except InputError as error:
            assert sorted(store.folder.iterdir()) == before, "a refusal left a folder behind"
            return told(error)
        try:
            read(store, run.id)
        finally:
            store.delete(run.id)
        assert sorted(store.folder.iterdir()) == before
        return None


def in_process() -> contextlib.AbstractContextManager[Any]:
    """Bundles are checked here and not in a child: that one would make a sentence of a fault, and takes seconds."""
    return mock.patch.object(child, "call", lambda function, *args, **options: function(*args))


def told(error: InputError) -> str:
    """The sentence of a refusal, which must be one short printable line."""
    text = str(error)
    assert text.isprintable() and len(text) < 600, f"no sentence: {text[:200]!r}"
    return text


def read(store: RunStore, run_id: str) -> None:
    """All that pages read of a run that was accepted: nothing of it may fail."""
    (run,) = (run for run in store.list(kinds.TRAIN) if run.id == run_id)
    to_json(run.spec)
    dotted_values(run.spec)
    accuracy.rows(run.metrics or {})
    accuracy.ladder(run.metrics or {}).to_json()
    float((run.seconds or {}).get("total") or 0)
    report = store.report(run_id) or {}
    assert isinstance(report.get("verdict_reason"), str | None)
    assert run.name.isprintable() and len(run.name) <= 120
    model = store.model(run_id)
    assert bool(torch.isfinite(model.scaling.to_user(model.samples["x_test"][:8].double())).all())
    factorization_view(model, 64)


def hunt(seconds: float, seed: int, say: Callable[[str], None] = print) -> list[str]:
    """Mutants for so long; the faults, each with the number of its mutant."""
    faults: list[str] = []
    refused = count = 0
    slowest = 0.0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "npf-mutant.zip"
        for count, data in enumerate(mutants(seed), start=1):
            path.write_bytes(data)
            start = time.process_time()
            try:
                refused += target(path) is not None
            except Exception as error:
                faults.append(f"{count}: {type(error).__name__}: {str(error)[:200]}")
                say(faults[-1])
            spent = time.process_time() - start
            slowest = max(slowest, spent)
            if spent > SLOW:
                faults.append(f"{count}: {spent:.1f} s")
                say(faults[-1])
            if time.monotonic() - began > seconds:
                break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    say(f"{count} mutants, {refused} refused, {len(faults)} faults, slowest {slowest:.2f} s, peak memory {peak:.0f} MB")
    return faults


def main() -> int:
    """The exit code is 1 where there is a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    return bool(hunt(args.seconds, args.seed))


if __name__ == "__main__":
    raise SystemExit(main())
