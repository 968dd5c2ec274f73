"""The trained thing: PolarFactorization, the stages that make one, and samplers."""

from npf_engine.polar.factorization import PolarFactorization

__all__ = ["PolarFactorization"]
