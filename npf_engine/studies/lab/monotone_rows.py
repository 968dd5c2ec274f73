"""What seed 004 claims of its losses, as rows of numbers: the Gaussian divergence matches moments, the adversarial
distance matches the law (sections 3 and 4; its figures 1 to 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from npf_engine.studies.lab.run import Bench
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.lab.tasks import build_task
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.gaussian import covariance
from npf_engine.transport.methods import registry
from npf_engine.transport.methods.method import Budget

Row = Mapping[str, float | str | None]
NETWORKS, OWN_LOSSES = ("cmgn", "mmgn"), ("kl", "adversarial")
MOMENT_POINTS = 50_000  # by which moments are known to a part in two hundred
MOMENTS_SEED = 7919  # of draws that no training and no measure has seen


def losses_of_networks(
    task: str = "mixtures",
    networks: Sequence[str] = NETWORKS,
    losses: Sequence[str] = OWN_LOSSES,
    *,
    form: str = "published",
    seed: int = 0,
    steps: int | None = None,
    recorder: Recorder | None = None,
) -> list[Row]:
    """A row for each network and loss on a task of the lab: network, loss, form; mean_error = |m_T - m| over the
    target's spread and covariance_error = |C_T - C| / |C|, in per cent, of the image's moments; metric and value of the
    task (S_eps; of Gaussians L2-UVP), with floor and trivial answer; seconds.

    form: published, without our gains, or gains. steps: of the optimiser, the loss' own where None. Raises InputError
    for a task that there is not."""
    bench = Bench(build_task(task), LabSpec(task=task, first_seed=seed, seeds=1))
    source, target = bench.task.laws
    x, y = bench.task.test(MOMENT_POINTS, MOMENTS_SEED)
    rows: list[Row] = []
    for name in networks:
        method = registry.get(name)
        for loss in losses:
            settings = replace(method.settings, loss=loss, form=form)
            found = method.learn(source, target, Budget(steps=steps), seed, recorder or Recorder(), settings)
            mean, spread = moment_errors(found.forward(x), y)
            rows.append(
                {
                    "network": name,
                    "loss": loss,
                    "form": form,
                    "mean_error": mean,
                    "covariance_error": spread,
                    "metric": bench.task.metric,
                    "value": bench.value(found.forward, bench.x, bench.y),
                    "floor": bench.floor,
                    "trivial": bench.trivial,
                    "seconds": found.report.seconds,
                }
            )
    return rows


def moment_errors(image: Tensor, y: Tensor) -> tuple[float, float]:
    """Of an image (n, d) against a target's points (m, d), in per cent: |m_T - m| over the root of tr C, and
    |C_T - C| / |C| (Frobenius)."""
    C = covariance(y)
    gap = (image.double().mean(0) - y.double().mean(0)).norm() / C.trace().sqrt()
    return 100 * float(gap), 100 * float(torch.linalg.norm(covariance(image) - C) / torch.linalg.norm(C))
