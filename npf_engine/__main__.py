"""``python -m npf_engine ...``: every job of the app without the app."""

import sys

from npf_engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
