"""The released sampler of I_psi as a reference: torchsde's Heun on the bridge's SDE."""

from __future__ import annotations

import torch
import torchsde
from torch import Tensor, nn

from npf_engine.networks.bridge import Bridge


class _BridgeSDE(nn.Module):
    """dX = (X_psi(t, y, X) - X)/(1-t) dt + sigma dB; additive noise, so Stratonovich equals Ito."""

    noise_type = "diagonal"
    sde_type = "stratonovich"

    def __init__(self, bridge: Bridge, y: Tensor) -> None:
        super().__init__()
        self.bridge, self.y = bridge, y

    def f(self, t: Tensor, x: Tensor) -> Tensor:
        """Drift (n, d)."""
        time = torch.full_like(x[:, :1], float(t))
        return (self.bridge.confine(self.bridge(time, self.y, x)) - x) / (1 - t)

    def g(self, t: Tensor, x: Tensor) -> Tensor:
        """Diffusion, the constant sigma (n, d)."""
        return self.bridge.sigma * torch.ones_like(x)


@torch.no_grad()
def sample_heun(bridge: Bridge, y: Tensor, seed: int, *, steps: int = 950, last: float = 0.95) -> Tensor:
    """I_psi(y, noise) for y (n, d) by Heun from t = 0 to ``last``, as released (dt = 0.001, t <= 0.95): returns X_last.

    The drift is singular at t = 1, hence the early stop, which is a bias; X_psi is kept in Omega here, without
    which one
    sample in a hundred explodes. The seed is given to the Brownian path: torch.manual_seed does not fix torchsde's.
    """
    path = torchsde.BrownianInterval(0.0, last, size=tuple(y.shape), dtype=y.dtype, device=y.device, entropy=seed)
    times = torch.tensor([0.0, last], dtype=y.dtype, device=y.device)
    return torchsde.sdeint(_BridgeSDE(bridge, y), y, times, bm=path, method="heun", dt=last / steps)[-1]
