"""The bundle: what is in it, that it works alone, and that every defect is refused with its sentence."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from npf_engine.bundle import files
from npf_engine.bundle.package import (
    check_bundle,
    load_bundle,
    read_bundle,
    unpack_bundle,
)
from npf_engine.bundle.portable import package_files
from npf_engine.errors import InputError
from npf_engine.numbers import number
from npf_engine.polar import PolarFactorization
from npf_engine.polar.storage import BUNDLE
from npf_engine.studies.factorization.bundling import training_command, write_bundle
from npf_engine.studies.factorization.spec import from_json, preset, to_json, with_values
from npf_engine.tasks import layout
from tests.tiny import tiny_bundle, tiny_run, tiny_spec

# Imports of anything but these (and what they import themselves) make the script fail.
ONLY = """
import sys, importlib.abc
class Wall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"npf_engine", "scipy", "ot", "geomloss", "torchsde", "sklearn", "streamlit", "plotly",
                                  "pandas", "matplotlib", "rasterio", "elevation", "pyarrow"}:
            raise ImportError("a bundle must not need " + name)
sys.meta_path.insert(0, Wall())
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path)


@pytest.fixture
def folder(bundle: Path, tmp_path: Path) -> Path:
    return unpack_bundle(bundle, tmp_path / "unpacked")


def content_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rezip(path: Path, content: dict[str, bytes], sums: bool = True) -> Path:
    """Write a bundle anew, with checksums that fit unless told otherwise."""
    if sums:
        rest = {name: data for name, data in content.items() if name != files.CHECKSUMS}
        content = rest | {files.CHECKSUMS: files.checksums(rest).encode()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def run_example(folder: Path) -> subprocess.CompletedProcess[str]:
    """example.py behind the wall, from another working folder."""
    code = ONLY + f"import runpy; sys.path.insert(0, {str(folder)!r}); sys.argv = ['example.py']\n"
    code += f"runpy.run_path({str(folder / 'example.py')!r}, run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code], cwd="/", capture_output=True, text=True, timeout=120, check=False
    )


# -- what is written --------------------------------------------------------------------------------------------------


def test_a_bundle_has_every_file_and_passes_its_own_check(bundle: Path) -> None:
    check_bundle(bundle)
    assert set(content_of(bundle)) == {*files.FILES, *files.LATER, files.CHECKSUMS, *package_files()}


def test_reading_gives_back_name_spec_and_report(bundle: Path) -> None:
    _, report, spec = tiny_run()
    read = read_bundle(bundle)
    assert read.name == "himmelblau"
    assert from_json(read.config["spec"]) == spec
    assert read.report["verdict"] == report["verdict"]
    assert read.report["metrics"]["pushforward"]["value"] == report["metrics"]["pushforward"]["value"]


def test_the_model_comes_back_from_zip_and_folder_with_the_same_answers(bundle: Path, folder: Path) -> None:
    model = tiny_run()[0]
    x = model.scaling.to_user(model.samples["x_test"][:20].double())
    for loaded in (load_bundle(bundle), load_bundle(folder), PolarFactorization.load(bundle)):
        assert torch.equal(loaded.grad_u(x), model.grad_u(x))
        assert torch.equal(loaded.preimages(x[0], 16, seed=3), model.preimages(x[0], 16, seed=3))


def test_the_same_run_gives_the_same_zip(tmp_path: Path) -> None:
    model, report, spec = tiny_run()
    first = write_bundle(model, report, spec, tmp_path / "a.zip").read_bytes()
    assert first == write_bundle(model, report, spec, tmp_path / "b.zip").read_bytes()


def test_checksums_are_read_by_sha256sum(folder: Path) -> None:
    answer = subprocess.run(["sha256sum", "--check", "--strict", files.CHECKSUMS], cwd=folder, capture_output=True)
    assert answer.returncode == 0, answer.stdout


