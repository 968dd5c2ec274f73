"""NPF 5.3 to 5.5 and appendix F: the loss of a small classifier."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.classifier_sizes import SIZES
from npf_engine.figures import reproduced
from npf_engine.measures.embedding import embed
from npf_engine.settings import reading
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.reproduction.making import Bench, Made, of_metric
from npf_engine.studies.reproduction.result import Row
from npf_engine.studies.reproduction.workshop import Part

EMBEDDED = 500  # points of each cloud of a t-SNE
TSNE: dict[str, object] = {"seed": 0, "steps": 1000, "perplexity": 30.0}
DIGITS = "on other digits than MNIST the scale is another"
UNIFORM, FLOW, SAMPLING = "5.3", "5.4", "5.5"


def _done(bench: Bench, number: str) -> Part:
    return bench.run(number, experiment_preset(number, bench.spec.preset, bench.spec.seed))


def _made(part: Part, rows: list[Row], figure: object = None) -> Made:
    return Made(rows, figure, [part], [reading.text(part.report, "data")])  # type: ignore[arg-type]  # a figure or None


def table_uniform(bench: Bench) -> Made:
    """Table 2."""
    part = _done(bench, UNIFORM)
    metrics = reading.mapping(part.report, "metrics")
    u, inverse, cosine = (of_metric(metrics, key) for key in ("pushforward", "inverse", "inverse_cosine"))
    ceiling = reading.maybe_number(reading.maybe_mapping(metrics, "inverse_cosine"), "ceiling")
    told = "" if ceiling is None else f"at most {ceiling:.3f}, by the minibatch's noise; trivial: one fixed direction"
    rows = [
        Row("S_eps(grad u#rho, G#rho)", 97.4, u["value"], u["self_distance"], u["trivial"], DIGITS),
        Row("S_eps(G#rho, G#rho'), two draws", 93.6, u["self_distance"]),
        Row("E S_eps(I_psi(M(B(x))), B(x))", 107.3, inverse["value"], inverse["self_distance"], inverse["trivial"]),
        Row("S_eps(rho_l, rho'_l), two draws of 128", 105.7, inverse["paper_self_distance"]),
        Row("cosine of G(I_psi(grad u*(y))) with y", 0.81, cosine["mean"], None, cosine["trivial"], told),
    ]
    return _made(part, rows)


def first_table_push(bench: Bench) -> Made:
    """Table 2 of the first version: two sizes of the clouds."""
    part = _done(bench, UNIFORM)
    figures = part.arrays("figures.npz")
    image, field = (torch.from_numpy(figures[key]).double() for key in ("grad_u", "field"))
    rows = []
    for n, paper, floor in ((1024, 107.5, 110.3), (2048, 93.5, 87.4)):
        if 2 * n > len(field):
            rows.append(Row(f"S_eps(grad u#rho, G#rho), n = {n}", paper, None, note=f"{len(field)} test samples kept"))
            continue
        eps = default_eps(field[:n])
        two = sinkhorn_divergence(field[n : 2 * n], field[:n], eps)
        rows += [
            Row(
                f"S_eps(grad u#rho, G#rho), n = {n}",
                paper,
                sinkhorn_divergence(image[n : 2 * n], field[:n], eps),
                two,
                note=DIGITS,
            ),
            Row(f"S_eps(G#rho, G#rho'), n = {n}", floor, two),
        ]
    return _made(part, rows)


def first_table_inverse(bench: Bench) -> Made:
    """Table 3 of the first version."""
    part = _done(bench, UNIFORM)
    metrics = reading.mapping(part.report, "metrics")
    inverse, cosine = of_metric(metrics, "inverse"), of_metric(metrics, "inverse_cosine")
    rows = [
        Row("E S_eps(I_psi(M(B(x))), B(x))", 106.2, inverse["value"], inverse["self_distance"], inverse["trivial"]),
        Row("S_eps(rho_128, rho'_128), two draws", 105.7, inverse["paper_self_distance"]),
        Row("cosine of G(I_psi(grad u*(y))) with y", 0.82, cosine["mean"], None, cosine["trivial"]),
    ]
    return _made(part, rows)


def overlap(bench: Bench) -> Made:
    """Figure 3."""
    part = _done(bench, UNIFORM)
    figures, metrics = part.arrays("figures.npz"), reading.mapping(part.report, "metrics")
    u, cosine = of_metric(metrics, "pushforward"), of_metric(metrics, "inverse_cosine")
    clouds = {"G♯ρ": figures["field"][:EMBEDDED], "∇u♯ρ": figures["grad_u"][:EMBEDDED]}
    rows = [
        Row("cosine of G(I_psi(grad u*(y))) with y, mean", 0.81, cosine["mean"], None, cosine["trivial"]),
        Row("the same, standard deviation", 0.20, cosine["std"]),
        Row("S_eps(grad u#rho, G#rho)", 97.4, u["value"], u["self_distance"], u["trivial"], DIGITS),
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


def _characters(part: Part, cloud: str, title: str) -> Made:
    """What a cloud of weights achieves, beside uniform ones."""
    arrays, metrics = part.arrays("particles.npz"), reading.mapping(part.report, "metrics")
    found, other = (reading.maybe_mapping(metrics, name) for name in (cloud, "uniform"))
    told = {
        "median accuracy, %": ("median_accuracy", 100.0),
        "weights with more than half right, %": ("share_above_half", 100.0),
        "median loss": ("median_loss", 1.0),
        "median |G|": ("median_norm", 1.0),
    }
    rows = []
    for what, (key, scale) in told.items():
        ours, trivial = reading.maybe_number(found, key), reading.maybe_number(other, key)
        rows.append(Row(what, None, _times(ours, scale), None, _times(trivial, scale), "trivial: uniform weights"))
    names = {title: cloud, "uniform": "uniform"}
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
    return _characters(_done(bench, SAMPLING), "lmc-npf", "LMC-NPF")


def _noise(metrics: Mapping[str, object]) -> Row:
    found = reading.maybe_mapping(metrics, "stochasticity")
    value, floor = (reading.maybe_number(found, key) for key in ("value", "self_distance"))
    note = "of two gradients at one set of weights; floor: what two draws of the cloud differ by"
    return Row("S_eps of two batches of gradients at the same weights", None, value, floor, note=note)


def _inverse(part: Part) -> Made:
    """Gradients at generated weights against those asked for, and the minibatch's noise."""
    figures, metrics = part.arrays("figures.npz"), reading.mapping(part.report, "metrics")
    cosine, distance = of_metric(metrics, "inverse_cosine"), reading.maybe_mapping(metrics, "inverse_distance")
    here, floor, trivial = (reading.maybe_number(distance, key) for key in ("inverse", "floor", "trivial"))
    ceiling = reading.maybe_number(reading.maybe_mapping(metrics, "inverse_cosine"), "ceiling")
    told = "" if ceiling is None else f"at most {ceiling:.3f}, by the minibatch's noise; trivial: one fixed direction"
    rows = [
        Row("cosine of G(I_psi(grad u*(y))) with y, mean", None, cosine["mean"], None, cosine["trivial"], told),
        Row("|G(I_psi(grad u*(y))) - y|, median", None, here, floor, trivial, "floor: another minibatch"),
        _noise(metrics),
    ]
    laws = {
        "cosine": {"Iψ∘∇u*": figures["cosine"], "another minibatch": figures["ceiling_cosine"]},
        "distance to y": {"Iψ∘∇u*": figures["distance_inverse"], "another minibatch": figures["distance_floor"]},
        "S of two batches": {"at the same weights": figures["stochasticity"]},
    }
    return _made(part, rows, reproduced.histograms(laws))


