"""What a server does before its first visitor: load what the pages will need, and keep the collector off it."""

from __future__ import annotations

import gc
import importlib
import pkgutil

# matplotlib, which holds the embedded terrain, imports its parts in a circle, and plotly takes pandas from what is
# being imported: of several visitors who come at once to a server just started, all but one would find them half
# imported.
FIRST = ("matplotlib.cbook", "pandas", "torch", "plotly.graph_objects", "plotly.io", "plotly.subplots")
ENGINE = ("fields", "figures", "measures", "polar", "studies", "runs")
PACKAGES = (*(f"npf_engine.{room}" for room in ENGINE), "ui")
# Run, not imported: a page by Streamlit, the children of other processes by the interpreter; heun needs torchsde, which
# is slow to load and serves a reference alone.
SCRIPTS = ("page", "__main__", "elevation_child", "heun")


def up() -> None:
    """Import what pages show and read. Takes some seconds, which the first visitor would wait for otherwise.

    What is loaded then stays for ever: the collector is told to look at it no more, or every full collection would walk
    over half a gigabyte of modules.
    """
    for name in (*FIRST, *modules(PACKAGES), *modules(("pages",))):
        importlib.import_module(name)
    _first_figure()
    gc.collect()
    gc.freeze()


def modules(packages: tuple[str, ...]) -> list[str]:
    """Names of the modules in packages and the packages below them; scripts (``page``, a command) are left out."""
    found: list[str] = []
    for package in packages:
        inside = importlib.import_module(package)
        for item in pkgutil.walk_packages(inside.__path__, package + "."):
            if item.name.rpartition(".")[2] not in SCRIPTS:
                found.append(item.name)
    return found


def _first_figure() -> None:
    """plotly loads the classes of a trace when one is first made."""
    from plotly import graph_objects as go

    go.Figure([go.Scatter(), go.Scattergl(), go.Heatmap(), go.Bar(), go.Surface()]).update_layout(title="").to_json()
