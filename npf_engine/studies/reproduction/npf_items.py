"""The numbered tables and figures of Vesseron and Cuturi (2024), of both versions where they differ."""

from __future__ import annotations

from npf_engine.studies.reproduction.item import ROOM, Change, Item, Paper, listed

_TERRAIN = f"{ROOM}.terrain"
_WEIGHTS = f"{ROOM}.classifier"
_NETWORKS = f"{ROOM}.networks"
_SETTINGS = f"{ROOM}.settings"

_PAPER_TERRAIN = "some 20 minutes on one core"
_PAPER_WEIGHTS = "hours on a GPU"
_CHAMONIX = "the elevation of Chamonix: a network, or its raster in NPF_DEM_DIR"
_LONDON = "the elevation of London: a network, or its raster in NPF_DEM_DIR"
_CYPRUS = "the elevation of Cyprus: a network, or its raster in NPF_DEM_DIR"
_MNIST = "MNIST in NPF_MNIST_DIR; else the embedded digits are taken, and said"


def _place(name: str) -> Change:
    return Change("train", {"source": name})


def _experiment(number: str) -> Change:
    return Change("experiment", {"of": "Classifier", "experiment": number})


def _networks(task: str) -> Change:
    return Change("lab", {"task": task, "d": "32", "methods": '["icnn-linear", "icnn-fquad", "icnn", "fit"]'})


