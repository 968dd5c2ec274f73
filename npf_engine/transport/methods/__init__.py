"""Ways to learn an optimal map."""
