"""What a field may be at most and at least: one home for the limits on files, rows and dimensions."""

from __future__ import annotations

from npf_engine.errors import InputError

MAX_D = 512  # dimensions: u_theta has d-by-d matrices, and Gaussian starts cost d^3
MIN_ROWS = 50  # samples: below it 15 % of them measure nothing
MAX_SAMPLES = 20_000_000  # drawn, for a field known as a function
MAX_FILE_BYTES = 400_000_000  # of an uploaded file
MAX_UNPACKED_BYTES = 1_000_000_000  # of all that an archive holds
MAX_CELLS = 60_000_000  # numbers in a table: 480 MB as float64
LARGEST = 1e15  # magnitude of a value of F: sums of squares must stay far inside float32


def rows_needed(d: int) -> int:
    """Fewest samples of a field in dimension d: their covariance must have full rank with room to spare."""
    return MIN_ROWS + d


def check_cells(file: str, rows: int, columns: int) -> None:
    """InputError for a table that is too large to be held."""
    if rows * columns > MAX_CELLS:
        raise InputError(
            f"{file} has {rows:,} rows or more in {columns} columns; at most {MAX_CELLS:,} numbers are read: "
            "thin it out."
        )
