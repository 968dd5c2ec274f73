"""What comes in by import: held to the schema, sealed anew by this program, and nothing of a refusal stays."""

from __future__ import annotations

import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from benchmarks import fuzz_bundle
from npf_engine.bundle import check, cleaning, files
from npf_engine.bundle.portable import package_files
from npf_engine.errors import InputError
from npf_engine.polar import PolarFactorization
from npf_engine.runs.store import RunStore
from tests.bundle.test_package import content_of, rezip
from tests.tiny import tiny_bundle


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "home", gallery=None)


@pytest.fixture(autouse=True)
def here() -> Iterator[None]:
    """The checks run in this process: that a child has limits is tested with the child."""
    with fuzz_bundle.in_process():
        yield


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path)


def refused(store: RunStore, path: Path) -> str:
    """The sentence; nothing of the bundle may stay."""
    with pytest.raises(InputError) as caught:
        store.import_bundle(path)
    assert store.list() == [] and list(store.folder.iterdir()) == [], "a refusal left something"
    sentence = str(caught.value)
    assert sentence.isprintable() and len(sentence) < 500
    return sentence


def edited(path: Path, file: str, change: Callable[[dict[str, Any]], object]) -> Path:
    content = content_of(path)
    data = json.loads(content[file])
    change(data)
    text = json.dumps(data).replace('"10^400"', "1" + "0" * 400).replace('"1e999"', "1e999")
    return rezip(path, content | {file: text.encode()})


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("report.json", lambda r: r["metrics"]["pushforward"].update(value="10^400"), "not finite"),
        ("report.json", lambda r: r["metrics"]["pushforward"].update(ratio="1e999"), "not finite"),
        ("report.json", lambda r: r["metrics"]["pushforward"].update(ratio="good"), "metrics.pushforward.ratio"),
        ("report.json", lambda r: r["metrics"].update(inverse=[1, 2]), "metrics.inverse"),
        ("report.json", lambda r: r["seconds"].update(total="fast"), "seconds.total"),
        ("report.json", lambda r: r["seconds"].update(total=-1.0), "seconds.total"),
        ("report.json", lambda r: r.update(verdict="x" * 500), "verdict"),
        ("report.json", lambda r: r.update(verdict_reason="\u202ereversed"), "U+202E"),
        ("report.json", lambda r: r.update(device=["cpu"]), "device"),
        ("config.json", lambda c: c.update(low=[1.0, 2.0, 3.0]), "takes 2 finite numbers"),
        ("config.json", lambda c: c.update(name="n" * 500), "name"),
        ("config.json", lambda c: c.update(name="a\u0000b"), "U+0000"),
        ("config.json", lambda c: c.update(low=[5.0, 5.0], high=[-5.0, -5.0]), "low must be below high"),
        ("config.json", lambda c: c.update(sampler_steps=10**12), "sampler_steps"),
        ("config.json", lambda c: c.update(guide_steps=10**12), "guide_steps"),
        ("config.json", lambda c: c.update(sampler="evil"), "sampler"),
        ("config.json", lambda c: c.update(field=None), "field"),
        ("config.json", lambda c: c.update(info=[]), "info"),
        ("config.json", lambda c: c["field"]["spec"].update(bounds=[1, 2, 3]), "four numbers"),
        ("config.json", lambda c: c["field"]["spec"].update(n_samples=10**15), "n_samples"),
        ("config.json", lambda c: c["field"]["spec"].update(source={"value": "text"}), "source must be"),
        ("config.json", lambda c: c["networks"]["v"].update(d_in=10**9), "v d_in = 1,000,000,000"),
        ("config.json", lambda c: c["networks"]["m"].update(fourier=10**8), "m.fourier"),
        ("config.json", lambda c: c["networks"]["u"].update(hidden=[100_000, 100_000]), "a layer of u"),
        ("config.json", lambda c: c["networks"]["u"].update(hidden=[8000, 8000]), "larger than what the file can hold"),
        ("config.json", lambda c: c["networks"].update(u=None), "u d = None"),
        ("config.json", lambda c: c["units"].update(axes="xy"), "units.axes"),
        ("environment.json", lambda e: e.update(packages=[]), "packages"),
    ],
)
def test_a_value_that_no_bundle_has_is_named(
    store: RunStore, bundle: Path, file: str, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    sentence = refused(store, edited(bundle, file, change))
    assert words in sentence and (file in sentence or "spec" in sentence), sentence


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a": ' * 50 + b"1" + b"}" * 50, b"{", b"null", b"\xff", b'"x"'])
def test_json_that_cannot_be_read_is_named(store: RunStore, bundle: Path, text: bytes) -> None:
    assert "report.json" in refused(store, rezip(bundle, content_of(bundle) | {"report.json": text}))


def test_the_library_builds_no_network_larger_than_its_file(bundle: Path) -> None:
    path = edited(bundle, "config.json", lambda c: c["networks"]["v"].update(d_in=10**9))
    with pytest.raises(InputError, match=r"v\.d_in"):
        PolarFactorization.load(path)
    path = edited(bundle, "config.json", lambda c: c.update(sampler_steps=10**12))
    with pytest.raises(InputError):
        PolarFactorization.load(path)


@pytest.mark.parametrize(
    "name", ["", ".", "x\u202ey", "CONFIG.JSON", "n" * 300, "notes.txt", "evil/config.json", "/", "a\x01b"]
)
def test_members_that_belong_to_no_bundle_are_refused(store: RunStore, bundle: Path, name: str) -> None:
    content = content_of(bundle)
    with zipfile.ZipFile(bundle, "w") as archive:
        for file, data in content.items():
            archive.writestr(file, data)
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"print('owned')")
    assert refused(store, bundle)


