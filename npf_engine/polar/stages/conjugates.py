"""M_theta = grad u* o F at every training and test sample (NPF eq. 4), solved once: what V, M and I are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.networks.potential import Potential
from npf_engine.polar.stages.job import Job
from npf_engine.settings import reading
from npf_engine.settings.stages import ConjugateConfig
from npf_engine.tasks.recorder import State
from npf_engine.tasks.restoring import check
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.pairing import LOOKUP_MAX_D, lookup

CHUNK = 16_384
TOLERANCE = 1e-5  # sup-norm of the gradient, in units of u's scale


@dataclass(frozen=True)
class Conjugates:
    """M_theta of the training samples (n, d) and of the test samples (k, d).

    converged: the share that reached the tolerance; max_residual: the largest that is left; evaluations: of grad u, a
    point.
    """

    train: Tensor
    test: Tensor
    converged: float
    max_residual: float
    evaluations: float
    seconds: float

    def summary(self) -> dict[str, float]:
        """What a model's info says of them, as JSON."""
        return {
            "points": len(self.train) + len(self.test),
            "converged": self.converged,
            "max_residual": self.max_residual,
            "evaluations": self.evaluations,
        }


def judging(solver: ConjugateConfig) -> str:
    """The method where an answer is needed for every point: Adam as released leaves a tenth of them unsolved."""
    return "auto" if solver.method == "adam" else solver.method


def solve_conjugates(job: Job, u: Potential, solver: ConjugateConfig) -> Conjugates:
    """M_theta of all samples of the field."""

    def put(state: State) -> Conjugates:
        info = reading.mapping(state, "info")
        return Conjugates(
            check("m_train", state["m_train"], job.x).to(job.x),
            check("m_test", state["m_test"], job.y_test).to(job.x),
            float(reading.number(info, "converged")),
            float(reading.number(info, "max_residual")),
            float(reading.number(info, "evaluations")),
            float(reading.number(state, "seconds")),
        )

    def state(found: Conjugates) -> State:
        return {
            "m_train": found.train,
            "m_test": found.test,
            "info": found.summary(),
            "seconds": found.seconds,
        }

    return job.recorder.kept("v.conjugates", lambda: _solve(job, u, judging(solver)), put=put, state=state)


def _solve(job: Job, u: Potential, method: str) -> Conjugates:
    """The first samples are solved from the quadratic model; every later one starts at the answer for the nearest value
    among those, which halves the work."""
    begin = job.recorder.clock()
    y = torch.cat([job.y, job.y_test])
    parts: list[Tensor] = []
    residuals: list[Tensor] = []
    converged = evaluations = 0.0
    tree = None
    for part in y.split(CHUNK):
        job.recorder.check()
        start = None if tree is None else parts[0][torch.as_tensor(tree.query(part.cpu().numpy())[1]).to(y.device)]
        result = conjugate(u, part, start, method=method, tolerance=TOLERANCE)
        parts.append(result.x)
        residuals.append(result.residual)
        converged += float(result.converged.float().sum())
        evaluations += result.evaluations * part.shape[0]
        if tree is None and job.field.d <= LOOKUP_MAX_D:
            tree = lookup(part)
        solved = sum(len(r) for r in residuals)
        job.recorder.progress("v: conjugates", solved, len(y), converged=converged / solved)
    x_hat, n = torch.cat(parts), len(job.x)
    return Conjugates(
        x_hat[:n],
        x_hat[n:],
        converged / len(y),
        float(torch.cat(residuals).max()),
        evaluations / len(y),
        job.recorder.clock() - begin,
    )
