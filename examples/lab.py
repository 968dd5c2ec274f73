"""The Monge lab: a Brenier map between two clouds by several methods, each with the same number of steps.

    python examples/lab.py

Takes about a minute on one core.
"""

# %% One task whose answer is known in closed form, several ways to learn it
import numpy as np

import npf_engine as npf
from npf_engine.studies.lab import LabSpec, run_lab

report = run_lab(LabSpec(task="gaussian", methods=("gaussian", "icnn", "cmgn", "exact"), seeds=1, budget_steps=200))
print(f"{report['title']}: {report['metric']}, nothing learned {report['trivial']:.3g}")
for method, row in report["results"].items():
    print(f"  {method:9} {row['mean']:.3g} in {row['seconds']:.1f} s")

# %% The library's own, on clouds of one's own: a ring to a cross
rng = np.random.default_rng(0)
angle = rng.uniform(0, 2 * np.pi, 4000)
ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * rng.normal(2.0, 0.1, (4000, 1))
cross = rng.normal(size=(4000, 2)) * np.where(rng.random((4000, 1)) < 0.5, [[2.0, 0.2]], [[0.2, 2.0]])
T = npf.fit_brenier_map(ring, cross, budget_seconds=20)
print(f"S_eps to the cross: ring {npf.sinkhorn_divergence(ring[:1000], cross[:1000]):.3g}, "
      f"its image {npf.sinkhorn_divergence(T.transform(ring[:1000]), cross[:1000]):.3g}, "
      f"two draws {npf.sinkhorn_divergence(cross[1000:2000], cross[:1000]):.3g}")  # fmt: skip

# %% Back again, and what it is: the gradient of a convex potential, so its Jacobian is positive definite
back = T.inverse_transform(T.transform(ring[:500]))
print(f"there and back misses by {np.abs(back - ring[:500]).max():.1e}; least eigenvalue of its Jacobian "
      f"{np.linalg.eigvalsh(T.hessian(ring[:500])).min():.2g}")  # fmt: skip
