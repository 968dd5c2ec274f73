"""The trained thing: F = grad u o M with its stochastic inverse, answering in the user's units.

Positions are scaled per axis to the model's; values of F are never rescaled (fields/field.py). In the user's units
grad u therefore means D grad z-type components: it is the gradient with respect to the *model* position, in units of F.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from npf_engine.fields.field import Scaling, Units
from npf_engine.fields.lattice import Lattice
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.chunks import in_chunks
from npf_engine.networks.mlp import MLP
from npf_engine.networks.potential import Potential
from npf_engine.networks.value_bridge import ValueBridge
from npf_engine.networks.weights import fingerprint
from npf_engine.polar.guidance import CLOSE_ENOUGH, FAR, GUIDE_MAX_D, GUIDE_SAMPLES, POOR, guide, outside
from npf_engine.polar.inversion import ExactInversion, Inversion
from npf_engine.polar.preimages import invert_exact
from npf_engine.polar.storage import read_model, save_model
from npf_engine.seeds import child
from npf_engine.settings import reading
from npf_engine.transport.conjugate import Conjugate, conjugate

CONJUGATE_TOLERANCE = 1e-5
NETWORKS = ("u", "v", "m", "bridge")


@dataclass
class PolarFactorization:
    """u_theta, V_phi, M_xi and X_psi with the scaling and the conventions that make them a model of a field.

    samples: x_*, y_* = F(x_*), m_* = M_theta(x_*) for * in train, test; model positions, at most a few thousand
    each, so that pictures and checks need no field data. ``function``: F itself where it is known as a function
    (model positions -> values); ``lattice``: F on its grid where it is a raster's. ``m`` and ``bridge`` are None in a
    model that was stopped early.
    """

    u: Potential
    v: MLP | None
    m: MLP | None
    bridge: Bridge | None
    scaling: Scaling
    units: Units
    rho: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    field_name: str
    field_spec: dict[str, object]
    samples: dict[str, Tensor]
    info: dict[str, object]
    function: Callable[[Tensor], Tensor] | None = None
    sampler: str = "bridge"
    sampler_steps: int = 100
    guide_steps: int = 0
    redraws: int = 0
    lattice: Lattice | None = None

    def __post_init__(self) -> None:
        if isinstance(self.bridge, ValueBridge):
            self.bridge.attach(self.u)

    @property
    def d(self) -> int:
        """Dimension of Omega."""
        return self.u.d

    @property
    def thinned_from(self) -> tuple[int, int] | None:
        """Rows and columns of the raster's own grid, where ``lattice`` has fewer nodes; None where it has them all, or
        a bundle from before this was kept does not say."""
        own = self.info.get("grid")
        if self.lattice is None or not isinstance(own, list | tuple) or len(own) != 2:
            return None
        if not all(isinstance(side, int) for side in own) or tuple(own) == self.lattice.shape:
            return None
        return own[0], own[1]

    @property
    def seconds(self) -> dict[str, float]:
        """Of each stage of its training, by name."""
        found = reading.mapping(self.info, "seconds")
        return {name: reading.number(found, name) for name in found}

    @property
    def shift(self) -> Tensor:
        """(d,) float64: what was taken off F before training, since 32-bit numbers would have rounded the rest. The
        networks and ``samples`` know F less this."""
        return torch.tensor(reading.numbers(self.info, "shift") or [0.0] * self.d, dtype=torch.float64)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.u.like.device

    def to(self, device: str | torch.device) -> PolarFactorization:
        """Move the networks (samples stay where they are). Returns self."""
        for module in (self.u, self.v, self.m, self.bridge):
            if module is not None:
                module.to(device)
        return self

    # -- answers in the user's units ------------------------------------------------------------------------------

    def potential(self, x: Tensor) -> Tensor:
        """u(x) (n,) at positions x (n, d)."""
        return in_chunks(self.u, self._model(x)).cpu()

    def grad_u(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d), in the units of F, at positions x (n, d). NPF eq. 4."""
        return in_chunks(self.u.gradient, self._model(x)).cpu()

    def grad_u_conjugate(self, y: Tensor) -> Tensor:
        """grad u*(y) (n, d), positions, for values y (n, d): the inverse of grad_u."""
        return self._user(self.solve(self._values(y)).x)

    def M(self, x: Tensor, field_values: Tensor | None = None) -> Tensor:
        """M_theta(x) = grad u*(F(x)) (n, d). field_values: F(x) (n, d); needed unless F is known as a function.

        Raises ValueError when F is known on samples only and field_values is missing.
        """
        if field_values is None:
            if self.function is None:
                raise ValueError("F is known on samples only: pass field_values = F(x), or use M_network")
            field_values = self.function(self._model(x).cpu())
        return self.grad_u_conjugate(field_values)

    def M_network(self, x: Tensor) -> Tensor:
        """M_xi(x) (n, d), the network's regression of M_theta. Raises ValueError when it was not trained."""
        if self.m is None:
            raise ValueError("this model has no M_xi: its training stopped before that stage")
        return self._user(in_chunks(self.m, self._model(x)))

    def preimages(self, y: Tensor, n: int, seed: int = 0) -> Tensor:
        """n draws of I_psi(y, noise), points that M sends to y: (n, d) for y (d,), (k, n, d) for y (k, d)."""
        points = self._model(y)
        single = points.ndim == 1
        draws = self.sample_inverse(points.reshape(-1, self.d).repeat_interleave(n, dim=0), seed)
        x = self._user(draws).reshape(-1, n, self.d)
        return x[0] if single else x

    def invert(self, gradient: Tensor, n: int, seed: int = 0) -> Tensor:
        """n draws of I_psi(grad u*(gradient), noise), points where F takes that value: (n, d), or (k, n, d) for (k,
        d)."""
        x = self.invert_details(gradient, n, seed).x
        return x[0] if _as_tensor(gradient).ndim == 1 else x

    def invert_details(self, gradient: Tensor, n: int, seed: int = 0) -> Inversion:
        """``invert`` with what it rests on, for gradient (d,) or (k, d)."""
        result = self.solve(self._values(gradient).reshape(-1, self.d))
        nearest = self.bridge.confine(result.x) if self.bridge is not None else result.x
        outside = (nearest - result.x).norm(dim=1) > 0.02
        draws = self.sample_inverse(self._project(result.x).repeat_interleave(n, dim=0), seed)
        x = self._user(draws).reshape(-1, n, self.d)
        return Inversion(x, self._user(result.x), result.residual.cpu(), outside.cpu())

    def invert_exact(self, gradient: Tensor, n: int, seed: int = 0) -> ExactInversion:
        """``invert`` of one gradient (d,), each draw carried on to where F is exactly that value.

        Raises InputError where F is known on samples only, so that nothing could be solved.
        """
        return invert_exact(self, _as_tensor(gradient).reshape(-1), n, seed)

    # -- the same in model units ----------------------------------------------------------------------------------

    def solve(self, y: Tensor, start: Tensor | None = None, tolerance: float = CONJUGATE_TOLERANCE) -> Conjugate:
        """grad u*(y) in model units, with residuals. Started at V_phi(y) when there is one."""
        if start is None and self.v is not None:
            start = in_chunks(self.v, y)
        return conjugate(self.u, y, start, tolerance=tolerance)

    def sample_inverse(self, y: Tensor, seed: int) -> Tensor:
        """One draw of I_psi for each row of y (n, d), model units: a path of the bridge, guided by M_xi at its end
        (``guide_steps``; without M_xi and in high dimension the path alone).

        A draw that ends where M_xi is far from y is no pre-image; it is drawn anew up to ``redraws`` times, and the
        nearest is kept: on terrain a fold of M_xi stops every fourth to seventh path (benchmarks/preimage_law.py, which
        also shows that the law of the branches does not suffer).
        """
        if self.bridge is None:
            raise ValueError("this model has no I_psi: its training stopped before that stage")
        generator = torch.Generator().manual_seed(seed)
        drawn = self._paths(self.bridge, y, seed, generator)
        m = self.m
        if m is None or not self._guides:
            return drawn
        stay, close = self._guidance
        confine = self.bridge.confine
        drawn, left = guide(m, drawn, y, confine, stay, self.guide_steps, close)
        for again in range(1, self.redraws + 1):
            far = (left > FAR * close).nonzero()[:, 0]
            if not len(far):
                break
            paths = self._paths(self.bridge, y[far], child(seed, f"redraw.{again}"), generator)
            paths, left_there = guide(m, paths, y[far], confine, stay, self.guide_steps, close)
            better = left_there < left[far]
            drawn[far[better]], left[far[better]] = paths[better], left_there[better]
        return drawn

    def _guided(self, drawn: Tensor, y: Tensor) -> Tensor:
        """Where M_xi leads ends of paths (n, d) for y (n, d) on to, model units; where they are, for a model that does
        not guide."""
        if self.m is None or self.bridge is None or not self._guides:
            return drawn
        stay, close = self._guidance
        return guide(self.m, drawn, y, self.bridge.confine, stay, self.guide_steps, close)[0]

    @property
    def _guides(self) -> bool:
        return self.m is not None and bool(self.guide_steps) and self.d <= GUIDE_MAX_D

    def _paths(self, bridge: Bridge, y: Tensor, seed: int, generator: torch.Generator) -> Tensor:
        """Where paths of the bridge for y (n, d) end; Heun's have the seed for their noise, the exact ones the
        generator."""
        if self.sampler == "heun":
            from npf_engine.polar.heun import sample_heun  # torchsde is only needed for the reference sampler

            return sample_heun(bridge, y, seed, steps=self.sampler_steps)
        return bridge.sample(y, generator, self.sampler_steps)

    @functools.cached_property
    def _guidance(self) -> tuple[Callable[[Tensor], Tensor], float]:
        """What keeps a guided draw in rho's mass, and how near to y M_xi can bring it: half of what M_xi itself is off
        by at unseen samples. An M_xi that knows less than a bridge does brings nothing nearer."""
        assert self.m is not None
        x, m = (self.samples[name][:GUIDE_SAMPLES].to(self.u.like) for name in ("x_test", "m_test"))
        with torch.no_grad():
            own = float((self.m(x) - m).norm(dim=1).median()) if len(x) else 0.0
        return outside(self.rho, self.samples["x_train"]), max(CLOSE_ENOUGH, own / 2 if own < POOR else torch.inf)

    def _project(self, x_hat: Tensor) -> Tensor:
        return self.bridge.project(x_hat) if self.bridge is not None else x_hat

    def _model(self, x: Tensor) -> Tensor:
        return self.scaling.to_model(_as_tensor(x)).to(self.u.like)

    def _user(self, x_hat: Tensor) -> Tensor:
        """Positions in the user's units, in double precision: degrees do not fit float32 to the metre."""
        return self.scaling.to_user(x_hat.cpu().double())

    def _values(self, y: Tensor) -> Tensor:
        values = _as_tensor(y).to(self.u.like)
        if values.shape[-1] != self.d:
            raise ValueError(f"expected values with {self.d} components, got shape {tuple(values.shape)}")
        return values

    def fingerprint(self) -> str:
        """sha256 over all weights of u, V, M and I in a fixed order, in hexadecimal: two trainings with equal ones gave
        the same model, bit for bit."""
        return fingerprint({name: getattr(self, name) for name in NETWORKS})

    # -- files ----------------------------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> None:
        """Write model.safetensors, samples.safetensors and config.json into a folder (polar/storage.py)."""
        save_model(self, Path(folder))

    @staticmethod
    def load(path: str | Path) -> PolarFactorization:
        """Read a bundle (zip) or a model folder. Raises InputError when it is not one."""
        return read_model(Path(path), PolarFactorization)


def _as_tensor(x: Tensor) -> Tensor:
    """Positions and values stay in double precision until they are scaled."""
    return torch.as_tensor(x, dtype=torch.float64)
