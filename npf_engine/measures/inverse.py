"""How well I_psi draws pre-images: against neighbourhoods of M on test samples, and by the cosine where F is a
function."""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import batched_sinkhorn_divergence, default_eps
from npf_engine.fields.field import Field
from npf_engine.measures.accuracy import Cosine, InverseMeasured, ValueDistance
from npf_engine.measures.measured import Measured
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.settings.stages import ReportConfig
from npf_engine.transport.pairing import nearest


def inverse_metric(
    model: PolarFactorization,
    x_test: Tensor,
    m_test: Tensor,
    train: tuple[Tensor, Tensor],
    config: ReportConfig,
    seed: int,
) -> InverseMeasured | None:
    """mean_k S_eps( I_psi(M(B_k)), B_k ) over seeded test points, B_k the test points whose M is nearest to M(x_k).

    self_distance: the sharp reference, for each x_j of B_k the training point nearest to it in M, without repeats,
    against B_k;
    paper_self_distance: two draws of |B_k| from all of rho. trivial: I ignoring its input, a draw from rho.
    eps from rho. Positions are model units. None when the model has no I_psi or too few test samples.
    """
    if model.bridge is None or x_test.shape[0] < 64:
        return None
    n = x_test.shape[0]
    size = min(config.neighbourhood_size, n // 2)
    count = min(config.neighbourhoods, n)
    generator = seeds.generator(seed, "report.inverse")
    centres = torch.randperm(n, generator=generator)[:count]
    balls = nearest(m_test, m_test[centres], size)
    reference = x_test[balls]
    start = model._project(m_test[balls.flatten()].to(model.u.like))
    drawn = model.sample_inverse(start, seed).cpu().float().reshape(count, size, -1)
    eps = default_eps(x_test)
    sharp = torch.stack([_matched(m_test[ball], *train) for ball in balls])
    plain, first, second = (x_test[torch.randint(n, (count, size), generator=generator)] for _ in range(3))
    value = batched_sinkhorn_divergence(drawn, reference, eps)
    floor = batched_sinkhorn_divergence(sharp, reference, eps)
    trivial = batched_sinkhorn_divergence(plain, reference, eps)
    paper = batched_sinkhorn_divergence(first, second, eps)
    rows = torch.stack([value, floor, trivial], dim=1).tolist()
    return InverseMeasured.of_row(Measured.of_draws(rows, size, eps), float(paper.mean()))


def _matched(queries: Tensor, x_train: Tensor, m_train: Tensor) -> Tensor:
    """For each query (k, d) in M's image the training point whose M is nearest, no point twice: (k, d)."""
    wanted = min(queries.shape[0] * 4, m_train.shape[0])
    # The pool of the ball's own nearest points suffices: all queries lie in one small ball.
    pool = nearest_pool(m_train, queries.mean(0), wanted)
    distance = torch.cdist(queries.double(), m_train[pool].double())
    taken = torch.zeros(len(pool), dtype=torch.bool)
    chosen = []
    for row in distance:
        best = int(torch.where(taken, torch.inf, row).argmin())
        taken[best] = True
        chosen.append(int(pool[best]))
    return x_train[chosen]


def nearest_pool(points: Tensor, centre: Tensor, k: int) -> Tensor:
    """Indices (k,) of the points nearest to one centre."""
    return (points - centre).square().sum(1).topk(k, largest=False).indices


def inverse_values(
    model: PolarFactorization, field: Field, seed: int, n: int = 2000
) -> tuple[Cosine, ValueDistance] | None:
    """F at I_psi(grad u*(F(x))) beside F(x) over test points (NPF eq. 15): their cosine, beside the best constant
    direction's, and their distance (the first version's eq. 15), beside that of F's mean.

    None where F is known on samples only, or in one dimension (a sign).
    """
    y = field.y_test[:n]
    found = reached(model, y, seed)
    if found is None:
        return None
    cosines, distances = torch.nn.functional.cosine_similarity(found, y, dim=1), (found - y).norm(dim=1)
    unit = torch.nn.functional.normalize(y, dim=1)
    trivial = float((y - field.y_train.to(y).mean(0)).norm(dim=1).mean())
    return (
        Cosine(float(cosines.mean()), float(unit.mean(0).norm()), float(cosines.std())),
        ValueDistance(float(distances.mean()), trivial, float(distances.std())),
    )


def reached(model: PolarFactorization, y: Tensor, seed: int) -> Tensor | None:
    """F (n, d) at one drawn pre-image of each row of y (n, d); None where F is not a function."""
    if model.function is None or model.bridge is None or model.d < 2:
        return None
    start = model._project(model.solve(y.to(model.u.like)).x)
    return model.function(model.sample_inverse(start, seed).cpu().float())
