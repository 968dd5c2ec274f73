"""The samplers of a landscape, a file each: what it is called, and how it runs (sampling/sampler.py)."""