def test_the_card_shows_every_measured_figure_and_the_verdict(folder: Path) -> None:
    _, report, _ = tiny_run()
    card = (folder / "README.md").read_text()
    assert report["verdict"] in card and report["verdict_reason"] in card
    for key in ("pushforward", "measure_preservation", "inverse"):
        for figure in ("value", "self_distance", "trivial"):
            assert number(report["metrics"][key][figure], 4, dash="") in card
    assert "from -5 to 5" in card


def test_folders_of_this_machine_do_not_travel(tmp_path: Path) -> None:
    model, report, spec = tiny_run()
    secret = "/home/somebody/private/terrain.tif"
    spec = dataclasses.replace(spec, field=dataclasses.replace(spec.field, source=secret))
    info = model.info | {"warnings": [f"{secret} has voids"]}
    model = dataclasses.replace(model, field_spec=dataclasses.asdict(spec.field), info=info)
    path = write_bundle(model, report | {"bundle": "/home/somebody/x.zip"}, spec, tmp_path / "npf-x.zip")
    for name, data in content_of(path).items():
        assert b"somebody" not in data, name
    assert "terrain.tif" in (unpack_bundle(path, tmp_path / "u") / "command.txt").read_text()


def test_the_command_trains_the_same_spec_again() -> None:
    import shlex

    from npf_engine.cli.parser import build_parser
    from npf_engine.cli.train import training_spec

    spec = tiny_spec("linear", **{"field.rho": "disc", "field.matrix": ((2.0, 1.0), (0.0, 3.0)), "seed": 7})
    words = shlex.split(training_command(spec))
    assert words[:3] == ["python", "-m", "npf_engine"]
    again = training_spec(build_parser().parse_args(words[3:]))
    wanted = to_json(spec) | {"device": "auto", "threads": 0}  # chosen anew on each machine
    assert to_json(again) == wanted
    spec = with_values(preset("quick"), {"solver": "published", "m.activation": "silu", "field.source": "himmelblau"})
    again = training_spec(build_parser().parse_args(shlex.split(training_command(spec))[3:]))
    assert again.m == spec.m and again.solver == "published"


# -- npf_model.py alone -----------------------------------------------------------------------------------------------


def test_example_passes_without_the_engine(folder: Path) -> None:
    answer = run_example(folder)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "PASS"


def test_example_fails_and_says_by_how_much_when_the_weights_are_others(folder: Path) -> None:
    tensors = load_tensors((folder / "model.safetensors").read_bytes())
    tensors["u.out.B"] = tensors["u.out.B"] + 0.05
    (folder / "model.safetensors").write_bytes(save_tensors(tensors))
    answer = run_example(folder)
    assert answer.returncode == 1
    assert answer.stdout.splitlines()[-1].startswith("FAIL: ")
    assert float(answer.stdout.split("differs by ")[1].split()[0]) > 1e-3


def test_example_fails_when_an_answer_is_missing_its_shape(folder: Path) -> None:
    with np.load(folder / "reference.npz") as file:
        arrays = dict(file)
    np.savez(folder / "reference.npz", **arrays | {"grad_u": arrays["grad_u"][:-1]})
    assert run_example(folder).stdout.splitlines()[-1].startswith("FAIL: grad_u")


@pytest.mark.parametrize("source", ["himmelblau", "jacksboro", "doubling"])
def test_the_package_computes_what_the_engine_computes(source: str, tmp_path: Path) -> None:
    unpack_bundle(tiny_bundle(tmp_path, source), tmp_path / "u")
    answer = run_example(tmp_path / "u")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    for line in answer.stdout.splitlines()[:-1]:
        assert float(line.split("difference ")[1].split()[0]) <= 1e-5, line


def test_a_model_that_samples_by_heun_travels_with_the_exact_step(tmp_path: Path) -> None:
    model, report, spec = tiny_run()
    heun = dataclasses.replace(model, sampler="heun")
    y = torch.zeros(2)
    assert not torch.equal(heun.preimages(y, 8), model.preimages(y, 8))
    path = write_bundle(heun, report, spec, tmp_path / "npf-heun.zip")
    assert load_bundle(path).sampler == "heun"
    assert run_example(unpack_bundle(path, tmp_path / "u")).stdout.splitlines()[-1] == "PASS"


