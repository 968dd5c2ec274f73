"""Samplers of exp(-c g): LMC-NPF, its correction, and the peers they are measured against."""
