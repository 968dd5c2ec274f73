"""What to cite, as BibTeX: the papers whose method a model rests on, this program, and the data."""

from __future__ import annotations

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
  version = {{{__version__}}}
}}"""


def bibtex(source: str = "") -> str:
    """Entries of the method, of the theorem, of this program, and of the data where ``source`` says what they are."""
    entries = [*PAPERS.values(), SOFTWARE]
    if source:
        entries.append(f"@misc{{data,\n  title = {{{_plain(source)}}}\n}}")
    return "\n\n".join(entries) + "\n"


def _plain(text: str) -> str:
    """A user's words as TeX may read them: nothing in them is a command."""
    return re.sub(r"([%&#$_])", r"\\\1", re.sub(r"[{}\\^~]", " ", text))
