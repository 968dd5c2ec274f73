"""What a page shows while u_theta is trained: S_eps against its self-distance, and grad u#rho as it forms."""

from __future__ import annotations

import time

import torch

from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.field import Field
from npf_engine.networks.icnn import ConvexPotential
from npf_engine.recorder import Recorder
from npf_engine.transport.dual import in_chunks
from npf_engine.transport.loop import SHOWN

POINTS = 1000
SECONDS_BETWEEN = 3.0
SHARE_OF_TIME = 0.05


class Watch:
    """Every few seconds, on held-out points: S_eps(grad u#rho, F#rho) and a snapshot, at most a twentieth of the time.

    Its draws are its own, so that looking changes nothing in the training.
    """

    def __init__(self, u: ConvexPotential, field: Field, recorder: Recorder, seed: int) -> None:
        self.u, self.recorder = u, recorder
        generator = torch.Generator().manual_seed(seed + 104_729)
        count = min(POINTS, field.x_test.shape[0] // 3)
        order = torch.randperm(field.x_test.shape[0], generator=generator)
        first, second, third = order[:count], order[count : 2 * count], order[2 * count : 3 * count]
        self.x = field.x_test[first].to(u.raw_w)
        self.y, other = field.y_test[second], field.y_test[third]
        self.eps = default_eps(self.y)
        self.self_distance = sinkhorn_divergence(other, self.y, self.eps) if self.eps > 0 else 0.0
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
            "grad_u", x=self.x.cpu().float().numpy(), grad_u=image.numpy(), target=self.y.float().numpy()
        )
        spent = time.monotonic() - begin
        self.due = time.monotonic() + max(SECONDS_BETWEEN, spent / SHARE_OF_TIME)
        return shown
