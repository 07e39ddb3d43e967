"""The command `regions`: `python -m regions` does the same."""

from __future__ import annotations

import sys

from regions.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
