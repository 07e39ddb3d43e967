"""What the functions of this package are given, checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["count_of", "counts_of"]


def count_of(name: str, value: Any, least: int) -> int:
    """An integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}={value!r} of type {type(value).__name__} was given; an integer is needed.")
    if value < least:
        raise ValueError(f"{name}={value} was given; it must be at least {least}.")
    return int(value)


def counts_of(name: str, values: Any, least: int, *, length: int | None = None) -> tuple[int, ...]:
    """One or more integers of at least `least`; `length` of them where it is given."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(
            f"{name}={values!r} of type {type(values).__name__} was given; a sequence of integers is needed, one a "
            "layer, e.g. (5, 5)."
        )
    found = tuple(count_of(f"{name}[{i}]", value, least) for i, value in enumerate(values))
    if not found:
        raise ValueError(f"{name} is empty; one integer a hidden layer is needed.")
    if length is not None and len(found) != length:
        raise ValueError(f"{name} has {len(found)} entries; {length} are needed, one a hidden layer.")
    return found
