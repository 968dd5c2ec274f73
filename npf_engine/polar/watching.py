"""What a page shows while u_theta is trained: S_eps against its self-distance, and grad u#rho as it forms."""

from __future__ import annotations

import time

import numpy as np
import torch

from npf_engine import seeds
from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.field import Field
from npf_engine.networks.potential import Potential
from npf_engine.settings.stages import ReportConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.dual import in_chunks
from npf_engine.transport.optimise import SHOWN

SHOWN_POINTS = 1000  # of the picture
FLOORS = 4  # draws that the floor is the mean of
SECONDS_BETWEEN = 3.0
SHARE_OF_TIME = 0.05


class Watch:
    """Every few seconds, on held-out points: S_eps(grad u#rho, F#rho) and a snapshot, at most a twentieth of the time.

    points: of each cloud, as many as the accuracy report's, so that the curve and its floor are those of the verdict.
    Its draws are its own, so that looking changes nothing in the training.
    """

    def __init__(self, u: Potential, field: Field, recorder: Recorder, seed: int, points: int = ReportConfig.n) -> None:
        self.u, self.recorder = u, recorder
        generator = seeds.generator(seed, "u.watch")
        count = min(points, field.x_test.shape[0] // 2)
        order = torch.randperm(field.x_test.shape[0], generator=generator)
        second, rest = order[:count], order[count:]
        self.x = field.x_test[rest[:count]].to(u.like)
        self.y = field.y_test[second]
        self.unit = np.array(field.units.value)
        self.eps = default_eps(self.y)
        draws = [rest[torch.randperm(len(rest), generator=generator)[:count]] for _ in range(FLOORS)]
        floors = [sinkhorn_divergence(field.y_test[draw], self.y, self.eps) if self.eps > 0 else 0.0 for draw in draws]
        self.self_distance = sum(floors) / FLOORS
        self.due = 0.0

    def loss(self, step: int) -> dict[str, float]:
        """Numbers for the progress of this step: those of a look every few seconds, else none."""
        return self.look() if step % SHOWN == 0 and time.monotonic() >= self.due else {}

    def look(self) -> dict[str, float]:
        """The divergence and its floor; the picture goes to the recorder."""
        begin = time.monotonic()
        image = in_chunks(self.u.gradient, self.x).cpu().float()
        shown: dict[str, float] = {}
        if torch.isfinite(image).all() and self.eps > 0:
            shown = {
                "sinkhorn": sinkhorn_divergence(image, self.y, self.eps),
                "self_distance": self.self_distance,
            }
        self.recorder.snapshot(
            "grad_u",
            x=self.x[:SHOWN_POINTS].cpu().float().numpy(),
            grad_u=image[:SHOWN_POINTS].numpy(),
            target=self.y[:SHOWN_POINTS].float().numpy(),
            unit=self.unit,
        )
        spent = time.monotonic() - begin
        self.due = time.monotonic() + max(SECONDS_BETWEEN, spent / SHARE_OF_TIME)
        return shown
