"""The activations that have a name, as slopes below and above zero."""

from __future__ import annotations

from typing import Any

from regions.errors import InvalidNetworkError

__all__ = ["hidden_slopes"]

_SLOPES = {"relu": (0.0, 1.0), "abs": (-1.0, 1.0), "identity": (1.0, 1.0)}


def _activation_slopes(activation: Any, place: str) -> tuple[float, float]:
    if isinstance(activation, str):
        if activation in _SLOPES:
            return _SLOPES[activation]
    elif isinstance(activation, tuple | list) and len(activation) == 2:
        return float(activation[0]), float(activation[1])
    raise InvalidNetworkError(
        f"{place}: activation {activation!r} was given; allowed are {sorted(_SLOPES)} "
        "or a pair (slope below zero, slope above zero), e.g. (0.01, 1.0) for a leaky ReLU."
    )


def hidden_slopes(activation: Any, hidden: int) -> list[tuple[float, float]]:
    """The slopes below and above zero of every hidden layer, of one activation for all or of one for each.

    Examples
    --------
    >>> hidden_slopes(["relu", (0.5, 1.0)], 2)
    [(0.0, 1.0), (0.5, 1.0)]
    """
    one_for_all = isinstance(activation, str) or (
        isinstance(activation, tuple | list)
        and len(activation) == 2
        and not any(isinstance(a, str | tuple | list) for a in activation)
    )
    activations = [activation] * hidden if one_for_all else list(activation)
    if len(activations) != hidden:
        raise InvalidNetworkError(
            f"{len(activations)} activations were given for {hidden} hidden layers; give one, or one for each."
        )
    return [_activation_slopes(a, f"activation[{i}]") for i, a in enumerate(activations)]
