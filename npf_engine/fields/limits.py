"""The limits of files and tables, as the readers know them; their one home is ``npf_engine.limits``."""

from __future__ import annotations

from npf_engine.limits import (
    LARGEST as LARGEST,
)
from npf_engine.limits import (
    MAX_CELLS as MAX_CELLS,
)
from npf_engine.limits import (
    MAX_D as MAX_D,
)
from npf_engine.limits import (
    MAX_FILE_BYTES as MAX_FILE_BYTES,
)
from npf_engine.limits import (
    MAX_SAMPLES as MAX_SAMPLES,
)
from npf_engine.limits import (
    MAX_UNPACKED_BYTES as MAX_UNPACKED_BYTES,
)
from npf_engine.limits import (
    MIN_ROWS as MIN_ROWS,
)
from npf_engine.limits import (
    check_cells as check_cells,
)
from npf_engine.limits import (
    rows_needed as rows_needed,
)
