"""A model's files: safetensors for numbers, JSON for the rest. No pickle anywhere.

model.safetensors     every network's parameters and buffers, named u.*, v.*, m.*, bridge.*
samples.safetensors   x_train, y_train, m_train, x_test, y_test, m_test (model positions, values of F), and of a raster
                      F on its grid (lattice_values, lattice_mask, lattice_half), thinned where it is large
config.json           how to build the networks, the scaling, the conventions, the field's spec
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from npf_engine.errors import InputError
from npf_engine.fields.field import Scaling, Units
from npf_engine.fields.lattice import lattice_of, lattice_tensors
from npf_engine.fields.storage import known_functions, spec_from_dict
from npf_engine.networks.mlp import MLP
from npf_engine.networks.potential import build_potential
from npf_engine.networks.sizes import check_networks
from npf_engine.networks.value_bridge import build_bridge
from npf_engine.settings import reading
from npf_engine.settings.limits import MAX_GUIDE_STEPS, MAX_REDRAWS, MAX_SAMPLER_STEPS
from npf_engine.settings.reading import Record
from npf_engine.tasks.archives import Bounds, check_members

if TYPE_CHECKING:
    from npf_engine.polar.factorization import PolarFactorization

Model = TypeVar("Model")
FORMAT = 1
MODEL, SAMPLES, CONFIG = "model.safetensors", "samples.safetensors", "config.json"
# A bundle: weights hardly shrink when packed, JSON by 20.
BUNDLE = Bounds(total=512 * 2**20, files=128, ratio=400, repetitive=2**20, own=True)
BUILDERS: dict[str, Callable[..., nn.Module]] = {"u": build_potential, "v": MLP, "m": MLP, "bridge": build_bridge}
CONVENTIONS = {
    "positions": "x_model = (x - offset) / scale, per axis",
    "values": "F is in the user's units and is never rescaled",
    "factorization": "F(x) = grad u(M(x)), gradients with respect to x_model",
}


def save_model(model: PolarFactorization, folder: Path) -> None:
    """Write the three files. The folder is created."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    networks, known = dict[str, dict[str, object]](), reading.mapping(model.info, "networks")
    for name in BUILDERS:
        module = getattr(model, name)
        if module is None:
            continue
        networks[name] = reading.mapping(known, name)
        tensors |= {f"{name}.{key}": value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    config = {
        "format": FORMAT,
        "d": model.d,
        "networks": networks,
        "dtype": str(model.u.like.dtype).removeprefix("torch."),
        "scaling": {"offset": list(model.scaling.offset), "scale": list(model.scaling.scale)},
        "units": {"axes": model.units.axes, "position": model.units.position, "value": model.units.value},
        "rho": model.rho,
        "low": list(model.low),
        "high": list(model.high),
        "field": {"name": model.field_name, "spec": model.field_spec},
        "sampler": model.sampler,
        "sampler_steps": model.sampler_steps,
        "guide_steps": model.guide_steps,
        "redraws": model.redraws,
        "info": {key: value for key, value in model.info.items() if key != "networks"},
        "conventions": CONVENTIONS,
    }
    (folder / MODEL).write_bytes(save_tensors(tensors))
    samples = {k: v.detach().cpu().float().contiguous() for k, v in model.samples.items()}
    (folder / SAMPLES).write_bytes(save_tensors(samples | (lattice_tensors(model.lattice) if model.lattice else {})))
    (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True))


def read_model(path: Path, make: Callable[..., Model]) -> Model:
    """``make`` of the parts of a PolarFactorization, by their names, from a bundle (zip) or a folder.

    Raises InputError that names what is missing or broken.
    """
    read = _reader(path)
    written = read(CONFIG)
    try:
        config = json.loads(written)
    except (ValueError, RecursionError):
        raise InputError(f"{path.name}: {CONFIG} is not readable JSON") from None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        found = config.get("format") if isinstance(config, dict) else "?"
        raise InputError(f"{path.name}: this is format {found}, and this version reads format {FORMAT}")
    try:
        return make(**_parts(config, load_tensors(read(MODEL)), load_tensors(read(SAMPLES))))
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from None
    except Exception as error:  # safetensors, key and shape errors alike: the file is not what it claims to be
        raise InputError(
            f"{path.name}: the model's files do not fit together ({type(error).__name__}: {error})"
        ) from None


