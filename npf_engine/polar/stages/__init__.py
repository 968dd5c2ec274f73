"""The stages of a factorization, a module each: what one returns the next one takes. ``polar/train.py`` strings them
together."""
