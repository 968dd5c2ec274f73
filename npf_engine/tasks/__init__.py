"""Work that runs in a process of its own."""
