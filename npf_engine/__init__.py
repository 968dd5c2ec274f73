"""Polar factorizations of vector fields: F = grad u o M, learned with neural networks.

u is convex, M preserves the reference measure rho (Brenier, 1991; Vesseron and Cuturi,
"On a Neural Implementation of Brenier's Polar Factorization", 2024, cited below as NPF).
The engine is usable alone: it knows nothing of the web app above it.
"""

__version__ = "0.1.0"