def test_a_bundle_of_before_has_one_file_in_place_of_the_package(bundle: Path, tmp_path: Path) -> None:
    content = {name: data for name, data in content_of(bundle).items() if not name.startswith("npf_model/")}
    check_bundle(rezip(bundle, content | {"npf_model.py": b"class PolarFactorization: ..."}))
    assert torch.equal(load_bundle(bundle).u.like, tiny_run()[0].u.like)
    folder = unpack_bundle(bundle, tmp_path / "unpacked")
    assert (folder / "npf_model.py").is_file() and read_bundle(folder).name == "himmelblau"


# -- what is refused --------------------------------------------------------------------------------------------------


def refusal(path: Path) -> str:
    """The sentence with which a bundle is refused."""
    with pytest.raises(InputError) as caught:
        check_bundle(path)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 400
    with pytest.raises(InputError):
        load_bundle(path)
    return sentence


@pytest.mark.parametrize("name", [*files.FILES, files.CHECKSUMS, "npf_model/__init__.py"])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    content = content_of(bundle)
    del content[name]
    assert f"lacks {name}" in refusal(rezip(bundle, content, sums=False))


@pytest.mark.parametrize("name", ["model.safetensors", "npf_model/networks/quadratic_icnn.py", "report.json"])
def test_a_changed_file_is_named(bundle: Path, name: str) -> None:
    content = content_of(bundle)
    content[name] = content[name][:-1] + bytes([content[name][-1] ^ 1])
    assert f"{name} in npf-himmelblau.zip is not what was written" in refusal(rezip(bundle, content, sums=False))


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil", "..\\evil", "C:evil"])
def test_a_name_that_leads_out_is_refused_and_nothing_is_written(bundle: Path, tmp_path: Path, name: str) -> None:
    rezip(bundle, content_of(bundle) | {name: b"print('owned')"})
    assert "leads out of its folder" in refusal(bundle)
    with pytest.raises(InputError):
        unpack_bundle(bundle, tmp_path / "target")
    assert not list(tmp_path.rglob("*evil*")) and not (tmp_path / "target").exists()


