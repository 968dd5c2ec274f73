"""Own potential: draws of exp(-g) for a function of one's own, and its gradient field factorized.

    python examples/own_potential.py

Takes about a minute on one core.
"""

# %% A potential with three wells of different width and depth, written in torch: no gradient has to be given
import numpy as np
import torch

import npf_engine as npf

CENTRES = torch.tensor([[-3.0, 0.0], [3.0, 1.0], [0.0, -3.0]], dtype=torch.float64)
WIDTHS = torch.tensor([0.6, 0.9, 0.5], dtype=torch.float64)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)


def g(x: torch.Tensor) -> torch.Tensor:
    """-log of a mixture of three Gaussians, (n, 2) -> (n,)."""
    away = (x[:, None] - CENTRES).square().sum(dim=2) / (2 * WIDTHS**2)
    return -torch.logsumexp(torch.log(WEIGHTS / WIDTHS**2) - away, dim=1)


# %% Draw from exp(-g): all chains begin in one well
draws = npf.sample(g, 2000, low=[-6, -6], high=[6, 6], start=[3.0, 1.0], steps=1000, seed=0, details=True)
nearest = (draws.x[:, None] - CENTRES).square().sum(dim=2).argmin(dim=1)
shares = np.bincount(nearest.numpy(), minlength=3) / len(draws.x)
print(f"{draws.method}: shares of the wells {shares.round(2)}, exact {WEIGHTS.numpy()}; "
      f"{draws.gradient_evaluations:,} gradients, acceptance {draws.acceptance:.2f}")  # fmt: skip

# %% The same for numpy, in fifty dimensions: then the gradient is given, and compared with g
scale = np.linspace(0.5, 2.0, 50)
x = npf.sample(
    lambda x: np.square(x / scale).sum(axis=1) / 2, 1000, grad=lambda x: x / scale**2, start=np.zeros(50), steps=1500
)
print(f"50 dimensions, standard deviations over the exact ones: {(x.std(axis=0) / scale).min():.2f} to "
      f"{(x.std(axis=0) / scale).max():.2f}")  # fmt: skip


# %% The gradient field itself, factorized: grad g = grad u o M
def slope(x: torch.Tensor) -> torch.Tensor:
    """grad g (n, 2)."""
    at = x.detach().requires_grad_(True)
    return torch.autograd.grad(g(at).sum(), at)[0]


quick = {"field.n_samples": 20_000, "report.draws": 4}
model = npf.factorize(slope, low=[-5, -5], high=[5, 5], budget="3000 steps", settings=quick)
print(f"verdict: {model.report['verdict']}")

# %% Every critical point of g is a pre-image of the value 0
found = model.invert_exact([0.0, 0.0], 500)
for place, weight in zip(found.places.numpy(), found.weights.numpy(), strict=True):
    print(f"  grad g = 0 at {place.round(3)}, reached by {100 * weight:.0f} % of the draws")
