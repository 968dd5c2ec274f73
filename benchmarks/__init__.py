"""Comparisons that print every figure that docs/benchmarks.md quotes."""
