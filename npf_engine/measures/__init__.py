"""Accuracy report and what the pages show of a model."""
