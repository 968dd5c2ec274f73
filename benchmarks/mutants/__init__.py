"""Small faults put into the mathematics one by one, each with the tests that should see it (make check-mutants)."""
