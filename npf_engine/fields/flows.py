"""Flows in the plane by formula, each the turned gradient of a stream function psi: F = (u, v) = (d psi/dy, -d psi/dx).

All are free of divergence wherever they are smooth. ``t`` is the time at which a flow that changes is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.potentials import AnalyticInfo

INFOS = (
    AnalyticInfo(
        "double-gyre",
        "Double gyre",
        "velocity of psi = -0.1 sin(pi f) sin(pi y), f = a x^2 + (1 - 2 a) x, a = 0.25 sin(2 pi t / 10)",
        (0.0, 0.0),
        (2.0, 1.0),
        rhos=("box",),
        gradient=False,
        uses=("t",),
    ),
    AnalyticInfo(
        "eddies",
        "Ocean eddies",
        "velocity of 24 Gaussian eddies of both senses, psi = U L exp(1/2 - r^2 / (2 L^2)) each",
        (-5.0, -5.0),
        (5.0, 5.0),
        gradient=False,
        uses=("noise_seed",),
    ),
    AnalyticInfo(
        "wake",
        "Wake of a cylinder",
        "velocity behind a cylinder of radius 1 that sheds vortices with the period 1 (no slip on it)",
        (1.0, -2.0),
        (6.0, 2.0),
        gradient=False,
        uses=("t",),
    ),
)
EDDIES = 24
EDDY_SIZES, EDDY_SPEEDS = (0.5, 1.2), (0.3, 1.0)
SPREAD = 5.0  # eddies' centres lie in [-SPREAD, SPREAD]^2
GYRE_A, GYRE_EPSILON, GYRE_PERIOD = 0.1, 0.25, 10.0
WAKE_LAYER, WAKE_ALPHA, WAKE_R0, WAKE_L0, WAKE_Y0, WAKE_STRENGTH = 1.0, 2.0, 0.35, 2.0, 0.3, 2.0


def velocity(name: str, t: float, seed: int) -> Callable[[Tensor], Tensor]:
    """F (n, 2) -> (n, 2) of a flow by its name."""
    if name == "double-gyre":
        return partial(double_gyre, t=t)
    return partial(wake, t=t) if name == "wake" else partial(eddies, parts=eddy_field(seed))


def double_gyre(x: Tensor, t: float = 0.0) -> Tensor:
    """Two gyres whose border swings with the period 10, on [0, 2] x [0, 1].

    psi = -A sin(pi f(x, t)) sin(pi y), f = a x^2 + (1 - 2 a) x, a = epsilon sin(omega t), A = 0.1, epsilon = 0.25,
    omega = 2 pi / 10, so that u = -pi A sin(pi f) cos(pi y), v = pi A cos(pi f) sin(pi y) df/dx. No flow crosses the
    border of the box. Shadden, Lekien, Marsden, Physica D 212 (2005), 271-304, section 6.
    """
    a = GYRE_EPSILON * math.sin(2 * math.pi * t / GYRE_PERIOD)
    f, slope = math.pi * (a * x[:, 0] ** 2 + (1 - 2 * a) * x[:, 0]), 2 * a * x[:, 0] + 1 - 2 * a
    y = math.pi * x[:, 1]
    size = math.pi * GYRE_A
    return torch.stack([-size * f.sin() * y.cos(), size * f.cos() * y.sin() * slope], dim=1)


def eddy_field(seed: int, count: int = EDDIES) -> Tensor:
    """(count, 4): centre (2), size L and speed U of eddies, U with its sense; another seed is another field."""
    draws = torch.rand(count, 4, generator=seeds.generator(seed, "field.eddies"), dtype=torch.float64)
    centre = SPREAD * (2 * draws[:, :2] - 1)
    size = EDDY_SIZES[0] + (EDDY_SIZES[1] - EDDY_SIZES[0]) * draws[:, 2:3]
    speed = EDDY_SPEEDS[0] + (EDDY_SPEEDS[1] - EDDY_SPEEDS[0]) * draws[:, 3:]
    sense = 1.0 - 2.0 * (torch.arange(count, dtype=torch.float64)[:, None] % 2)
    return torch.cat([centre, size, sense * speed], dim=1)


def eddies(x: Tensor, parts: Tensor) -> Tensor:
    """The velocity of Gaussian eddies, parts (k, 4) as ``eddy_field`` gives them.

    One of size L and speed U has psi = U L exp(1/2 - r^2 / (2 L^2)): it turns anticlockwise for U > 0, fastest at
    r = L, with the speed U. Eddies of the ocean are near this shape: Chelton, Schlax, Samelson, Progress in
    Oceanography 91 (2011), 167-216.
    """
    u, v = torch.zeros_like(x[:, 0]), torch.zeros_like(x[:, 0])
    for east, north, size, speed in parts.tolist():
        dx, dy = x[:, 0] - east, x[:, 1] - north
        turn = speed / size * torch.exp(0.5 - (dx**2 + dy**2) / (2 * size**2))
        u, v = u - turn * dy, v + turn * dx
    return torch.stack([u, v], dim=1)


def wake(x: Tensor, t: float = 0.0) -> Tensor:
    """Flow in x past a cylinder of radius 1 at the origin that sheds two vortices a period; at rest in the cylinder.

    psi = f g, with f = 1 - exp(-(r - 1)^2) (no slip where r = 1) and g = w (h_2 g_2 - h_1 g_1) + y s, where
    s = 1 - exp(-(x - 1)^2 / alpha^2 - y^2) shelters the wake from the stream of speed 1, and two vortices
    g_i = exp(-R (x - x_i)^2 - R alpha^2 (y - y_i)^2) at y_1 = -y_2 = 0.3 move from x = 1 to 3 while they grow and
    decay: h_1 = |sin pi t|, x_1 = 1 + 2 (t mod 1), and both half a period later for the second.
    The model of Jung, Tel, Ziemniak, Chaos 3 (1993), 555-568, in units of radius, speed and period, with alpha = 2,
    R = 0.35 and w = 2.
    """
    px, py = x[:, 0], x[:, 1]
    r = torch.sqrt((px**2 + py**2).clamp_min(1e-12))
    layer = torch.exp(-WAKE_LAYER * (r - 1) ** 2)
    f, f_r = 1 - layer, 2 * WAKE_LAYER * (r - 1) * layer / r
    shelter = torch.exp(-((px - 1) ** 2) / WAKE_ALPHA**2 - py**2)
    g = py * (1 - shelter)
    g_x, g_y = py * 2 * (px - 1) / WAKE_ALPHA**2 * shelter, 1 - shelter + 2 * py**2 * shelter
    for sense, when, side in ((-1.0, t, WAKE_Y0), (1.0, t - 0.5, -WAKE_Y0)):
        dx, dy = px - 1 - WAKE_L0 * (when % 1.0), py - side
        size = sense * WAKE_STRENGTH * abs(math.sin(math.pi * when))
        vortex = size * torch.exp(-WAKE_R0 * (dx**2 + WAKE_ALPHA**2 * dy**2))
        g = g + vortex
        g_x, g_y = g_x - 2 * WAKE_R0 * dx * vortex, g_y - 2 * WAKE_R0 * WAKE_ALPHA**2 * dy * vortex
    flow = torch.stack([f_r * py * g + f * g_y, -(f_r * px * g + f * g_x)], dim=1)
    return torch.where((r > 1)[:, None], flow, torch.zeros_like(flow))
