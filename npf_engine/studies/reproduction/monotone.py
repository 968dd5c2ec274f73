"""Monotone gradient networks (Fourneau and Wauquiez 2025): two Gaussians, two mixtures, colours and digits.

By the paper's own losses: the Kullback-Leibler divergence of Gaussians, which sees mean and covariance alone, and the
adversarial Wasserstein distance, which sees the law; by the networks in their published form, from the identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch

from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.pictures import open_picture
from npf_engine.figures import colour, reproduced
from npf_engine.settings import reading
from npf_engine.settings.dotted import with_dotted
from npf_engine.studies.lab.result import LabResult
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.recolor.spec import RecolorSpec
from npf_engine.studies.reproduction.making import Bench, Made, of_metric
from npf_engine.studies.reproduction.result import Row
from npf_engine.studies.reproduction.workshop import Part

if TYPE_CHECKING:
    import plotly.graph_objects as go

ACROSS = 8  # digits of each method in the figure
NAMES = {"cmgn": "C-MGN", "mmgn": "M-MGN"}
KL, ADVERSARIAL = "kl", "adversarial"
SHOWN, PIXELS = 600, 1200  # points of a panel; of the channels
WIDE = 180  # pixels of a picture in the figure
COLOUR_SECONDS = {"quick": 40.0, "paper": 600.0}  # of each network
DIGITS_SECONDS = {"quick": 60.0, "paper": 1200.0}  # of each method


def spec_of(bench: Bench, task: str, loss: str, more: Mapping[str, object] = MappingProxyType({})) -> LabSpec:
    """Both networks on a task of the lab, as published: by this loss, from the identity."""
    values: dict[str, object] = {"task": task, "methods": tuple(NAMES), "first_seed": bench.spec.seed}
    values |= {"mgn.loss": loss, "mgn.form": "published", "mgn.start": "identity", "seeds": 1}
    return with_dotted(LabSpec(), values | dict(more))


def _lab(bench: Bench, task: str, loss: str) -> Part:
    return bench.run(f"{task}, {loss}", spec_of(bench, task, loss))


def _mapped(bench: Bench, task: str, loss: str) -> Made:
    """The laws that both networks end at: their moments, and the law."""
    part = _lab(bench, task, loss)
    report, arrays = LabResult.of_json(part.report), part.arrays("lab.npz")
    target, source = arrays["target"], arrays["source"]
    groups = {"source and target": {"source": source[:SHOWN], "target": target[:SHOWN]}}
    half = len(target) // 2
    floor = _divergence(target[half:], target[:half])
    trivial = _divergence(source[half:] + target.mean(0) - source.mean(0), target[:half])
    rows = []
    for name, title in NAMES.items():
        image = arrays.get(f"pushforward_{name}")
        if image is None:
            rows.append(Row(f"{title}: S_eps(T#mu, nu)", None, None, floor, trivial, report.results[name].note))
            continue
        mean, covariance = _moments(image, target)
        still = _moments(source + target.mean(0) - source.mean(0), target)[1]
        rows += [
            Row(f"{title}: error of the mean, % of nu's spread", None, mean, _moments(target[half:], target[:half])[0]),
            Row(
                f"{title}: error of the covariance, %",
                None,
                covariance,
                _moments(target[half:], target[:half])[1],
                still,
            ),
            Row(f"{title}: S_eps(T#mu, nu)", None, _divergence(image[half:], target[:half]), floor, trivial),
        ]
        groups[title] = {"mapped": image[:SHOWN], "target": target[:SHOWN]}
    note = "Trivial: only moving the mean. The paper draws its results and prints no number."
    return Made(rows, reproduced.overlaid(groups), [part], [note])


def _moments(image: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Errors of mean and covariance (n, d), in per cent of the target's spread and of its covariance."""
    spread = float(np.sqrt(target.var(0).sum()))
    mean = 100 * float(np.linalg.norm(image.mean(0) - target.mean(0))) / spread
    wanted = np.cov(target.T)
    return mean, 100 * float(np.linalg.norm(np.cov(image.T) - wanted) / np.linalg.norm(wanted))


def _divergence(image: np.ndarray, target: np.ndarray) -> float:
    a, b = (torch.from_numpy(np.asarray(cloud, dtype=np.float64)) for cloud in (image, target))
    return sinkhorn_divergence(a, b, default_eps(b))


def gaussian_kl(bench: Bench) -> Made:
    """Figure 1."""
    return _mapped(bench, "gaussian", KL)


def gaussian_adversarial(bench: Bench) -> Made:
    """Figure 2."""
    return _mapped(bench, "gaussian", ADVERSARIAL)


