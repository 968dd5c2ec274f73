"""NPF 5.3 to 5.5 and appendix F: the loss of a small classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from npf_engine import seeds
from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.classifier_sizes import DIMENSION, SIZES
from npf_engine.figures import reproduced
from npf_engine.measures.embedding import embed
from npf_engine.settings import reading
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.reproduction.making import Bench, Made, measured, of_metric
from npf_engine.studies.reproduction.result import Row
from npf_engine.studies.reproduction.workshop import Part

EMBEDDED = 500  # points of each cloud of a t-SNE
TSNE: dict[str, object] = {"seed": 0, "steps": 1000, "perplexity": 30.0}
DIGITS = "on other digits than MNIST the scale is another"
TRIVIAL = {"uniform": "uniform weights", "restart": "fresh particles with the steps between two jumps"}
PAIRS = 32  # of draws of rho that a floor is the mean of
# Of the first version: n, S_eps of grad u#rho and of two draws, each with its +-.
FIRST = ((1024, (107.5, 8.2), (110.3, 8.7)), (2048, (93.5, 5.3), (87.4, 4.2)))
UNIFORM, FLOW, SAMPLING = "5.3", "5.4", "5.5"


def _done(bench: Bench, number: str) -> Part:
    return bench.run(number, experiment_preset(number, bench.spec.preset, bench.spec.seed))


def _made(part: Part, rows: list[Row], figure: object = None) -> Made:
    return Made(rows, figure, [part], [reading.text(part.report, "data")])  # type: ignore[arg-type]  # a figure or None


def _sampled(bench: Bench, made: Made) -> Made:
    """With what is other than in the paper where particles were sampled, and how far one run may be believed."""
    if not bench.quick:
        return made
    p = experiment_preset(SAMPLING, bench.spec.preset, bench.spec.seed).particles
    told = (
        f"{p.steps // p.inner} jumps at c = {p.coefficient:g}, c = {p.u_coefficient:g} on u, where the paper has 1000. "
        + ("Particles are reflected at the edge of Ω, which the paper does not do. " if p.confined else "")
        + "Networks that learn for minutes make jumps of which some are good and some are not: the share above half "
        "swings from jump to jump, and another seed may end below the restarts."
    )
    return replace(made, notes=[*made.notes, told])


def table_uniform(bench: Bench) -> Made:
    """Table 2."""
    part = _done(bench, UNIFORM)
    metrics = reading.mapping(part.report, "metrics")
    u, inverse, cosine = (of_metric(metrics, key) for key in ("pushforward", "inverse", "inverse_cosine"))
    rows = [
        measured("S_eps(grad u#rho, G#rho)", 97.4, u, wide=6.5, note=DIGITS),
        Row("S_eps(G#rho, G#rho'), two draws", 93.6, u["self_distance"], paper_se=6.2),
        measured("E S_eps(I_psi(M(B(x))), B(x))", 107.3, inverse, wide=0.7),
        Row("S_eps(rho_l, rho'_l), two draws of 128", 105.7, inverse["paper_self_distance"], paper_se=0.5),
        _cosine(0.81, cosine),
    ]
    return _made(part, rows)


def _cosine(paper: float | None, found: Mapping[str, float | None]) -> Row:
    """Of gradients at generated weights with those asked for: mean over the test samples."""
    what = "cosine of G(I_psi(grad u*(y))) with y"
    told = f"spread {found['std']:.2f}" if found["std"] is not None else ""
    if found["ceiling"] is not None:
        told += f"; at most {found['ceiling']:.3f}, by the minibatch's noise; trivial: one fixed direction"
    se = None if not found["std"] or not found["n"] else found["std"] / found["n"] ** 0.5
    return Row(what, paper, found["mean"], None, found["trivial"], told, None, se)


def first_table_push(bench: Bench) -> Made:
    """Table 2 of the first version: two sizes of the clouds."""
    part = _done(bench, UNIFORM)
    figures, u = part.arrays("figures.npz"), of_metric(reading.mapping(part.report, "metrics"), "pushforward")
    image, field = (torch.from_numpy(figures[key]).double() for key in ("grad_u", "field"))
    rows = []
    value: float | None
    two: float | None
    for n, (paper, wide), (paper_floor, floor_wide) in FIRST:
        if 2 * n <= len(field):
            eps, other = default_eps(field[:n]), field[n : 2 * n]
            two = sinkhorn_divergence(other, field[:n], eps)
            value, note = sinkhorn_divergence(image[n : 2 * n], field[:n], eps), f"one draw; {DIGITS}"
        elif u["n"] == n:
            value, two, note = u["value"], u["self_distance"], DIGITS
        else:
            value, two, note = None, None, f"{len(field)} test samples are kept of this size, too few"
        rows.append(Row(f"S_eps(grad u#rho, G#rho), n = {n}", paper, value, two, None, note, wide))
        rows.append(Row(f"S_eps(G#rho, G#rho'), n = {n}", paper_floor, two, paper_se=floor_wide))
    return _made(part, rows)


def first_table_inverse(bench: Bench) -> Made:
    """Table 3 of the first version."""
    part = _done(bench, UNIFORM)
    metrics = reading.mapping(part.report, "metrics")
    inverse, cosine = of_metric(metrics, "inverse"), of_metric(metrics, "inverse_cosine")
    figures = part.arrays("figures.npz")
    far, floor, trivial = (float(figures[f"distance_{name}"].mean()) for name in ("inverse", "floor", "trivial"))
    rows = [
        measured("E S_eps(I_psi(M(B(x))), B(x))", 106.2, inverse, wide=0.5),
        Row("S_eps(rho_64, rho'_64), two draws", 111.0, _draws(64, bench.spec.seed), paper_se=0.6),
        Row("S_eps(rho_128, rho'_128), two draws", 105.7, _draws(128, bench.spec.seed), paper_se=0.4),
        _cosine(0.82, cosine),
        Row("E|G(I_psi(grad u*(y))) - y|", 14.3, far, floor, trivial, f"floor: another minibatch; {DIGITS}", 13.8),
    ]
    return _made(part, rows)


def _draws(size: int, seed: int) -> float:
    """The mean divergence of two draws of ``size`` points uniform on [-1, 1]^222."""
    generator = seeds.generator(seed, "reproduction.rho")
    reference = 2 * torch.rand(EMBEDDED, DIMENSION, generator=generator, dtype=torch.float64) - 1
    eps, found = default_eps(reference), []
    for _ in range(PAIRS):
        x = 2 * torch.rand(2, size, DIMENSION, generator=generator, dtype=torch.float64) - 1
        found.append(sinkhorn_divergence(x[0], x[1], eps))
    return sum(found) / len(found)


def overlap(bench: Bench) -> Made:
    """Figure 3."""
    part = _done(bench, UNIFORM)
    figures, metrics = part.arrays("figures.npz"), reading.mapping(part.report, "metrics")
    u, cosine = of_metric(metrics, "pushforward"), of_metric(metrics, "inverse_cosine")
    clouds = {"G♯ρ": figures["field"][:EMBEDDED], "∇u♯ρ": figures["grad_u"][:EMBEDDED]}
    rows = [
        _cosine(0.81, cosine),
        Row("spread of that cosine", 0.20, cosine["std"]),
        measured("S_eps(grad u#rho, G#rho)", 97.4, u, wide=6.5, note=DIGITS),
    ]
    laws = {"Iψ∘∇u*": figures["cosine"], "one fixed direction": figures["trivial_cosine"]}
    return _made(part, rows, reproduced.embedded(_embedded(clouds, bench), {"cosine": laws}))


def _embedded(clouds: Mapping[str, np.ndarray], bench: Bench) -> dict[str, np.ndarray]:
    """t-SNE of all clouds together, apart again."""
    bench.recorder.check()
    folder = bench.folder / "embedding"  # where it tells of its progress
    folder.mkdir(parents=True, exist_ok=True)
    points = embed(np.concatenate(list(clouds.values())), TSNE, folder)
    cuts = np.cumsum([len(cloud) for cloud in clouds.values()])[:-1]
    return dict(zip(clouds, np.split(points, cuts), strict=True))


def _characters(part: Part, cloud: str, title: str, trivial: str = "uniform") -> Made:
    """What a cloud of weights achieves, beside uniform ones; ``trivial``: the cloud that costs nothing to have."""
    arrays, metrics = part.arrays("particles.npz"), reading.mapping(part.report, "metrics")
    found, other = (reading.maybe_mapping(metrics, name) for name in (cloud, trivial))
    told = {
        "median accuracy, %": ("median_accuracy", 100.0),
        "weights with more than half right, %": ("share_above_half", 100.0),
        "median loss": ("median_loss", 1.0),
        "median |G|": ("median_norm", 1.0),
    }
    rows = []
    for what, (key, scale) in told.items():
        ours, free = (_times(reading.maybe_number(which, key), scale) for which in (found, other))
        rows.append(Row(what, None, ours, None, free, f"trivial: {TRIVIAL[trivial]}"))
    names = {title: cloud} | ({} if trivial == "uniform" else {trivial: trivial}) | {"uniform": "uniform"}
    laws = {
        what: {name: arrays[f"{key}_{kind}"] for name, key in names.items()}
        for what, kind in (("accuracy", "accuracy"), ("loss", "loss"), ("|G|", "norm"))
    }
    return _made(part, rows, reproduced.histograms(laws))


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else scale * value


def critical_uniform(bench: Bench) -> Made:
    """Figure 12."""
    return _characters(_done(bench, UNIFORM), "generated", "Iψ(∇u*(0))")


def critical_flow(bench: Bench) -> Made:
    """Figure 14."""
    return _characters(_done(bench, FLOW), "generated", "Iψ(∇u*(0))")


def sampled(bench: Bench) -> Made:
    """Figures 4 and 16."""
    return _sampled(bench, _characters(_done(bench, SAMPLING), "lmc-npf", "LMC-NPF", "restart"))


def _noise(metrics: Mapping[str, object]) -> Row:
    found = reading.maybe_mapping(metrics, "stochasticity")
    value, floor = (reading.maybe_number(found, key) for key in ("value", "self_distance"))
    note = "of two gradients at one set of weights; floor: what two draws of the cloud differ by"
    return Row("S_eps of two batches of gradients at the same weights", None, value, floor, note=note)


def _inverse(part: Part) -> Made:
    """Gradients at generated weights against those asked for, and the minibatch's noise."""
    figures, metrics = part.arrays("figures.npz"), reading.mapping(part.report, "metrics")
    distance = reading.maybe_mapping(metrics, "inverse_distance")
    here, floor, trivial = (reading.maybe_number(distance, key) for key in ("inverse", "floor", "trivial"))
    rows = [
        _cosine(None, of_metric(metrics, "inverse_cosine")),
        Row("|G(I_psi(grad u*(y))) - y|, median", None, here, floor, trivial, "floor: another minibatch"),
        _noise(metrics),
    ]
    laws = {
        "cosine": {"Iψ∘∇u*": figures["cosine"], "another minibatch": figures["ceiling_cosine"]},
        "distance to y": {"Iψ∘∇u*": figures["distance_inverse"], "another minibatch": figures["distance_floor"]},
        "S of two batches": {"at the same weights": figures["stochasticity"]},
    }
    made = _made(part, rows, reproduced.histograms(laws))
    if here is not None and trivial is not None and here >= trivial:
        word = "In length the generated gradients are no better than trivial: the cosine alone shows that Iψ learned."
        made = replace(made, notes=[*made.notes, word])
    return made


