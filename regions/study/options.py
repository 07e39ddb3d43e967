"""What comparisons and reports are asked for, checked before work begins. Light: the command line reads it for help."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regions.errors import OptionError

__all__ = ["ACTIVATIONS", "EXAMPLE", "IGNORED", "ReportOptions", "checked_seeds", "checked_widths", "dashed", "is_int"]

IGNORED = (
    "{} was given together with a model; a saved model has its own weights, so widths, activation and seeds say "
    "nothing about it. Leave them out, or the model."
)
ACTIVATIONS = ("abs", "leaky_relu", "relu")
_RESOLUTIONS = (16, 4000)
EXAMPLE = "such as (2, 20, 1)"


def is_int(value: Any) -> bool:
    """Whether it is an integer, and no truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def dashed(widths: Sequence[int]) -> str:
    """Name widths, such as 2-20-1."""
    return "-".join(map(str, widths))


def checked_widths(values: Any, name: str = "") -> tuple[int, ...]:
    """Inputs, one or more hidden layers and outputs as a tuple of integers >= 1.

    Parameters
    ----------
    values : sequence of int
    name : str
        Of the network, for the message.

    Raises
    ------
    OptionError
        When they are not.
    """
    prefix = f"{name} widths" if name else "widths"
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
        raise OptionError(
            f"{prefix} {values!r} of type {type(values).__name__} were given; a sequence of integers is needed, "
            f"{EXAMPLE}."
        )
    widths = tuple(values)
    given = ",".join(map(str, widths))
    if len(widths) < 3 or not all(is_int(w) and w >= 1 for w in widths):
        raise OptionError(
            f"{prefix} {given or 'of no layer'} were given; needed are the inputs, one or more hidden layers "
            "and the outputs, all integers >= 1, such as 2,20,1."
        )
    return tuple(int(w) for w in widths)


def checked_seeds(values: Any) -> tuple[int, ...]:
    """One or more different integers from 0 to 2**63 - 1.

    Raises
    ------
    OptionError
        When they are not.
    """
    try:
        seeds = tuple(values)
    except TypeError as error:
        raise OptionError(f"seeds {values!r} were given; several are needed, such as range(10).") from error
    given = ",".join(map(str, seeds)) or "(none)"
    if not seeds or not all(is_int(s) and 0 <= s < 2**63 for s in seeds):
        raise OptionError(f"seeds {given} were given; one or more integers from 0 to 2**63 - 1 are needed.")
    if len(set(seeds)) != len(seeds):
        raise OptionError(f"seeds {given} were given; each may appear once.")
    return tuple(int(s) for s in seeds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What to compare, where, and how finely to cross-check it.

    Parameters
    ----------
    shallow_widths : sequence of int
        Inputs, one hidden layer, outputs; two inputs.
    deep_widths : sequence of int
        Inputs, one or more hidden layers, outputs; two inputs.
    activation : {"relu", "abs", "leaky_relu"}
        Of the hidden layers of both.
    seeds : sequence of int
        One network of each kind a seed; the weights are those that torch draws after ``torch.manual_seed(seed)``.
    bounds : sequence of float
        Each b stands for the square [-b, b]²; kept in ascending order.
    resolution : int
        Pixels a side of the gradient image that every complex is checked against.
    model : Path, optional
        A saved model: the report is on that one alone, and widths, activation and seeds may not be given.
    figures : bool
        Whether to draw.

    Raises
    ------
    OptionError
        On the first value that is not allowed; the message says what is.

    Examples
    --------
    >>> ReportOptions(bounds=[100, 10]).bounds
    (10.0, 100.0)
    >>> ReportOptions(shallow_widths=[2, 20, 20, 1])
    Traceback (most recent call last):
    ...
    regions.errors.OptionError: shallow widths 2,20,20,1 were given; a shallow network has exactly one hidden \
    layer, such as 2,20,1. Give networks of more layers as the deep one.
    """

    shallow_widths: tuple[int, ...] = (2, 20, 1)
    deep_widths: tuple[int, ...] = (2, 5, 5, 5, 5, 1)
    activation: str = "relu"
    seeds: tuple[int, ...] = tuple(range(10))
    bounds: tuple[float, ...] = (10.0, 100.0, 1000.0)
    resolution: int = 500
    model: Path | None = None
    figures: bool = True

    def __post_init__(self) -> None:
        shallow = _widths(self.shallow_widths, "shallow")
        if len(shallow) != 3:
            raise OptionError(
                f"shallow widths {','.join(map(str, shallow))} were given; a shallow network has exactly one hidden "
                "layer, such as 2,20,1. Give networks of more layers as the deep one."
            )
        if self.activation not in ACTIVATIONS:
            raise OptionError(f"activation {self.activation!r} was given; allowed are {', '.join(ACTIVATIONS)}.")
        low, high = _RESOLUTIONS
        if not is_int(self.resolution) or not low <= self.resolution <= high:
            raise OptionError(f"resolution {self.resolution} was given; an integer from {low} to {high} is needed.")
        settled = {
            "shallow_widths": shallow,
            "deep_widths": _widths(self.deep_widths, "deep"),
            "seeds": checked_seeds(self.seeds),
            "bounds": _bounds(self.bounds),
            "model": None if self.model is None else Path(self.model),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        if self.model is not None:
            own = ("shallow_widths", "deep_widths", "activation", "seeds")
            fields = type(self).__dataclass_fields__
            given = [name for name in own if getattr(self, name) != fields[name].default]
            if given:
                raise OptionError(IGNORED.format(" and ".join(given)))


def _widths(values: Any, name: str) -> tuple[int, ...]:
    widths = checked_widths(values, name)
    if widths[0] != 2:
        given = ",".join(map(str, widths))
        raise OptionError(f"{name} widths {given} were given; the report draws in the plane: the first must be 2.")
    return widths


def _bounds(values: Any) -> tuple[float, ...]:
    try:
        bounds = tuple(sorted(float(b) for b in values))
    except (TypeError, ValueError, OverflowError) as error:
        raise OptionError(f"bounds {values!r} were given; numbers > 0 are needed, such as 10,100,1000.") from error
    given = ",".join(f"{b:g}" for b in bounds)
    if not bounds or not all(math.isfinite(b) and b > 0 for b in bounds):
        raise OptionError(f"bounds {given or '(none)'} were given; one or more finite numbers > 0 are needed.")
    if len(set(bounds)) != len(bounds):
        raise OptionError(f"bounds {given} were given; each may appear once.")
    return bounds