def inverse_flow(bench: Bench) -> Made:
    """Figure 13."""
    return _inverse(_done(bench, FLOW))


def inverse_sampled(bench: Bench) -> Made:
    """Figure 15."""
    return _inverse(_done(bench, SAMPLING))


def islands(bench: Bench) -> Made:
    """Figure 5."""
    part = _done(bench, SAMPLING)
    arrays, metrics = part.arrays("particles.npz"), reading.mapping(part.report, "metrics")
    names = {"after the warm-up": "warmup", "LMC": "lmc", "LMC-NPF": "lmc-npf"}
    clouds = {title: arrays[key][: EMBEDDED // 2] for title, key in names.items()}
    rows = []
    for title, key in names.items():
        found = reading.maybe_mapping(metrics, key)
        if key != "warmup":
            far = reading.maybe_number(found, "distance_to_warmup")
            rows.append(Row(f"{title}: median distance to the nearest warm-up particle", None, far, 0.0))
        share = reading.maybe_number(found, "share_above_half")
        rows.append(Row(f"{title}: weights with more than half right, %", None, _times(share, 100.0)))
    return _made(part, rows, reproduced.embedded(_embedded(clouds, bench), {}))


def architecture(bench: Bench) -> Made:
    """Figure 11."""
    rows = [Row(f"weights of block {k + 1}", None, float(size)) for k, size in enumerate(SIZES)]
    return Made([*rows, Row("weights in all", 222.0, float(sum(SIZES)))])
