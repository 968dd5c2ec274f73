"""A run is a folder plus a row."""
