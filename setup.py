"""The package: npf_engine with its data. The gallery stays at assets/gallery and is installed as npf_engine/gallery.

All else that describes the package is in pyproject.toml, which cannot map a folder beside finding the others.
"""

from setuptools import find_packages, setup

GALLERY = "npf_engine.gallery"

setup(
    packages=[*find_packages(include=["npf_engine*"]), GALLERY],
    package_dir={GALLERY: "assets/gallery"},
    package_data={
        "npf_engine": ["py.typed"],
        "npf_engine.bundle": ["pictures.ipynb"],
        "npf_engine.fields.places": ["gazetteer.json"],
        "npf_engine.fields": ["data/winds.nc", "data/winds.txt"],
        GALLERY: ["*.zip"],
    },
)