def test_an_import_leaves_room_for_runs_at_work(store: RunStore, bundle: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("npf_engine.tasks.files.ROOM", 1 << 60)
    assert "delete runs that are not needed" in refused(store, bundle)


def test_ways_of_packing_that_ask_for_memory_are_refused(store: RunStore, bundle: Path) -> None:
    content = content_of(bundle)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_LZMA) as archive:
        for file, data in content.items():
            archive.writestr(file, data)
    assert "packs" in refused(store, bundle)


def test_tensors_out_of_their_domain_and_headers_out_of_bounds(store: RunStore, bundle: Path) -> None:
    content = content_of(bundle)
    samples = load_tensors(content["samples.safetensors"])
    samples["x_test"] = samples["x_test"] + 50
    sentence = refused(store, rezip(bundle, content | {"samples.safetensors": save_tensors(samples)}))
    assert "outside of the field's domain" in sentence
    model = load_tensors(content["model.safetensors"])
    key = sorted(model)[0]
    broken = save_tensors(model | {key: torch.full_like(model[key], torch.inf)})
    assert "not finite" in refused(store, rezip(bundle, content | {"model.safetensors": broken}))
    header = (2**40).to_bytes(8, "little") + content["model.safetensors"][8:]
    assert "list of tensors" in refused(store, rezip(bundle, content | {"model.safetensors": header}))


def test_a_refusal_names_the_file_as_it_was_given(store: RunStore, bundle: Path, tmp_path: Path) -> None:
    content = content_of(bundle)
    content.pop("config.json")
    for name in ("holiday.zip", "Mine_2.zip"):
        path = tmp_path / name
        path.write_bytes(b"no zip")
        assert refused(store, path).startswith(name)
        path.write_bytes(rezip(bundle, content).read_bytes())
        assert refused(store, path).startswith(f"{name} lacks config.json")


