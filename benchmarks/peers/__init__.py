"""Peers in JAX, each in a child process of its own (threads, memory and compilation caches stay apart).

``launch.run_peer`` starts one: ``adam`` and ``lbfgs`` (the published algorithm with OTT-JAX's network, jitted:
``strong.py``), ``w2neuraldual`` (OTT-JAX's own: ``own.py``) and ``entropic`` (``entropic.py``). Only ``launch`` may
be imported by a benchmark; the rest needs JAX.
"""
