"""Distances between point clouds: one home for each formula and each epsilon."""