NPF = Paper(
    "NPF",
    "On a Neural Implementation of Brenier's Polar Factorization",
    "Vesseron, Cuturi (2024)",
    listed(
        Item(
            "table-1",
            "Table 1",
            "5.2",
            "Chamonix: how near ∇u♯ρ is to G♯ρ and Mξ♯ρ to ρ, how well ∇u∘Mξ gives G back, and Iψ's pre-images.",
            f"{_TERRAIN}:table",
            _PAPER_TERRAIN,
            _CHAMONIX,
            change=_place("chamonix"),
        ),
        Item(
            "first-table-1",
            "Table 1 of the first version",
            "5.2",
            "The same of Chamonix on 1,024 points at ε = 0.1.",
            f"{_TERRAIN}:first_table",
            _PAPER_TERRAIN,
            _CHAMONIX,
            change=_place("chamonix"),
        ),
        Item(
            "figure-1",
            "Figure 1",
            "5.2",
            "Chamonix: ρ, G♯ρ and what ∇u, Mθ, Mξ and ∇u∘Mξ make of ρ; a point keeps the colour of its place.",
            f"{_TERRAIN}:clouds_chamonix",
            _PAPER_TERRAIN,
            _CHAMONIX,
            change=_place("chamonix"),
        ),
        Item(
            "figure-2",
            "Figure 2",
            "5.2",
            "Chamonix: gradients where they were sampled and where Iψ∘∇u* carries them, coloured by their length.",
            f"{_TERRAIN}:relocation_chamonix",
            _PAPER_TERRAIN,
            _CHAMONIX,
            change=_place("chamonix"),
        ),
        Item(
            "table-2",
            "Table 2",
            "5.3",
            "The classifier's loss over all of [-1, 1]²²²: ∇u♯ρ against G♯ρ, Iψ's pre-images, the cosine.",
            f"{_WEIGHTS}:table_uniform",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.3"),
        ),
        Item(
            "first-table-2",
            "Table 2 of the first version",
            "5.3",
            "The same: ∇u♯ρ against G♯ρ, on 1,024 and 2,048 points.",
            f"{_WEIGHTS}:first_table_push",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.3"),
        ),
        Item(
            "first-table-3",
            "Table 3 of the first version",
            "5.3",
            "The same: Iψ's pre-images and the gradients at generated weights.",
            f"{_WEIGHTS}:first_table_inverse",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.3"),
        ),
        Item(
            "figure-3",
            "Figure 3",
            "5.3",
            "t-SNE of ∇u♯ρ over G♯ρ, and the cosines of gradients at generated weights with those asked for.",
            f"{_WEIGHTS}:overlap",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.3"),
        ),
        Item(
            "figure-4",
            "Figure 4",
            "5.5",
            "Loss, accuracy and |G| of weights sampled by LMC-NPF, beside uniform ones.",
            f"{_WEIGHTS}:sampled",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.5"),
        ),
        Item(
            "figure-5",
            "Figure 5",
            "5.5",
            "t-SNE of the particles: after the warm-up, of plain LMC, and of LMC-NPF.",
            f"{_WEIGHTS}:islands",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.5"),
        ),
        Item(
            "table-3",
            "Table 3",
            "D",
            "How many parameters the three convex architectures have.",
            f"{_NETWORKS}:parameters",
        ),
        Item(
            "table-4",
            "Table 4",
            "D",
            "N(0, I) to N(0, diag(1..d)): L2-UVP of the three architectures, and of what the app trains.",
            f"{_NETWORKS}:gaussian",
            "60,000 steps each: hours",
            change=_networks("gaussian"),
        ),
        Item(
            "table-5",
            "Table 5",
            "D",
            "N(0, I) to seven Gaussians: Sinkhorn divergence of the three architectures, and of what the app trains.",
            f"{_NETWORKS}:mixture",
            "60,000 steps each: hours",
            change=_networks("seven-gaussians"),
        ),
        Item(
            "figure-6",
            "Figure 6",
            "E.2",
            "London: the clouds of Figure 1.",
            f"{_TERRAIN}:clouds_london",
            _PAPER_TERRAIN,
            _LONDON,
            change=_place("london"),
        ),
        Item(
            "figure-7",
            "Figure 7",
            "E.2",
            "London: the relocation of Figure 2.",
            f"{_TERRAIN}:relocation_london",
            _PAPER_TERRAIN,
            _LONDON,
            change=_place("london"),
        ),
        Item(
            "figure-8",
            "Figure 8",
            "E.2",
            "Cyprus: the clouds of Figure 1.",
            f"{_TERRAIN}:clouds_cyprus",
            _PAPER_TERRAIN,
            _CYPRUS,
            change=_place("cyprus"),
        ),
        Item(
            "figure-9",
            "Figure 9",
            "E.2",
            "Cyprus: the relocation of Figure 2.",
            f"{_TERRAIN}:relocation_cyprus",
            _PAPER_TERRAIN,
            _CYPRUS,
            change=_place("cyprus"),
        ),
        Item(
            "figure-10",
            "Figure 10",
            "E.2",
            "Chamonix, London and Cyprus: ∇u♯ρ against F♯ρ, and Iψ's pre-images.",
            f"{_TERRAIN}:places",
            "some 20 minutes a place on one core",
            f"{_CHAMONIX}; the same of London and Cyprus: what is not there stays empty",
        ),
        Item(
            "figure-11",
            "Figure 11",
            "F.1",
            "The classifier's architecture, layer by layer.",
            f"{_WEIGHTS}:architecture",
        ),
        Item(
            "figure-12",
            "Figure 12",
            "F.2",
            "5.3: loss, accuracy and |G| of weights drawn by Iψ(∇u*(0)), beside uniform ones.",
            f"{_WEIGHTS}:critical_uniform",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.3"),
        ),
        Item(
            "figure-13",
            "Figure 13",
            "F.2",
            "5.4: distances and cosines of gradients at generated weights to those asked for; the minibatch's noise.",
            f"{_WEIGHTS}:inverse_flow",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.4"),
        ),
        Item(
            "figure-14",
            "Figure 14",
            "F.2",
            "5.4: loss, accuracy and |G| of weights drawn by Iψ(∇u*(0)), beside uniform ones.",
            f"{_WEIGHTS}:critical_flow",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.4"),
        ),
        Item(
            "figure-15",
            "Figure 15",
            "F.2",
            "5.5: how noisy the gradient is at the sampled weights, and what Iψ makes of gradients there.",
            f"{_WEIGHTS}:inverse_sampled",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.5"),
        ),
        Item(
            "figure-16",
            "Figure 16",
            "F.2",
            "5.5: the characteristics of Figure 4 at the end of Algorithm 2.",
            f"{_WEIGHTS}:sampled",
            _PAPER_WEIGHTS,
            _MNIST,
            change=_experiment("5.5"),
        ),
        Item("figure-17", "Figure 17", "G", "Settings of the topography.", f"{_SETTINGS}:topography"),
        Item("figure-18", "Figure 18", "G", "Settings of 5.3.", f"{_SETTINGS}:uniform"),
        Item("figure-19", "Figure 19", "G", "Settings of 5.4.", f"{_SETTINGS}:flow"),
        Item("figure-20", "Figure 20", "G", "Settings of 5.5.", f"{_SETTINGS}:sampling"),
    ),
)
