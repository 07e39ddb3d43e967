"""What an enumeration may use."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["Resources", "cores"]


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of an enumeration.

    Parameters
    ----------
    max_memory : int
        Bytes.
    device : str, optional
        Of torch, for the products of layers; None for numpy on the CPU.
    """

    max_memory: int = 1 << 31
    device: str | None = None


def cores() -> int:
    """How many cores this process may use."""
    # Not every system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
