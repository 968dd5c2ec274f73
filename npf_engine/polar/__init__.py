"""The trained thing: PolarFactorization, the stages that make one, and samplers."""
