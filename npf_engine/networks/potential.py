"""Potential: what every convex potential u is asked for, by conjugates, trainings, measures and bundles.

A new one is one file: a subclass with a name,

    class Mine(Potential, name="mine"):
        def __init__(self, d: int, hidden: Sequence[int] = (64, 64), *, seed: int = 0) -> None:
            super().__init__(d, hidden=list(hidden), seed=seed)
            ...

which is then a value of the setting ``u.network``, is trained, saved, built again on loading, and goes into a bundle.
Whatever values its parameters take, it must be convex: what has to be positive is a softplus, or a square.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Self

import torch
from torch import Tensor, nn

from npf_engine.networks.potential_losses import LossesByAutograd, PotentialLosses
from npf_engine.networks.sizes import kind_of_potential
from npf_engine.potentials import name_of, potential_class, register

if TYPE_CHECKING:  # a bundle's program has no settings
    from npf_engine.settings.stages import PotentialConfig

Slope = Callable[[Tensor], Tensor]
Curve = Callable[[Tensor], tuple[Tensor, Tensor]]
LEAST = 1e-6  # of a unit curvature: what a direction without variance keeps at the start


class Potential(nn.Module, ABC):
    """u: R^d -> R, convex for every value of its parameters. Points are (n, d) in model units.

    d: the dimension; scale: a typical size of grad u's values, by which the network's own numbers are multiplied and
    which is the unit of tolerances. ``arguments`` are those of the constructor that build the same network again, as
    JSON has them.
    """

    methods: ClassVar[tuple[str, ...]] = ("pairing", "dual")  # values of u.method by which it can be trained
    starts: ClassVar[tuple[str, ...]] = ("gaussian", "identity")  # values of u.start that it can take

    d: int
    scale: Tensor

    def __init_subclass__(cls, *, name: str | None = None, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        if name is not None:
            register(name, cls)

    def __init__(self, d: int, **arguments: object) -> None:
        super().__init__()
        self.d = d
        self._arguments = {"d": d, **arguments}
        self.register_buffer("scale", torch.ones(()))

    @classmethod
    def from_settings(cls, d: int, settings: PotentialConfig, seed: int, *, published: bool = False) -> Self:
        """The network that these settings describe. ``published``: for the paper's algorithm unchanged."""
        return cls(d, hidden=list(settings.hidden), seed=seed)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """Inverse of ``to_config``, with weights as at the start."""
        return cls(**{key: value for key, value in config.items() if key != "network"})  # type: ignore[arg-type]  # JSON

    @classmethod
    def least_weights(cls, config: Mapping[str, object]) -> int:
        """How many weights a network of this config has at least, without building it: a file that describes one far
        larger than itself is refused. Of layers ``hidden`` that see x and the layer below."""
        hidden, d = config.get("hidden"), config.get("d")
        if not isinstance(hidden, list | tuple) or not isinstance(d, int):
            return 0
        return int(d * sum(hidden) + sum(a * b for a, b in pairwise(hidden)))

    def to_config(self) -> dict[str, object]:
        """What ``build_potential`` needs, as JSON has it."""
        name = name_of(type(self))
        return ({} if name is None else {"network": name}) | self._arguments

    @property
    def like(self) -> Tensor:
        """A tensor of its dtype on its device: ``x.to(u.like)``."""
        return next(self.parameters())

    @property
    @abstractmethod
    def strong_convexity(self) -> float:
        """m >= 0 with Hessian >= m I everywhere."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """u(x) (n,)."""

    @abstractmethod
    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""

    @abstractmethod
    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (n,), grad u(x) (n, d) and the Hessian (n, d, d)."""

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (n,) and grad u(x) (n, d)."""
        return self(x), self.gradient(x)

    def hessian(self, x: Tensor) -> Tensor:
        """Hessian of u (n, d, d)."""
        return self.derivatives(x)[2]

    def slope(self) -> Slope:
        """grad u (n, d) as a function of x (n, d), for weights that stand still meanwhile."""
        return self.gradient

    def curve(self) -> Curve:
        """grad u (n, d) and the Hessian (n, d, d) as a function of x (n, d), for weights that stand still meanwhile."""
        return lambda x: self.derivatives(x)[1:]

    def losses(self) -> PotentialLosses:
        """What it is trained by, with gradients. A network may know them in fewer operations than autograd."""
        return LossesByAutograd(self)

    @abstractmethod
    def start_at_gaussian(self, S: Tensor, m: Tensor, samples: Tensor, scale: float | None = None) -> None:
        """Start near the Gaussian map, grad u(x) ~ S x + m (Bunne et al. 2022).

        S (d, d) symmetric positive semi-definite, m (d,), in the image's units per model unit of x; samples (n, d): of
        rho; scale: a typical size of the image, by default that of S x + m. ValueError where the network cannot.
        """

    def start_at_identity(self, samples: Tensor, scale: float | None = None) -> None:
        """Start near grad u(x) = x: the Gaussian start of the identity."""
        self.start_at_gaussian(torch.eye(self.d), torch.zeros(self.d), samples, scale)


def size_of_image(S: Tensor, samples: Tensor) -> float:
    """Root mean square distance of S x + m from its mean over samples (n, d); 1 where all lie in one place."""
    x = samples.double().cpu()
    return float(((x - x.mean(0)) @ S.double().cpu()).square().sum(1).mean().sqrt()) or 1.0


def root_of(S: Tensor, factor: float = 1.0) -> Tensor:
    """The symmetric square root of factor S (d, d) in double precision. S's eigenvalues are taken as LEAST or more: a
    direction without variance keeps a little, from which it can still grow."""
    values, vectors = torch.linalg.eigh(S.double())
    return (vectors * (values.clamp(min=LEAST) * factor).sqrt()) @ vectors.T


def build_potential(**config: object) -> Potential:
    """The potential of a ``to_config``. InputError for a name that is not registered."""
    return potential_class(kind_of_potential(config)).from_config(config)
