"""Clauses that the views of the inverse share."""

from __future__ import annotations


def seen(n: int, unseen: int) -> str:
    """So many places, and whether training saw them."""
    if unseen >= n:
        return f"{n:,} unseen places"
    return f"{n:,} places, {unseen:,} of them unseen," if unseen else f"{n:,} places, all of them seen in training,"


def judged_by(known: str) -> str:
    """How F is known, where it must be said."""
    return " (F by ∇u∘Mξ, since it is known on samples only)" if known == "network" else ""
