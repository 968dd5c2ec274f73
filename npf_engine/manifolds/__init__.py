"""Polar factorization where places lie on a flat torus or on a sphere (McCann 2001, *Polar factorization of maps on
Riemannian manifolds*):

    F(x) = exp_{M(x)}( grad phi(M(x)) ),    -phi c-concave for c = d(x, y)^2 / 2,    M keeps the uniform measure.

``factorize_exactly`` does it for samples on either, with nothing learned; ``factorize_torus`` for all points of a
torus.
"""

from npf_engine.manifolds.discrete import DiscreteFactorization, factorize_exactly
from npf_engine.manifolds.network import PeriodicMap, learn_map
from npf_engine.manifolds.spaces import Space, Sphere, Torus
from npf_engine.manifolds.torus import TorusFactorization, factorize_torus

__all__ = [
    "DiscreteFactorization",
    "PeriodicMap",
    "Space",
    "Sphere",
    "Torus",
    "TorusFactorization",
    "factorize_exactly",
    "factorize_torus",
    "learn_map",
]
