"""The engine: cuts a domain into the faces of a network's polyhedral complex. It sees arrays only."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def _drop_stale_cache() -> None:
    """Remove compiled kernels that are older than any of the engine's sources.

    numba watches only the file that a kernel stands in, but kernels call each other across files.
    """
    here = Path(__file__).parent
    with suppress(OSError):
        newest = max(source.stat().st_mtime for source in here.glob("*.py"))
        for index in (here / "__pycache__").glob("*.nbi"):
            if index.stat().st_mtime < newest:
                index.unlink()


_drop_stale_cache()
