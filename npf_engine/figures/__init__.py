"""Plotly figures from arrays; the same for page, report and command line."""