@pytest.mark.parametrize(
    ("shape", "half", "words"),
    [
        ((700, 700), 1.0, "700 x 700 nodes"),
        ((9, 9), 1e9, "out to 1e+09"),
        ((9, 9), -1.0, "lie around 0"),
        ((9, 1), 1.0, "grid"),
    ],
)
def test_a_grid_that_no_bundle_has_is_refused(
    store: RunStore, bundle: Path, shape: tuple[int, int], half: float, words: str
) -> None:
    content = content_of(bundle)
    samples = load_tensors(content["samples.safetensors"])
    grid = {
        "lattice_values": torch.zeros(*shape, 2),
        "lattice_mask": torch.ones(shape, dtype=torch.bool),
        "lattice_half": torch.tensor([half]),
    }
    data = save_tensors(samples | grid)
    assert words in refused(store, rezip(bundle, content | {"samples.safetensors": data}))
    data = save_tensors(samples | {"more": torch.zeros(3)})
    assert "'more'" in refused(store, rezip(bundle, content | {"samples.safetensors": data}))


def test_a_reference_that_is_none_is_refused(store: RunStore, bundle: Path, tmp_path: Path) -> None:
    content = content_of(bundle)
    for arrays in (
        {"x": np.zeros((3, 3)), "y": np.zeros((3, 2))},
        {"x": np.full((3, 2), np.nan), "y": np.zeros((3, 2))},
    ):
        np.savez(tmp_path / "r.npz", **arrays)
        data = (tmp_path / "r.npz").read_bytes()
        assert "reference.npz" in refused(store, rezip(bundle, content | {"reference.npz": data}))
    assert "reference.npz" in refused(store, rezip(bundle, content | {"reference.npz": b"PK"}))


def test_programs_and_card_of_an_import_are_replaced_by_our_own(store: RunStore, bundle: Path) -> None:
    evil = {"npf_model/__init__.py": b"import os", "example.py": b"import os", "README.md": b"# [click](http://evil)"}
    rezip(bundle, content_of(bundle) | evil)
    run = store.import_bundle(bundle)
    served = content_of(store.bundle(run.id))
    assert package_files().items() <= served.items()
    assert b"evil" not in served["README.md"] and b"PASS" in served["example.py"]
    assert set(served) == {*files.FILES, *files.LATER, files.CHECKSUMS, *package_files()}
    check.check_bundle(store.bundle(run.id))
    assert store.model(run.id).d == 2


def test_settings_of_an_import_are_read_as_this_version_knows_them(store: RunStore, bundle: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        config["spec"]["u"]["hidden"] = [10**6]
        config["spec"]["surprise"] = {"a": 1}
        config["spec"]["field"]["source"] = "/etc/passwd"

    run = store.import_bundle(edited(bundle, "config.json", change))
    assert run.spec.u.hidden != (10**6,) and run.spec.field.source == "passwd"
    assert "surprise" not in run.spec_json


def test_a_table_that_takes_nothing_leaves_no_folder(store: RunStore, bundle: Path, monkeypatch: Any) -> None:
    def broken(**columns: Any) -> None:
        raise InputError("the table is locked")

    monkeypatch.setattr(store.table, "insert", broken)
    with pytest.raises(InputError, match="locked"):
        store.import_bundle(bundle)
    assert list(store.folder.iterdir()) == []


def test_what_the_program_writes_is_within_the_schema(bundle: Path) -> None:
    for name in ("himmelblau", "jacksboro", "fractal"):
        check.check_bundle(fuzz_bundle.GALLERY / f"npf-{name}.zip")
    check.check_bundle(bundle)


@pytest.mark.parametrize("seed", [1, 2])
def test_mutants_are_refused_or_can_be_read(tmp_path: Path, bundle: Path, seed: int) -> None:
    path = tmp_path / "npf-mutant.zip"
    for data in itertools.islice(fuzz_bundle.mutants(seed, content_of(bundle)), 40):
        path.write_bytes(data)
        fuzz_bundle.target(path)


@pytest.mark.parametrize("value", [10**400, float("nan"), "\ud800\x00", [[[]]], {"a": {"b": 10**5000}}, b"x", object()])
def test_clean_never_raises_and_leaves_what_json_can_hold(value: Any) -> None:
    json.dumps(cleaning.clean({"key": value}), allow_nan=False).encode()
    assert cleaning.clean_text(value).encode()