def inverse_flow(bench: Bench) -> Made:
    """Figure 13."""
    return _inverse(_done(bench, FLOW))


def inverse_sampled(bench: Bench) -> Made:
    """Figure 15."""
    return _sampled(bench, _inverse(_done(bench, SAMPLING)))


def islands(bench: Bench) -> Made:
    """Figure 5."""
    part = _done(bench, SAMPLING)
    arrays, metrics = part.arrays("particles.npz"), reading.mapping(part.report, "metrics")
    names = {"after the warm-up": "warmup", "LMC": "lmc", "LMC-NPF": "lmc-npf"}
    clouds = {title: arrays[key][: EMBEDDED // 2] for title, key in names.items()}
    free = reading.maybe_mapping(metrics, "restart")
    rows = []
    for title, key in names.items():
        found = reading.maybe_mapping(metrics, key)
        for what, name, scale in (
            ("median distance to the nearest warm-up particle", "distance_to_warmup", 1.0),
            ("weights with more than half right, %", "share_above_half", 100.0),
        ):
            ours, trivial = (_times(reading.maybe_number(which, name), scale) for which in (found, free))
            rows.append(Row(f"{title}: {what}", None, ours, None, trivial, f"trivial: {TRIVIAL['restart']}"))
    return _sampled(bench, _made(part, rows, reproduced.embedded(_embedded(clouds, bench), {})))


def architecture(bench: Bench) -> Made:
    """Figure 11."""
    rows = [Row(f"weights of block {k + 1}", None, float(size)) for k, size in enumerate(SIZES)]
    return Made([*rows, Row("weights in all", 222.0, float(sum(SIZES)))])
