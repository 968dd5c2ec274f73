"""Plotly figures from arrays: one function a figure, the same for page, report and command line."""