def _parts(config: Record, tensors: dict[str, Tensor], samples: dict[str, Tensor]) -> dict[str, object]:
    lattice = lattice_of({key: samples.pop(key) for key in list(samples) if key.startswith("lattice_")})
    dtype = {"float32": torch.float32, "float64": torch.float64}[reading.text(config, "dtype")]
    networks = reading.mapping(config, "networks")
    check_networks(networks, numbers_of(tensors))
    low, high = _axis(config, "low"), _axis(config, "high")
    if lattice is not None and len(low) != 2:
        raise InputError(f"F on a grid belongs to two dimensions, and the model has {len(low)}")
    scaling, units, field = (reading.mapping(config, key) for key in ("scaling", "units", "field"))
    spec, info = reading.mapping(field, "spec"), reading.mapping(config, "info") | {"networks": networks}
    function = _known_function(spec, info)
    return {name: _build(name, networks, tensors, dtype) for name in BUILDERS} | {
        "scaling": Scaling(_axis(scaling, "offset"), _axis(scaling, "scale")),
        "units": Units(
            tuple(reading.texts(units, "axes")), tuple(reading.texts(units, "position")), reading.text(units, "value")
        ),
        "rho": reading.text(config, "rho"),
        "low": low,
        "high": high,
        "field_name": reading.text(field, "name"),
        "field_spec": spec,
        "samples": samples,
        "info": info,
        "sampler": reading.text(config, "sampler"),
        "sampler_steps": _within(config, "sampler_steps", 1, MAX_SAMPLER_STEPS),
        # Bundles from before the guidance draw as they did.
        "guide_steps": _within({"guide_steps": 0} | dict(config), "guide_steps", 0, MAX_GUIDE_STEPS),
        "redraws": _within({"redraws": 0} | dict(config), "redraws", 0, MAX_REDRAWS),
        "lattice": lattice,
        "function": function,
    }


def _axis(record: Record, key: str) -> tuple[float, ...]:
    return tuple(reading.numbers(record, key))


def _within(record: Record, key: str, least: int, most: int) -> int:
    value = reading.whole(record, key)
    if not least <= value <= most:
        raise InputError(f"{key} must be between {least} and {most}")
    return value


def numbers_of(tensors: dict[str, Tensor]) -> dict[str, int]:
    """How many numbers the tensors of each network hold together."""
    counts: dict[str, int] = {}
    for key, tensor in tensors.items():
        network = key.partition(".")[0]
        counts[network] = counts.get(network, 0) + tensor.numel()
    return counts


def _build(name: str, networks: Record, tensors: dict[str, Tensor], dtype: torch.dtype) -> nn.Module | None:
    if name not in networks:
        return None
    module = BUILDERS[name](**reading.mapping(networks, name)).to(dtype)
    module.load_state_dict({k.removeprefix(name + "."): v for k, v in tensors.items() if k.startswith(name + ".")})
    return module.eval()


def _known_function(spec: Record, info: dict[str, object]) -> Callable[[Tensor], Tensor] | None:
    """F as a function of model positions where its spec says so (formula and analytic fields), else None: of a function
    of a program's own the model then says that it knows samples only."""
    if info.get("kind") != "function":
        return None
    functions = known_functions(spec_from_dict(spec))
    if functions is None:
        info["kind"] = "samples"
        return None
    return functions[0]


def _reader(path: Path) -> Callable[[str], bytes]:
    """name -> bytes, from a folder or from a zip whose members may lie in one folder of it."""
    if path.is_dir():

        def from_folder(name: str) -> bytes:
            try:
                return (path / name).read_bytes()
            except OSError:
                raise InputError(f"{path.name}: {name} is missing") from None

        return from_folder
    if not path.is_file():
        raise InputError(f"no bundle at {path}")

    def from_zip(name: str) -> bytes:
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                check_members(path.name, members, path.stat().st_size, BUNDLE)
                member = next((i for i in members if i.filename.rsplit("/", 1)[-1] == name), None)
                if member is None:
                    raise InputError(f"{path.name}: {name} is missing; is this a bundle of a trained model?")
                return archive.read(member)
        except zipfile.BadZipFile:
            raise InputError(f"{path.name} is not a readable zip file") from None

    return from_zip
