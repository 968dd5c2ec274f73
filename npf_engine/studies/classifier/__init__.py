"""Experiments 5.3, 5.4 and 5.5 of NPF on the loss of a small classifier."""