def mixtures_kl(bench: Bench) -> Made:
    """Figure 3."""
    return _mapped(bench, "mixtures", KL)


def mixtures_adversarial(bench: Bench) -> Made:
    """Figure 4."""
    return _mapped(bench, "mixtures", ADVERSARIAL)


def _recoloured(bench: Bench) -> dict[str, Part]:
    found = {}
    for name in NAMES:
        values = {"method": name, "seed": bench.spec.seed, "mgn.loss": ADVERSARIAL, "mgn.form": "published"}
        values["seconds"] = COLOUR_SECONDS[bench.spec.preset]
        found[name] = bench.run(f"colours, {NAMES[name]}", with_dotted(RecolorSpec(), values))
    return found


def _colour_rows(parts: dict[str, Part]) -> list[Row]:
    rows = []
    for name, part in parts.items():
        match = of_metric(part.report, "pushforward")
        rows.append(
            Row(
                f"{NAMES[name]}: S_eps of the colours",
                None,
                match["value"],
                match["self_distance"],
                match["trivial"],
                "trivial: the Gaussian map",
            )
        )
    return rows


def channels(bench: Bench) -> Made:
    """Figure 5: the red and green channel, mapped and wanted."""
    parts = _recoloured(bench)
    rng = np.random.default_rng(bench.spec.seed)
    groups = {}
    for name, part in parts.items():
        clouds = {}
        for title, file in (("mapped", "after.png"), ("target", "palette.png")):
            pixels = open_picture(part.folder / file).rgb.reshape(-1, 3)
            clouds[title] = pixels[rng.choice(len(pixels), min(PIXELS, len(pixels)), replace=False), :2] / 255.0
        groups[NAMES[name]] = clouds
    return Made(_colour_rows(parts), reproduced.overlaid(groups), list(parts.values()))


def pictures(bench: Bench) -> Made:
    """Figure 6: the picture before, whose colours it gets, and after."""
    parts = _recoloured(bench)
    first = next(iter(parts.values()))
    named = {title: open_picture(first.folder / f"{title}.png", WIDE).rgb for title in ("before", "palette")}
    named |= {NAMES[name]: open_picture(part.folder / "after.png", WIDE).rgb for name, part in parts.items()}
    return Made(_colour_rows(parts), colour.pictures(named, width=WIDE), list(parts.values()))


def digits(bench: Bench) -> Made:
    """Figure 7: digits from noise, by C-MGN, M-MGN and an ICNN."""
    methods = (*NAMES, "icnn")
    values = {"task": "digits", "methods": methods, "seeds": 1, "first_seed": bench.spec.seed}
    values |= {"mgn.loss": ADVERSARIAL, "budget_seconds": DIGITS_SECONDS[bench.spec.preset]}
    part = bench.run("digits", with_dotted(LabSpec(), values))
    report = LabResult.of_json(part.report)
    found = report.digits or {}
    real, trivial = (found.get(name) for name in ("real digits", "gaussian (trivial)"))
    rows = []
    for name in methods:
        score, title = found.get(name), NAMES.get(name, "ICNN")
        at = [None if who is None else 100 * who.recognised for who in (score, real, trivial)]
        rows.append(
            Row(f"{title}: digits that are recognised, %", None, at[0], at[1], at[2], note="floor: real digits")
        )
        at = [None if who is None else who.entropy for who in (score, real, trivial)]
        rows.append(
            Row(f"{title}: entropy of the classes, nats", None, at[0], at[1], at[2], note="ten equal classes have 2.30")
        )
        divergence = report.results[name]
        rows.append(Row(f"{title}: S_eps of the codes", None, divergence.mean, report.floor, report.trivial))
    notes = [str(text) for text in reading.items(part.report, "notes")]
    return Made(rows, _sheet(part, methods), [part], [*notes, f"Rows: real digits, {', '.join(NAMES.values())}, ICNN."])


def _sheet(part: Part, methods: Sequence[str]) -> go.Figure:
    """The first digits of each method below real ones, as they come."""
    from npf_engine.fields.digits import load_digit_images
    from npf_engine.studies.lab.digit_codes import CodeSpace

    arrays = part.arrays("lab.npz")
    space = CodeSpace.of(load_digit_images().pixels)
    clouds = [arrays["target"], *(arrays[f"pushforward_{name}"] for name in methods if f"pushforward_{name}" in arrays)]
    codes = np.concatenate([cloud[:ACROSS] for cloud in clouds]).astype(np.float32)
    return colour.digit_sheet(space.decode(torch.from_numpy(codes)).numpy(), columns=ACROSS)
