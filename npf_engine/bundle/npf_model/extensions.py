"""In place of what looks for extensions of the program: a bundle has what its model needs."""


def load() -> None:
    """Nothing."""


def problems() -> tuple[str, ...]:
    """None."""
    return ()
