"""Optimal maps between two samples."""
