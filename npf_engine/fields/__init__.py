"""Where (x, F(x)) comes from."""
