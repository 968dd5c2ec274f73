"""What can be typed for ``surface``, apart from its work, which loads torch."""

from __future__ import annotations

import argparse

TWIST = "twist"
EXACT = 1_500  # samples of an assignment: a second or two


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    what = f"{TWIST}, whose answer is known, or a .csv or .npz: d columns of places, then d of F there"
    command.add_argument("source", metavar="SOURCE", nargs="?", help=what)
    command.add_argument("--callable", metavar="FILE.py:F", help="code of your own in place of SOURCE; needs --periods")
    command.add_argument("--on", choices=("torus", "sphere"), default="torus", help="sphere: degrees, always exact")
    command.add_argument("--periods", type=float, nargs="+", metavar="P", help="of the torus' axes (default: 1 each)")
    winds = "on the sphere: F's columns are winds, m/s eastward and northward, and F(x) is where so many hours carry x"
    command.add_argument("--hours", type=float, help=winds)
    command.add_argument("--exact", action="store_true", help="on the torus: the assignment, as always on the sphere")
    command.add_argument("--degree", type=int, help="of the periodic potential (default: by values kept apart)")
    most = f"at most so many (default: {EXACT} where exact, else all, of a function 2^14)"
    command.add_argument("--samples", type=int, help=most)
    command.add_argument("--a", type=float, default=0.2, help=f"of {TWIST}, in periods (default: 0.2)")
    command.add_argument("--seed", type=int, default=0, help="of the samples that are taken (default: 0)")
    command.add_argument("--out", metavar="FILE.npz", help="file for x, y = F(x), m = M(x) and gradient = grad phi(x)")
