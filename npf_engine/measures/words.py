"""What each figure of the accuracy table is: its equation, where it stands, what it is computed from; the text of its
tooltips and of the page *Glossary*."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.glossary import code
from npf_engine.numbers import number


@dataclass(frozen=True)
class Figure:
    """A figure of the accuracy table. symbol: its name in a table; asks: what it asks of a model, or in which unit;
    equation, source and how as in ``Definition``, how with its floor and its trivial answer."""

    symbol: str
    asks: str
    equation: str
    source: str
    how: str


OURS = "of this program: docs/theory.md, The figures of the accuracy table"
_CLOUDS = "Unseen samples: the image of one draw against another, {of}. Floor: two draws of {of}. Trivial: {trivial}."
_HALVES = "M at one half of the unseen samples against the other half, eight splits. Floor: that half itself. "
FIGURES: dict[str, Figure] = {  # those of measures/accuracy.py, in the order of the table
    "pushforward": Figure(
        "S(∇u♯ρ, F♯ρ)",
        "∇u pushes ρ to the law of F",
        "Sε(∇u♯ρₙ, F♯ρₙ)",
        "NPF 5.1",
        _CLOUDS.format(of="F", trivial="the Gaussian map, affine"),
    ),
    "measure_preservation": Figure(
        "S(Mξ♯ρ, ρ)",
        "Mξ, the network, preserves ρ",
        "Sε(Mξ♯ρₙ, ρₙ)",
        "NPF 5.1",
        _CLOUDS.format(of="ρ", trivial="M of the Gaussian map, S⁻¹(F − m)"),
    ),
    "measure_preservation_implicit": Figure(
        "S(Mθ♯ρ, ρ)",
        "Mθ, by the solver, preserves ρ",
        "Sε(Mθ♯ρₙ, ρₙ), Mθ = ∇u* ∘ F",
        "NPF 5.1, eq. 10",
        _CLOUDS.format(of="ρ", trivial="M of the Gaussian map, S⁻¹(F − m)"),
    ),
    "inverse": Figure(
        "S(Iψ(y), M⁻¹(y))",
        "Iψ draws from the pre-images of M",
        "meanₖ Sε(Iψ(M(Bₖ)), Bₖ), Bₖ the samples whose M is nearest to M(xₖ)",
        "NPF 5.1",
        "64 neighbourhoods of unseen samples. Floor: the training samples nearest in M. Trivial: draws from ρ. Blind "
        "to errors below a fifth of the region.",
    ),
    "inverse_miss": Figure(
        "|F(Iψ(v)) − v|",
        "F is v at places drawn for v: in F's spread",
        "mean |F(x) − v| / mean |F − mean F|, x drawn by Iψ for v",
        OURS,
        "200 values v of unseen samples, 50 places each (5 in high dimension); F by itself or between the pixels of "
        "its raster, else by ∇u∘Mξ. Floor: the samples nearest in M. Trivial: places drawn from ρ.",
    ),
    "pushforward_sliced": Figure(
        "W(∇u♯ρ, F♯ρ)",
        "∇u♯ρ has F's law along lines: % of Var F",
        "100 d E_θ W₂²(θ·∇u(X), θ·F(X')) / Var F",
        "Bonneel and others 2015",
        "24 directions or more, eight parts of the unseen samples; in each one half is mapped, the other is the "
        "reference. Floor: the two halves of F. Trivial: the Gaussian map.",
    ),
    "measure_preservation_sliced": Figure(
        "W(Mθ♯ρ, ρ)",
        "Mθ preserves ρ along lines: % of Var ρ",
        "100 d E_θ W₂²(θ·Mθ(X), θ·X') / Var ρ",
        "Bonneel and others 2015",
        "As W(∇u♯ρ, F♯ρ), with Mθ at the unseen samples. Floor: the two halves of ρ. Trivial: M of the Gaussian map.",
    ),
    "measure_preservation_local": Figure(
        "TV(M♯ρ, ρ)",
        "M crowds no place: % of mass in a wrong cell",
        "50 Σ |M♯ρ(cell) − ρ(cell)|; beyond chance √((value − 3.5 · ± · floor)² − floor²)",
        OURS,
        _HALVES + "Up to 128 cells of equal mass. Trivial: M of the Gaussian map. ±, of the ratio, is the "
        "change with the half; 3.5 of them, by Student's t for eight splits, make sure at 99.5 %.",
    ),
    "measure_preservation_hole": Figure(
        "hole(M♯ρ)",
        "M leaves no place bare: % of ρ's spread",
        "100 maxₓ minₘ |x − m| / spread of ρ, x of ρ, m of M♯ρ",
        OURS,
        _HALVES + "Trivial: M of the Gaussian map. ± is the change with the half.",
    ),
    "reconstruction": Figure(
        "|F − ∇u∘Mξ|",
        "Reconstruction error, of mean |F|",
        "mean |F − ∇u∘Mξ| / mean |F|",
        "NPF 5.1",
        "All unseen samples. Floor: 0. Trivial: F's mean in place of ∇u∘Mξ.",
    ),
    "map_error": Figure(
        "|Mξ − Mθ|",
        "Mξ is Mθ: share of the spread of M",
        "√(mean |Mξ − Mθ|²) / √(mean |Mθ − mean Mθ|²)",
        OURS,
        "All unseen samples. Floor: 0. Trivial: 1, that of Mθ's mean.",
    ),
    "inverse_cosine": Figure(
        "cos(F(Iψ(v)), v)",
        "Cosine of the inverse, at most 1",
        "cos(F(Iψ(∇u*(F(x)))), F(x))",
        "NPF eq. 15",
        "Mean ± spread over unseen samples x, where F is a function. Trivial: the one best direction for all.",
    ),
    "inverse_l2": Figure(
        "|F(Iψ(v)) − v|₂",
        "Distance of the inverse, in F's unit",
        "mean |F(Iψ(∇u*(F(x)))) − F(x)|",
        "NPF, first version, eq. 15",
        "Mean ± spread over unseen samples x, where F is a function. Trivial: F's mean in place of F(Iψ(v)).",
    ),
    "test_dual": Figure(
        "test dual",
        "Test dual",
        "mean u(x) + u*(F(x))",
        "NPF eq. 8",
        "All unseen samples, conjugates solved in double precision, x scaled to [−1, 1], so that it is in F's unit. "
        "Lower is better: the finest measure of u among models of one field. Trivial: the Gaussian map's.",
    ),
}


_OFF = "√(mean |{learned} − {exact}|²) / √(mean |{of} − mean {of}|²)"
# Those of the other views of Factorization, in the order in which they stand there
BESIDE: dict[str, Figure] = {
    "exact_u": Figure(
        "∇u, exact",
        "How far ∇u is from the exact discrete one: % of the spread of F",
        _OFF.format(learned="∇u(xᵢ)", exact="y_s(i)", of="F") + ", s = argmax Σ ⟨xᵢ, y_s(i)⟩",
        "Brenier 1991; NPF eq. 4",
        "s is one assignment, a linear programme solved exactly, in double precision. Floor: the same of two such "
        "answers, the values of one drawn anew. Trivial: the Gaussian map.",
    ),
    "exact_m": Figure(
        "M, exact",
        "How far M is from the exact permutation: % of the spread of ρ",
        _OFF.format(learned="M(x_s(i))", exact="xᵢ", of="x") + ", s = argmax Σ ⟨xᵢ, y_s(i)⟩",
        "Brenier 1991; NPF eq. 4",
        "M is Mξ, or Mθ where there is no network. Floor: the same of two such answers, the places of one drawn anew. "
        "Trivial: M of the Gaussian map, S⁻¹(F − m).",
    ),
    "certificate": Figure(
        "√(2 L · gap)",
        "A bound of the error of ∇u: % of the spread of F",
        "E|∇u − ∇u₀|² ≤ 2 L E[u(x) + u*(y_s) − ⟨x, y_s⟩]",
        "Hütter and Rigollet 2021, proposition 10",
        "The gap is the mean over the assigned pairs, with what its standard error allows; conjugates are exact or "
        "corrected upwards; L is the largest eigenvalue of ∇²u at five places on each way from x to ∇u*(y).",
    ),
    "cells_u": Figure(
        "∇u, cells",
        "How far ∇u is from the semi-discrete one: % of the spread of F",
        _OFF.format(learned="∇u(x)", exact="y_j(x)", of="F") + ", j(x) = argmax ⟨x, y_j⟩ − ψ_j",
        "Kitagawa, Mérigot and Thibert 2019",
        "Over a grid of places; ψ by Newton's method, all cells of one mass. Floor: the same of two such answers with "
        "other values, over √2. Trivial: the Gaussian map.",
    ),
    "cells_m": Figure(
        "M, cells",
        "How far M is from the cell of the value: % of the spread of ρ",
        _OFF.format(learned="M(xⱼ)", exact="barycentre of cell j", of="x"),
        "Kitagawa, Mérigot and Thibert 2019; NPF eq. 4",
        "At the samples whose values are the targets. Floor: the same of two such answers with other values, over √2. "
        "Trivial: M of the Gaussian map, S⁻¹(F − m).",
    ),
    "mesh_arrives": Figure(
        "ρ(M⁻¹(B)) / ρ(B)",
        "What M brings into each cell, over what was there",
        "r(B) = ρ(M⁻¹(B)) / ρ(B); quantiles of |ln r| over the cells, each by its mass",
        "of this program; M♯ρ = ρ: Brenier 1991",
        "Spots spread over the lattice, each with the mass of ρ round it, go where M takes them, bilinear between the "
        "lattice's nodes. What the count of spots leaves open: half of what their two halves differ by.",
    ),
    "mesh_sheets": Figure(
        "ρ(M(B)) / ρ(B)",
        "How many sheets M lays over one another",
        "w(B) = ∫ over B of |det ∇M| ρ(M) / ρ(B); sheets: the mean of w by mass; turned over where ∫ det ∇M < 0",
        "of this program",
        "Of triangles between the lattice's nodes; where M is one to one each w is 1.",
    ),
    "monge_ampere": Figure(
        "|ln ρ/(det ∇²u · ν∘∇u)|",
        "How far the Monge–Ampère equation is from holding, place by place",
        "r(x) = ln ρ(x) − ln det ∇²u(x) − ln ν(∇u(x)); the mean of |r| over ρ",
        "Brenier 1991; McCann 1997; density: Loftsgaarden and Quesenberry 1965",
        "ν, the density of F♯ρ, by nearest neighbours: ψ(k) − ln n − ln(π rₖ²). Floor: the same with draws of ∇u♯ρ in "
        "the place of F's, where the answer is 0: the estimate's own error. Trivial: the Gaussian map.",
    ),
    "monge_ampere_exact": Figure(
        "Σ ρ(xᵢ)/|det ∇M(xᵢ)| / ρ(y)",
        "The same with F's exact density: the mass that M brings to y over what was there",
        "ν(v) = Σ ρ(xᵢ)/|det ∇F(xᵢ)| over F(xᵢ) = v = ∇u(y)",
        "coarea formula (Federer 1969)",
        "All places where F is ∇u(y), solved in closed form on a raster and by Levenberg and Marquardt of a formula. "
        "Infinite on the folds of F, where no smooth u follows.",
    ),
    "sheets": Figure(
        "#M⁻¹(y)",
        "How many places M sends to y",
        "#{x : M(x) = y}; for Mθ where F(x) = ∇u(y)",
        "of this program",
        "All of them, solved for as in *Pre-images*. A bijective M has 1 everywhere. Draws of Iψ are carried downhill "
        "to where they settle, and counted by place; beside them as many draws of the exact law.",
    ),
    "sheets_entropy": Figure(
        "H(x | M(x) = y)",
        "How evenly the places share what comes to y: nats",
        "H = −Σ wᵢ ln wᵢ, wᵢ ∝ ρ(xᵢ)/|det ∇M(xᵢ)|",
        "of this program; coarea formula (Federer 1969)",
        "0 where one place has all, as for a bijective M; at most ln #M⁻¹(y). Few draws look less even than they are: "
        "compare with as many draws of the exact law.",
    ),
    "hodge": Figure(
        "Shares of F",
        "How much of the mean of |F|² each part of Helmholtz–Hodge has: %",
        "F = grad φ + rot ψ + h, ∫|F|² = ∫|grad φ|² + ∫|rot ψ|² + ∫|h|²; φ = ψ = 0 at the edge",
        "Bhatia, Norgard, Pascucci and Bremer 2013",
        "F's circulation along the edges of a grid, two sparse systems solved directly (discrete exterior calculus), "
        "so that the shares add up to 100 % there. Over the area, whatever ρ is; no draws.",
    ),
}


def about(key: str, n: float | None = None, eps: float | None = None, draws: float | None = None) -> str:
    """What a figure is, of the accuracy table or of another view, for a tooltip: its equation and source, how it is
    computed, and of this model's the points n of a cloud, eps and the number of draws, as far as they are known."""
    found = FIGURES.get(key) or BESIDE[key]
    here = [
        "" if n is None else f"n = {n:,.0f}",
        "" if eps is None else f"ε = {number(eps)}",
        "" if draws is None else f"{draws:,.0f} draws",
    ]
    told = ", ".join(filter(None, here))
    return f"{code(found.equation)} · {found.source}\n\n{found.how}" + (f"\n\nHere {told}." if told else "")


def explained(*keys: str, n: float | None = None, more: str = "") -> str:
    """The tooltip of a sentence in which these figures stand, in its order: equation, source, how each is computed, and
    of what; ``more`` is what else was measured here."""
    told = [f"**{BESIDE[key].symbol}**: {about(key)}" for key in keys]
    here = [f"n = {n:,.0f}" if n is not None else "", more]
    return "\n\n".join([*told, f"Here {', '.join(filter(None, here))}."])
