"""Which output is the largest, by way of a tournament of maxima behind the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.measures._divided import beside, divided, joined, segments
from regions.network.composed import with_rounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["DecisionBoundary", "decision_boundary", "predicted_classes", "regions_per_class"]


@dataclass(frozen=True, slots=True, eq=False)
class DecisionBoundary:
    """Where the predicted class changes.

    Parameters
    ----------
    lines : shapely.MultiLineString
        Joined to polylines; rays are cut off at the box that was asked for.
    segments : ndarray, shape (S, 2, 2), float64
    classes : ndarray, shape (S, 2), int64
        The class to the left and to the right of each segment.
    regions : ndarray, shape (S, 2), int64
        The regions of the original complex to the left and to the right.
    complex : RegionComplex
        The regions divided by the comparisons of outputs: on each of its regions the class is one and the same.
    parents : ndarray, shape (R',), int64
        The region of the original complex that each region of `complex` is a part of.
    predicted : ndarray, shape (R',), int64
        The class on every region of `complex`.
    """

    lines: Any
    segments: NDArray[np.float64]
    classes: NDArray[np.int64]
    regions: NDArray[np.int64]
    complex: RegionComplex
    parents: NDArray[np.int64]
    predicted: NDArray[np.int64]

    def __repr__(self) -> str:
        n = len(np.unique(self.predicted))
        return f"<DecisionBoundary of {len(self.segments)} segments between {n} class{'' if n == 1 else 'es'}>"


def decision_boundary(complex: RegionComplex, *, box: Any = None) -> DecisionBoundary:
    """Where the class changes that the outputs predict, exactly.

    The class is the index of the largest output, the first one of several, as in `numpy.argmax`. A single output
    is a logit: class 1 where it is > 0, and 0 elsewhere.

    Parameters
    ----------
    complex : RegionComplex
    box : float, Box or (minx, miny, maxx, maxy), optional
        Where unbounded pieces are cut off; :attr:`regions.RegionComplex.view` where left out.

    Returns
    -------
    DecisionBoundary
        Its `complex` has the regions divided by comparisons of the outputs, with a class for each.

    Notes
    -----
    A tournament of maxima behind the network, max(a, b) = a + relu(b - a), has the engine divide the regions so
    that each has one class; the boundary is made of the edges between two classes.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    >>> regions.measures.decision_boundary(regions.enumerate_regions(network, 2))
    <DecisionBoundary of 2 segments between 2 classes>
    """
    refined, parents, predicted = _by_class(complex)
    sides = beside(predicted, refined, np.arange(len(refined.edges)))
    edges = np.flatnonzero((sides >= 0).all(axis=1) & (sides[:, 0] != sides[:, 1]))
    pieces, names, edges = segments(refined, edges, box)
    return DecisionBoundary(
        lines=joined(pieces, names),
        segments=pieces,
        classes=sides[edges],
        regions=beside(parents, refined, edges),
        complex=refined,
        parents=parents,
        predicted=predicted,
    )


def _by_class(complex: RegionComplex) -> tuple[RegionComplex, NDArray[np.int64], NDArray[np.int64]]:
    """The regions divided by class, their originals, and the class of each."""
    o = complex.network.n_outputs
    if o == 1:
        refined, parents = divided(complex, with_rounds(complex.network, [(np.ones((1, 1)), np.zeros(1), 1, "class")]))
        return refined, parents, refined.patterns[:, -1].astype(np.int64)
    # A tournament of pairwise maxima: who is left, as sums of the outputs and of what the last round made.
    rounds = []
    left = np.eye(o)
    while len(left) > 1:
        n, odd = divmod(len(left), 2)
        first, second = left[0 : 2 * n : 2], left[1 : 2 * n : 2]
        weight = np.vstack([second - first, first, left[2 * n :]])
        rounds.append((weight, np.zeros(len(weight)), n, "class"))
        # The pair's neuron and its first one; behind them who had no opponent.
        pairs = np.hstack([np.zeros((n, o)), np.eye(n), np.eye(n), np.zeros((n, odd))])
        left = np.vstack([pairs, np.eye(odd, pairs.shape[1], pairs.shape[1] - odd)])
    refined, parents = divided(complex, with_rounds(complex.network, rounds))
    bits = refined.patterns[:, complex.network.n_neurons :]
    winners = [np.full(refined.n_regions, k) for k in range(o)]
    start = 0
    for _, _, n, _ in rounds:
        last = [winners[-1]] if len(winners) % 2 else []
        # The second one wins only where it is larger: ties go to the first, as in `numpy.argmax`.
        winners = [np.where(bits[:, start + i], winners[2 * i + 1], winners[2 * i]) for i in range(n)] + last
        start += n
    return refined, parents, winners[0]


def predicted_classes(complex: RegionComplex) -> NDArray[np.int64]:
    """The class that each region's points have, shape (R,), int64; -1 where the decision boundary runs through."""
    _, parents, predicted = _by_class(complex)
    out = np.full(complex.n_regions, -2)
    for region, label in zip(parents.tolist(), predicted.tolist(), strict=True):
        out[region] = label if out[region] in (-2, label) else -1
    return out


def regions_per_class(complex: RegionComplex) -> dict[int, int]:
    """How many regions lie in each class.

    Parameters
    ----------
    complex : RegionComplex

    Returns
    -------
    dict of int to int
        Class to number of activation regions all of whose points have it; -1 to the number of those that the
        decision boundary divides.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    >>> regions.measures.regions_per_class(regions.enumerate_regions(network, 2))
    {-1: 1, 0: 2, 1: 1}
    """
    classes, counts = np.unique(predicted_classes(complex), return_counts=True)
    return dict(zip(classes.tolist(), counts.tolist(), strict=True))
