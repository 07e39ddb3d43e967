"""What several tests share."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from regions.enumeration.segment import SegmentPieces

ENDS = {"segment": (Fraction(0), Fraction(1)), "ray": (Fraction(0), None), "line": (None, None)}


class Piece(NamedTuple):
    low: Fraction | None
    high: Fraction | None
    pattern: tuple[bool, ...]
    maps: list[tuple[Fraction, Fraction]]


def inside(low, high) -> Fraction:
    if low is None:
        return Fraction(0) if high is None else high - 1
    return low + 1 if high is None else (low + high) / 2


def reference(network, p, q, kind) -> list[Piece]:
    """Cut a line neuron by neuron, in rationals only; None stands for an end at infinity."""
    start = [(Fraction(b) - Fraction(a), Fraction(a)) for a, b in zip(p, q, strict=True)]
    pieces = [Piece(*ENDS[kind], (), start)]
    for layer in network.layers:
        weight = [[Fraction(w) for w in row] for row in layer.weight.tolist()]
        bias = [Fraction(b) for b in layer.bias.tolist()]
        after = []
        for low, high, pattern, maps in pieces:
            z = [
                (
                    sum((w * a for w, (a, _) in zip(row, maps, strict=True)), Fraction(0)),
                    sum((w * c for w, (_, c) in zip(row, maps, strict=True)), b),
                )
                for row, b in zip(weight, bias, strict=True)
            ]
            cuts = {-c / a for (a, c), kinked in zip(z, layer.kinked, strict=True) if kinked and a}
            inner = sorted(t for t in cuts if (low is None or t > low) and (high is None or t < high))
            edges = [low, *inner, high]
            for left, right in pairwise(edges):
                t = inside(left, right)
                on = [a * t + c > 0 for a, c in z]
                slopes = [
                    Fraction(above if active else below)
                    for active, below, above in zip(on, layer.below.tolist(), layer.above.tolist(), strict=True)
                ]
                seen = tuple(active for active, kinked in zip(on, layer.kinked, strict=True) if kinked)
                after.append(
                    Piece(left, right, pattern + seen, [(s * a, s * c) for s, (a, c) in zip(slopes, z, strict=True)])
                )
        pieces = after
    joined = pieces[:1]
    for piece in pieces[1:]:
        if piece.pattern == joined[-1].pattern:
            joined[-1] = joined[-1]._replace(high=piece.high)
        else:
            joined.append(piece)
    return joined


def rounded(x: Fraction) -> float:
    try:
        return float(x)
    except OverflowError:
        return np.inf if x > 0 else -np.inf


def agrees(pieces: SegmentPieces, p, q, kind) -> None:
    expected = reference(pieces.network, p, q, kind)
    cuts = [piece.high for piece in expected[:-1]]
    assert pieces.exact_breakpoints() == cuts
    assert pieces.breakpoints.tolist() == [rounded(t) for t in cuts]
    assert pieces.patterns.tolist() == [list(piece.pattern) for piece in expected]
    assert pieces.exact_maps() == [piece.maps for piece in expected]
    changes = np.diff(pieces.patterns.astype(int), axis=0) != 0
    assert [pieces.neurons_at(i).tolist() for i in range(len(cuts))] == [np.flatnonzero(c).tolist() for c in changes]
