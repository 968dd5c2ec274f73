"""What to cite, as BibTeX: the papers whose method a model rests on, this program, and the data."""

from __future__ import annotations

import json
import re

from npf_engine import __version__

PAPERS = {
    "vesseron2024": """@inproceedings{vesseron2024,
  title     = {On a Neural Implementation of {Brenier}'s Polar Factorization},
  author    = {Vesseron, Nina and Cuturi, Marco},
  booktitle = {Proceedings of the 41st International Conference on Machine Learning},
  year      = {2024}
}""",
    "brenier1991": """@article{brenier1991,
  title   = {Polar factorization and monotone rearrangement of vector-valued functions},
  author  = {Brenier, Yann},
  journal = {Communications on Pure and Applied Mathematics},
  volume  = {44},
  number  = {4},
  pages   = {375--417},
  year    = {1991}
}""",
}
SOFTWARE = f"""@software{{npf_explorer,
  title   = {{npf-explorer: polar factorizations of vector fields, learned with neural networks}},
  author  = {{{{the npf-explorer authors}}}},
  version = {{{__version__}}},
  license = {{BSD-3-Clause}}
}}"""


# words of a field's source -> the entry of the data that they name
DATA = {
    "SRTM": """@article{farr2007,
  title   = {The {Shuttle} {Radar} {Topography} {Mission}},
  author  = {Farr, Tom G. and Rosen, Paul A. and Caro, Edward and Crippen, Robert and others},
  journal = {Reviews of Geophysics},
  volume  = {45},
  number  = {2},
  pages   = {RG2004},
  year    = {2007},
  doi     = {10.1029/2005RG000183}
}""",
    "MAPZEN": """@misc{terraintiles,
  title        = {Terrain Tiles},
  author       = {{Mapzen and contributors}},
  howpublished = {Registry of Open Data on AWS},
  url          = {https://registry.opendata.aws/terrain-tiles}
}""",
    "windspharm": """@article{dawson2016,
  title   = {Windspharm: A High-Level Library for Global Wind Field Computations Utilising Spherical Harmonics},
  author  = {Dawson, Andrew},
  journal = {Journal of Open Research Software},
  volume  = {4},
  number  = {1},
  pages   = {e31},
  year    = {2016},
  doi     = {10.5334/jors.129}
}""",
}


# what TeX has a word for
_AS_TEXT = {
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def bibtex(source: str = "", fingerprint: str = "") -> str:
    """Entries of the method, of the theorem, of this program, with the ``fingerprint`` of the model's weights where
    there is one, and of the data where ``source`` says what they are."""
    model = f"Model with weights of SHA-256 {fingerprint[:16]}" if fingerprint else ""
    entries = [*PAPERS.values(), SOFTWARE.replace("\n}", f",\n  note    = {{{model}}}\n}}") if model else SOFTWARE]
    if source:
        entries += [entry for word, entry in DATA.items() if word in source]
        entries.append(f"@misc{{data,\n  title = {{{_plain(source)}}},\n  note  = {{The data of F}}\n}}")
    return "\n\n".join(entries) + "\n"


def _plain(text: str) -> str:
    """A user's words as TeX may read them: nothing in them is a command."""
    line = " ".join(re.sub(r"[{}\\]|(?<=\])(?=\()", " ", text).split())
    return re.sub(r"[%&#$_^~<>]", lambda found: _AS_TEXT.get(found[0], f"\\{found[0]}"), line)


def cff(title: str, source: str = "") -> str:
    """CITATION.cff of a model called ``title``, with the papers, this program and the data behind it as references."""
    lines = [
        "cff-version: 1.2.0",
        'message: "If you use this model, please cite it and what it rests on."',
        "type: dataset",
        f"title: {_quoted(title)}",
        "authors:",
        '  - name: "whoever trained it"',
        "references:",
        *_CFF_PAPERS,
        "  - type: software",
        '    title: "npf-explorer: polar factorizations of vector fields, learned with neural networks"',
        "    authors:",
        '      - name: "the npf-explorer authors"',
        f'    version: "{__version__}"',
    ]
    if source:
        lines += ["  - type: data", f"    title: {_quoted(source)}", "    authors:", '      - name: "see the title"']
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A line of anybody's as a double-quoted YAML scalar, which JSON's strings are."""
    return json.dumps(" ".join(text.split()))


_CFF_PAPERS = """\
  - type: conference-paper
    title: "On a Neural Implementation of Brenier's Polar Factorization"
    authors:
      - {family-names: Vesseron, given-names: Nina}
      - {family-names: Cuturi, given-names: Marco}
    collection-title: "Proceedings of the 41st International Conference on Machine Learning"
    year: 2024
  - type: article
    title: "Polar factorization and monotone rearrangement of vector-valued functions"
    authors:
      - {family-names: Brenier, given-names: Yann}
    journal: "Communications on Pure and Applied Mathematics"
    volume: 44
    issue: "4"
    start: 375
    end: 417
    year: 1991""".splitlines()
