"""Which figures there are for print, by name, and a caption to begin with."""

from __future__ import annotations

CLOUDS, LADDER, RELOCATION = "clouds", "ladder", "relocation"  # of a factorization
MONGE_AMPERE, SHEETS = "monge-ampere", "sheets"  # of one in the plane
DRAWS = "draws"  # of a landscape
VIEWS = {
    CLOUDS: "the law of F, what the convex potential makes of the reference measure, and the measure-preserving map "
    "(Figure 1)",
    LADDER: "the accuracy table: each value between its floor and its trivial answer",
    RELOCATION: "the values of F where they were sampled and where the stochastic inverse carries them (Figure 2)",
    MONGE_AMPERE: "the residual of the Monge-Ampere equation at each place, beside its floor: where u is wrong",
    SHEETS: "how many places the measure-preserving map sends to each place, and their entropy, exact and drawn",
    DRAWS: "a landscape with the draws of its sampler and the modes",
}
CAPTIONS = {
    CLOUDS: "The law of F, what the convex potential makes of the reference measure, and the measure-preserving map. A "
    "point keeps the colour of the place where it comes from.",
    LADDER: "Each value over its floor, between the floor (grey, at 1) and the trivial answer (brown). Bars are "
    "standard errors; of TV and hole the change with the half of the samples.",
    RELOCATION: "Values of F where they were sampled and where the stochastic inverse carries them, in the colour of "
    "|F|.",
    MONGE_AMPERE: "Mass that the convex potential's gradient brings to its value over the mass that F has there, at "
    "each place: 1 where the Monge-Ampere equation holds. Floor: the same with the gradient's own values for F's.",
    SHEETS: "How many places the measure-preserving map sends to each place, and the entropy of their law, beside what "
    "draws of the stochastic inverse find.",
    DRAWS: "Level lines of g, draws of the sampler, and the modes, numbered as in the report.",
}
