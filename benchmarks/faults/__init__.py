"""Hostile visitors against a real server: benchmarks/check_faults.py."""
