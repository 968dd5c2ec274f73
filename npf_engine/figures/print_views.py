"""Which figures there are for print, by name, and a caption to begin with."""

from __future__ import annotations

CLOUDS, LADDER, RELOCATION = "clouds", "ladder", "relocation"  # of a factorization
DRAWS = "draws"  # of a landscape
VIEWS = {
    CLOUDS: "the law of F, what the convex potential makes of the reference measure, and the measure-preserving map "
    "(Figure 1)",
    LADDER: "the accuracy table: each value between its floor and its trivial answer",
    RELOCATION: "the values of F where they were sampled and where the stochastic inverse carries them (Figure 2)",
    DRAWS: "a landscape with the draws of its sampler and the modes",
}
CAPTIONS = {
    CLOUDS: "The law of F, what the convex potential makes of the reference measure, and the measure-preserving map. A "
    "point keeps the colour of the place where it comes from.",
    LADDER: "Each value over its floor, between the floor (grey, at 1) and the trivial answer (brown). Bars are "
    "standard errors; of TV and hole the change with the half of the samples.",
    RELOCATION: "Values of F where they were sampled and where the stochastic inverse carries them, in the colour of "
    "|F|.",
    DRAWS: "Level lines of g, draws of the sampler, and the modes, numbered as in the report.",
}