def test_a_link_is_refused(bundle: Path) -> None:
    with zipfile.ZipFile(bundle, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert "a link" in refusal(bundle)


def test_a_bomb_is_refused_before_it_is_unpacked(bundle: Path) -> None:
    rezip(bundle, content_of(bundle) | {"samples.safetensors": bytes(100 * 2**20)}, sums=False)
    assert bundle.stat().st_size < 2 * 2**20
    assert "would unpack to" in refusal(bundle)


def test_many_files_are_refused(bundle: Path) -> None:
    rezip(bundle, content_of(bundle) | {f"f{k}": b"" for k in range(BUNDLE.files)})
    assert f"at most {BUNDLE.files}" in refusal(bundle)


def test_names_that_disagree_are_not_quoted_at_length(bundle: Path) -> None:
    """The header of a member says another name than the directory: 3,000 bytes that nobody can read."""
    whole = bytearray(bundle.read_bytes())
    at = whole.index(b"PK\x03\x04", 10)
    length = int.from_bytes(whole[at + 26 : at + 28], "little")
    whole[at + 26 : at + 28] = (3000).to_bytes(2, "little")
    whole[at + 30 : at + 30 + length] = b"\xc5" * length
    bundle.write_bytes(whole)
    sentence = refusal(bundle)
    assert "download it again" in sentence and len(sentence) < 400 and sentence.isprintable()


def test_no_zip_half_a_zip_and_another_zip_are_told_apart(bundle: Path, tmp_path: Path) -> None:
    whole = bundle.read_bytes()
    (tmp_path / "text.zip").write_text("hello")
    assert "it is no zip file" in refusal(tmp_path / "text.zip")
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    assert "download it again" in refusal(tmp_path / "half.zip")
    flipped = bytearray(whole)
    flipped[len(flipped) // 3] ^= 255
    (tmp_path / "flipped.zip").write_bytes(flipped)
    assert "download it again" in refusal(tmp_path / "flipped.zip")
    assert "is no bundle" in refusal(rezip(tmp_path / "other.zip", {"holiday.jpg": b"..."}, sums=False))
    assert "there is no bundle" in refusal(tmp_path / "nowhere.zip")


def edit(config: Callable[[dict], object]) -> Callable[[Path], Path]:
    def change(path: Path) -> Path:
        content = content_of(path)
        data = json.loads(content["config.json"])
        config(data)
        return rezip(path, content | {"config.json": json.dumps(data).encode()})

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(format=99), "format 99 and this program reads format 1; update this program"),
        (lambda c: c.pop("format"), "bundle format None"),
        (lambda c: c.update(d="2"), "gives d = '2'"),
        (lambda c: c.update(d=3), "takes 3 finite numbers"),
        (lambda c: c["scaling"].update(scale=[0.0, 1.0]), "scale that is not positive"),
        (
            lambda c: c["networks"]["u"].update(hidden=[8, 9]),
            "u.direct.1.A has shape (8, 2) where the settings need (9, 2)",
        ),
        (lambda c: c["networks"]["m"].update(hidden=[10**9, 10**9]), "a layer of m is out of range"),
        (lambda c: c["networks"]["m"].update(hidden=[]), "hidden layers []"),
        (lambda c: c["networks"]["m"].update(activation="evil"), "cannot be built"),
        (lambda c: c["networks"]["m"].update(surprise=1), "cannot be built"),
        (lambda c: c["networks"].pop("m"), "which the settings do not know"),
        (lambda c: c["networks"].pop("u"), "does not say which networks"),
    ],
)
def test_settings_that_do_not_fit_are_refused(bundle: Path, change: Callable[[dict], object], words: str) -> None:
    assert words in refusal(edit(change)(bundle))


def test_tensors_that_do_not_fit_are_refused(bundle: Path) -> None:
    content = content_of(bundle)
    tensors = load_tensors(content["model.safetensors"])
    name = next(iter(tensors))

    def with_tensors(**changes: torch.Tensor) -> Path:
        return rezip(bundle, content | {"model.safetensors": save_tensors(tensors | changes)})

    assert "has shape (7,)" in refusal(with_tensors(**{name: torch.zeros(7)}))
    assert "not finite" in refusal(with_tensors(**{name: tensors[name] * torch.nan}))
    assert "holds extra" in refusal(with_tensors(extra=torch.zeros(1)))
    assert "safetensors" in refusal(rezip(bundle, content | {"model.safetensors": b"\x80\x04pickle"}))
    samples = load_tensors(content["samples.safetensors"])
    samples["y_test"] = samples["y_test"][:-1].contiguous()
    assert "one shape" in refusal(rezip(bundle, content | {"samples.safetensors": save_tensors(samples)}))


def test_json_that_is_none_is_refused(bundle: Path) -> None:
    content = content_of(bundle)
    assert "config.json in npf-himmelblau.zip is not JSON" in refusal(rezip(bundle, content | {"config.json": b"{"}))
    assert "no settings" in refusal(rezip(bundle, content | {"config.json": b"[]"}))
    assert "accuracy table" in refusal(rezip(bundle, content | {"report.json": b"{}"}))


def test_a_bundle_zipped_again_with_its_folder_is_read(bundle: Path) -> None:
    inside = {f"npf-himmelblau/{name}": data for name, data in content_of(bundle).items()}
    finder = {"npf-himmelblau/.DS_Store": b"", "__MACOSX/npf-himmelblau/._config.json": b"x"}
    rezip(bundle, inside | finder, sums=False)
    assert read_bundle(bundle).name == "himmelblau"
    assert load_bundle(bundle).d == 2


