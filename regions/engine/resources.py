"""What an enumeration may use."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Resources"]


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
