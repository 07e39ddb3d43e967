"""The errors that `regions` raises on purpose; each message says what was given, what is allowed, what to do."""

from __future__ import annotations

from typing import Any

__all__ = [
    "CaptureError",
    "DegeneratePositionError",
    "DomainError",
    "EngineError",
    "FileFormatError",
    "FlushToZeroError",
    "InvalidNetworkError",
    "MemoryLimitError",
    "MissingExtraError",
    "NotPiecewiseLinearError",
    "OptionError",
    "RegionsError",
    "TooManyRegionsError",
    "UnsupportedOperationError",
    "WorkerError",
]


class RegionsError(Exception):
    """Base class of every error that this package raises on purpose.

    Examples
    --------
    >>> import regions
    >>> try:
    ...     regions.Box(0, 0, 0, 1)
    ... except regions.RegionsError as error:
    ...     print(type(error).__name__)
    DomainError
    """


class InvalidNetworkError(RegionsError, ValueError):
    """The weights, biases or slopes do not describe a finite feed-forward network."""


class CaptureError(RegionsError, ValueError):
    """A model could not be read faithfully."""


class UnsupportedOperationError(CaptureError):
    """A model uses an operation that this package does not read."""


class NotPiecewiseLinearError(UnsupportedOperationError):
    """A model uses an operation that is not piecewise linear, so it has no linear regions by any definition."""


class DomainError(RegionsError, ValueError):
    """The domain is empty or flat, not finite where it must be, or of a kind that is not allowed there."""


class DegeneratePositionError(RegionsError, ValueError):
    """The pieces that shapely cut do not fit together: three lines meet, or nearly so."""


class OptionError(RegionsError, ValueError):
    """An option, such as the index of an output or the widths of a report, is outside what is allowed."""


class FileFormatError(RegionsError, ValueError):
    """A file is damaged, foreign, or of a version that this release does not read."""


class FlushToZeroError(RegionsError, ArithmeticError):
    """The floating-point unit takes subnormal numbers for zero, as after ``torch.set_flush_denormal(True)``."""


class MissingExtraError(RegionsError, ImportError):
    """A package is needed that is not installed; the message names the extra that brings it."""


class TooManyRegionsError(RegionsError, RuntimeError):
    """More regions than `max_regions` allows.

    Parameters
    ----------
    count : int
        How many were found before the count was stopped; there are at least so many.
    limit : int
    """

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            f"{count} regions were found, more than max_regions={limit}; there may be many more. "
            "Allow more, or look at a smaller domain."
        )
        self.count = count
        self.limit = limit

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.count, self.limit)


class MemoryLimitError(RegionsError, MemoryError):
    """`max_memory` does not suffice."""


class WorkerError(RegionsError, RuntimeError):
    """A task failed again and again on an executor."""


class EngineError(RegionsError, RuntimeError):
    """The enumeration contradicted itself: a bug in `regions`, with what is needed to reproduce it.

    Parameters
    ----------
    message : str
        What was found to be inconsistent.
    network, domain : object, optional
        The input that led here; save both with a bug report.
    """

    def __init__(self, message: str, network: Any = None, domain: Any = None) -> None:
        super().__init__(
            f"{message} This is a bug in regions: please report it with the network and the domain "
            "(both are attributes of this error; save the network with error.network.save('network.npz'))."
        )
        self.network = network
        self.domain = domain