def test_a_place_that_cannot_be_written_is_named_and_left_alone(tmp_path: Path) -> None:
    model, report, spec = tiny_run()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        write_bundle(model, report, spec, tmp_path / "file" / "npf-x.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_name_of_a_bundle_is_safe_in_a_shell() -> None:
    assert layout.bundle_name("Mont Blanc / été; rm -rf") == "npf-mont-blanc-ete-rm-rf.zip"


def test_reference_holds_inputs_and_answers(folder: Path) -> None:
    model = tiny_run()[0]
    with np.load(io.BytesIO((folder / "reference.npz").read_bytes()), allow_pickle=False) as file:
        x, y = torch.from_numpy(file["x"]), torch.from_numpy(file["y"])
        assert model.function is not None
        assert torch.allclose(model.function(model.scaling.to_model(x).float()), y.float(), rtol=1e-4)
        assert np.array_equal(file["grad_u"], model.grad_u(x).numpy())
        assert file["preimages"].shape == (4, 32, 2)


# -- for hubs and readers --------------------------------------------------------------------------------------------


def test_a_checkout_of_a_hub_loads_with_what_the_hub_put_beside_it(folder: Path) -> None:
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs")
    (folder / ".cache" / "huggingface").mkdir(parents=True)
    (folder / ".cache" / "huggingface" / "x.lock").write_text("")
    (folder / "README.md").write_text((folder / "README.md").read_text() + "\nTrained in spring.\n")
    assert load_bundle(folder).d == 2
    zipped_again = folder.parent / "download.zip"
    with zipfile.ZipFile(zipped_again, "w") as archive:
        for path in folder.rglob("*"):
            if path.is_file():
                archive.write(path, f"npf-model-main/{path.relative_to(folder)}")
    assert load_bundle(zipped_again).d == 2


def test_weights_that_git_lfs_has_not_fetched_are_named(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(InputError, match=r"model\.safetensors in .* is a pointer of Git LFS.*git lfs pull"):
        load_bundle(folder)


def test_the_card_begins_with_yaml_whatever_the_names_hold(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    model, report, spec = tiny_run()
    evil = dataclasses.replace(spec, name='a: "b" ---')
    model = dataclasses.replace(
        model,
        info=model.info
        | {
            "provenance": {
                "source": "x\n---\n# <b>h</b> [a](http://b)",
                "crs": "EPSG:3857",
                "steps": {"time": "2001-02-03"},
                "variables": ["u10", "v10"],
            }
        }
        | {"conversions": ["slopes divided by 0.5"], "warnings": []},
    )
    card = content_of(write_bundle(model, report, evil, tmp_path / "b.zip"))["README.md"].decode()
    empty, head, rest = card.split("---\n", 2)
    told = yaml.safe_load(head)
    assert empty == "" and told["library_name"] == "npf_model" and told["model_name"] == evil.name
    assert (
        "EPSG:3857" in rest
        and "steps: time 2001-02-03" in rest
        and "variables of F: u10, v10" in rest
        and "slopes divided by 0.5" in rest
        and "@inproceedings" in rest
    )
    assert "<b>" not in rest and "](http://b)" not in rest
    cite = yaml.safe_load(content_of(tmp_path / "b.zip")["CITATION.cff"])
    assert cite["cff-version"] == "1.2.0" and cite["references"][0]["authors"][0]["family-names"] == "Vesseron"


def test_the_notebook_of_a_bundle_runs_with_matplotlib_and_nothing_of_ours(folder: Path) -> None:
    cells = json.loads((folder / "pictures.ipynb").read_text())["cells"]
    code = ["import matplotlib; matplotlib.use('agg')"] + [
        "".join(c["source"]) for c in cells if c["cell_type"] == "code"
    ]
    wall = ONLY.replace('"matplotlib", ', "")
    answer = subprocess.run(
        [sys.executable, "-c", wall + "\n".join(code)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "verdict" in answer.stdout and "pushforward" in answer.stdout and "mean |F - grad u(M_xi)|" in answer.stdout
