"""One vocabulary: each symbol and each measure of this project, what it is called and what it means.

Chips, plots, tables and sentences take their words from here. A symbol has three spellings: as it is typed (``M_xi``,
in sentences of the engine and on the command line), as text (Mξ) and for plots (M<sub>ξ</sub>).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """typed: ASCII; text: Unicode; html: for plots; about: a sentence without its subject."""

    typed: str
    text: str
    html: str
    about: str


def _term(typed: str, text: str, about: str, html: str | None = None) -> Term:
    return Term(typed, text, html or text, about)


SYMBOLS: dict[str, Term] = {
    "F": _term("F", "F", "the vector field: F(x) is its value at a place x of Ω"),
    "rho": _term("rho", "ρ", "the reference measure on Ω: where places x are drawn from"),
    "Omega": _term("Omega", "Ω", "the region of the places x, a box, a disc or what the samples fill; also Omega"),
    "law": _term("F#rho", "F♯ρ", "the law of F: the values that F takes, as often as it takes them"),
    "u": _term("u", "u", "the convex potential, an input-convex network"),
    "grad_u": _term("grad u", "∇u", "the gradient of u: carries ρ to the law of F, at least cost"),
    "conjugate": _term("grad u*", "∇u*", "the inverse of ∇u: the place where ∇u takes a value, found by a solver"),
    "V": _term("V_phi", "Vφ", "a network that guesses ∇u*, where the solver begins", "V<sub>φ</sub>"),
    "M": _term("M", "M", "the map from places to places that keeps ρ, with F = ∇u ∘ M"),
    "M_theta": _term("M_theta", "Mθ", "M by the solver: ∇u*(F(x))", "M<sub>θ</sub>"),
    "M_xi": _term("M_xi", "Mξ", "M as a network, trained to give Mθ", "M<sub>ξ</sub>"),
    "I": _term("I_psi", "Iψ", "draws places that M sends to a given one: an inverse of M with noise", "I<sub>ψ</sub>"),
    "X": _term("X_psi", "Xψ", "the network in Iψ: where a path that began at y should end", "X<sub>ψ</sub>"),
    "G": _term("G", "G", "the gradient of the classifier's loss on a random minibatch; the field that is factorized"),
    "g": _term("g", "g", "the potential that is sampled: where it is low, exp(-c g) has most of its draws"),
    "c": _term("c", "c", "the inverse temperature in exp(-c g): the larger, the nearer draws keep to the minima"),
    "T": _term("T", "T", "the map that a method learnt: T(x) is where it takes the point x of the source"),
    "W": _term("W", "W", "the sliced Wasserstein distance of two clouds along lines, in percent of the variance"),
    "TV": _term("TV", "TV", "the total variation of two clouds over cells of equal mass: percent in a wrong cell"),
    "hole": _term("hole", "hole", "the widest place that a cloud leaves bare where the other has points"),
    "S": _term("S_eps", "Sε", "the Sinkhorn divergence of two clouds, 0 for the same law", "S<sub>ε</sub>"),
}


@dataclass(frozen=True)
class Definition:
    """equation: as text; source: where it stands, "NPF" being Vesseron and Cuturi, *On a Neural Implementation of
    Brenier's Polar Factorization* (2024), Brenier's paper that of 1991; how: how it is computed here, and on what."""

    equation: str
    source: str
    how: str = ""


DEFINITIONS: dict[str, Definition] = {
    "F": Definition("F = ∇u ∘ M", "NPF eq. 4; Brenier 1991", "Known as a function, on a grid, or on samples."),
    "rho": Definition(
        "x ~ ρ, M♯ρ = ρ", "Brenier 1991", "Uniform on a box, a disc or land; a Gaussian; or the law of samples."
    ),
    "law": Definition("F♯ρ(A) = ρ(F⁻¹(A)) = ρ({x : F(x) ∈ A})", "", "Its samples are F at the samples of ρ."),
    "u": Definition(
        "u(x) = scale · (wᵀz + Q(x) + bᵀx + c) + …, W ≥ 0, w ≥ 0",
        "NPF eq. 5 and 6; ICNN: Amos and others 2017",
        "Begins at the Gaussian map, is regressed on exact pairs, then lowers the dual mean u(x) + u*(F(x)) (eq. 8) "
        "until held-out samples say that it is flat.",
    ),
    "grad_u": Definition("∇u♯ρ = F♯ρ, with least E|x − ∇u(x)|²", "Brenier 1991", "In closed form from the network."),
    "conjugate": Definition(
        "∇u*(y) = argmaxₓ ⟨x, y⟩ − u(x)",
        "NPF eq. 3 and 9",
        "By default Newton's method up to 8 dimensions, L-BFGS beyond; each point keeps its residual max|y − ∇u(x)|.",
    ),
    "V": Definition(
        "min E|Vφ(F(x)) − ∇u*(F(x))|²", "NPF eq. 7", "It changes how long the solver takes, not its answer."
    ),
    "M": Definition("M = ∇u* ∘ F", "NPF eq. 9; Brenier 1991", "By a solver as Mθ, by a network as Mξ."),
    "M_theta": Definition("Mθ(x) = ∇u*(F(x))", "NPF eq. 10", "Solved for every sample shown."),
    "M_xi": Definition("min E|Mξ(x) − Mθ(x)|²", "NPF eq. 11", "Regressed on all training samples."),
    "I": Definition(
        "dX = (Xψ(t, X₀, X) − X)/(1 − t) dt + σ dB, X₀ = y, Iψ(y) = X₁",
        "NPF eq. 12 and 13, algorithm 1",
        "By default the bridge's exact step; draws that end far from M⁻¹(y) are drawn anew, twice at most.",
    ),
    "X": Definition("min E|Xψ(t, y, xₜ) − x|²", "NPF algorithm 1", "On pairs (Mθ(x), x) of the training samples."),
    "G": Definition("G(w) = ∇ loss(w) on 128 images", "NPF 5.3", ""),
    "g": Definition("density ∝ exp(−c g(x))", "NPF algorithm 2", ""),
    "S": Definition(
        "Sε(a, b) = OTε(a, b) − ½ OTε(a, a) − ½ OTε(b, b), OTε = min ⟨P, C⟩ + ε KL(P | a⊗b), C = |x − y|²",
        "NPF 5.1; Genevay and others 2018",
        "Unseen points, by default 2,048 against 2,048, fewer where there are fewer (column Points), ε = 0.05 "
        "E|X − X'|² of the reference cloud, the mean over draws, 8 by default; ± is the standard error over them.",
    ),
    "W": Definition(
        "100 d E_θ W₂²(θ·X, θ·Y) / Var Y", "Bonneel and others 2015", "Random orthonormal frames, eight parts."
    ),
    "TV": Definition(
        "½ Σ |a(cell) − b(cell)|",
        "",
        "Up to 128 cells of equal mass of ρ; ± is the change with the half of the samples.",
    ),
    "hole": Definition("max over x of ρ of the distance to M♯ρ", "", "In percent of ρ's spread; ± as for TV."),
}


# What a measured value stands between, and what it is held against. One name each.
MEASURES: dict[str, str] = {
    "Value": "What was measured, on unseen test samples.",
    "Floor": "The same of two independent draws of the truth: nothing can be told to be better. Of the miss "
    "|F(Iψ(v)) − v|: that of the samples nearest in M, which draws can be better than.",
    "Ratio": "Value over floor, with its standard error: 1 is as good as another sample of the truth.",
    "Trivial answer": "What a method that learned nothing scores.",
    "Gap": "Where the value lies between floor (0) and trivial answer (1).",
    "Beyond chance": "What is left of it once chance is taken off: a ratio over its doubt; of W, TV and hole the value "
    "less t standard errors, then less the floor (of TV in squares). This meets the limit.",
    "Good up to": "The limit of good for what is beyond chance. The verdict is that of the worst row.",
}

# Stage of a run -> (its name, what it does)
STAGES: dict[str, tuple[str, str]] = {
    "u": ("Potential u", "Fits u, so that ∇u carries ρ to the law of F."),
    "u: dual": ("Potential u, dual", "Lowers the dual objective mean u(x) + u*(F(x))."),
    "u: warm-up": ("Vφ, warm-up", "Regresses Vφ on ∇u, as published."),
    "v": ("Conjugate Vφ", "Vφ learns to guess ∇u*."),
    "v: conjugates": ("Conjugates ∇u*", "Solves ∇u*(F(x)) = Mθ(x) for every sample."),
    "m": ("Map Mξ", "Mξ learns to give Mθ."),
    "inverse": ("Inverse Iψ", "Xψ learns the paths by which Iψ draws pre-images."),
}
SUBSCRIPTS = {term.text: term.html for term in SYMBOLS.values() if term.html != term.text}

_TYPED = re.compile(
    r"\b(?:grad u\*|grad [ug]\b|V_phi\b|M_theta\b|M_xi\b|I_psi\b|X_psi\b|S_eps\b|Omega\b|rho\b(?! =))"
    r"|#(?=rho\b)|(?<=u) o (?=M_)"
)
_SPELLED = {term.typed: term.text for term in SYMBOLS.values()} | {"grad g": "∇g", "#": "♯", " o ": " ∘ "}


def typeset(text: str) -> str:
    """A sentence of the engine as pages write it: M_xi becomes Mξ, grad u#rho ∇u♯ρ."""
    return _TYPED.sub(lambda found: _SPELLED[found[0]], text)


def plotted(text: str) -> str:
    """A title of this vocabulary for a plot, with real subscripts."""
    for plain, html in SUBSCRIPTS.items():
        text = text.replace(plain, html)
    return text


def explained(keys: Iterable[str]) -> str:
    """What these symbols are, a line each in Markdown, with their equation: the text of a tooltip."""
    return "\n\n".join(f"**{SYMBOLS[key].text}**: {SYMBOLS[key].about}.{_defined(key)}" for key in keys)


def _defined(key: str) -> str:
    found = DEFINITIONS.get(key)
    return "" if found is None else f" {' · '.join(filter(None, [code(found.equation), found.source]))}"


def code(text: str) -> str:
    """A formula as pages set it, whatever stars and bars it has."""
    return f"`{text}`"
