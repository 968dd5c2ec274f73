"""The package: npf_engine with its data. The gallery stays at assets/gallery and is installed as npf_engine/gallery.

All else that describes the package is in pyproject.toml, which cannot map a folder beside finding the others.
"""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


class WithScripts(build_py):
    """The linked clouds' script and style too, which shared files hold: they lie with the pages that draw with them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            to = Path(self.build_lib, "npf_engine", "linked")
            to.mkdir(parents=True, exist_ok=True)
            for path in [*Path("ui", "linked").glob("*.js"), Path("ui", "linked", "style.css")]:
                shutil.copy(path, to)


GALLERY = "npf_engine.gallery"

setup(
    cmdclass={"build_py": WithScripts},
    packages=[*find_packages(include=["npf_engine*"]), GALLERY],
    package_dir={GALLERY: "assets/gallery"},
    package_data={
        "npf_engine": ["py.typed"],
        "npf_engine.bundle": ["pictures.ipynb"],
        "npf_engine.fields.places": ["gazetteer.json"],
        "npf_engine.fields": ["data/winds.nc", "data/winds.txt"],
        "npf_engine.studies.reproduction": ["kept/*/*.json"],
        GALLERY: ["*.zip"],
    },
)
