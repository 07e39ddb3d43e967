"""Which argument of every maximum wins, read off activation patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.errors import InvalidNetworkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from regions.network.layer import Layer, Units

__all__ = ["winners"]


def winners(layers: Sequence[Layer], patterns: ArrayLike) -> dict[str, NDArray[np.int64]]:
    """Say for each maximum and minimum of a network which of its arguments wins.

    A maximum of more than two arguments is a tournament: the pattern says who wins each of its pairs. Between equal
    arguments the pattern decides like the network does, for the later one of a pair.

    Parameters
    ----------
    layers : sequence of Layer
        Of a network.
    patterns : array_like, shape (..., H), bool
        Of points or regions.

    Returns
    -------
    dict of str to ndarray, shape (..., output shape), int64
        For each module that decides a maximum, by its name, the place of the winner within the window: in a pool of
        2 by 2 pixels 0 to 3, row by row, padding counted as a place. A maximum of one argument alone has no units and
        nothing to decide; it is -1.

    Raises
    ------
    InvalidNetworkError
        When the patterns are not of this network.

    Examples
    --------
    >>> import torch, regions
    >>> class Maxout(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.amax(-1, keepdim=True)
    >>> network = regions.from_torch(Maxout(), input_dimension=3)
    >>> points = [[5.0, 1.0, 2.0], [0.0, 3.0, -1.0], [0.0, 1.0, 7.0]]
    >>> [a.ravel().tolist() for a in network.winners(network.patterns(points)).values()]
    [[0, 1, 2]]
    """
    active = np.asarray(patterns, dtype=bool)
    n_neurons = sum(int(layer.kinked.sum()) for layer in layers)
    if active.ndim == 0 or active.shape[-1] != n_neurons:
        raise InvalidNetworkError(
            f"patterns of shape {active.shape} were given; this network needs (..., {n_neurons})."
        )
    flat = active.reshape(int(np.prod(active.shape[:-1])), n_neurons)
    rounds: dict[str, list[tuple[Units, NDArray[np.bool_]]]] = {}
    column = 0
    for layer in layers:
        start = 0
        for group in layer.groups:
            count = int(layer.kinked[start : start + group.size].sum())
            if group.arguments is not None and group.outputs is not None:
                rounds.setdefault(group.name, []).append((group, flat[:, column : column + count]))
            start, column = start + group.size, column + count
    return {
        name: _winners(parts, len(flat)).reshape(*active.shape[:-1], *parts[0][0].shape)
        for name, parts in rounds.items()
    }


def _winners(parts: list[tuple[Units, NDArray[np.bool_]]], n: int) -> NDArray[np.int64]:
    """Play the rounds of one module's maxima; shape (n, outputs)."""
    size = int(np.prod(parts[0][0].shape))
    ends = [part.arguments.max() for part, _ in parts if part.arguments is not None]
    # For each output the winner so far among the arguments from this one on.
    best = np.tile(np.arange(max(ends)), (n, size, 1))
    first = np.full(size, max(ends))
    for part, active in parts:
        assert part.arguments is not None
        assert part.outputs is not None
        left, right = part.arguments[:, 0, 0], part.arguments[:, 1, 0]
        winner = np.where(active, best[:, part.outputs, left], best[:, part.outputs, right])
        best[:, part.outputs, left] = winner
        np.minimum.at(first, part.outputs, left)
    decided = first < max(ends)
    found = np.full((n, size), -1)
    found[:, decided] = best[:, np.flatnonzero(decided), first[decided]]
    return found
