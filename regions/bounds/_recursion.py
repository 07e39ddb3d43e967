"""The recursion behind the bounds of deep networks: regions sorted by the dimension of their image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import comb

from regions.bounds.arrangements import cones, parts

__all__ = ["Stage", "regions_by_dimension"]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a bound needs to know of one layer.

    Parameters
    ----------
    neurons : int
        How many hyperplanes cut.
    flat : int
        How many of these neurons are constant on one of their sides, as ReLU is.
    units : int
        How many outputs are not constant: the neurons, and linear units beside them.
    rank : int
        A bound on the rank of the weights of these units; `units` where nothing is known.
    cut_rank : int
        The same for the neurons alone.
    central : bool
        Whether the hyperplanes have a common point in every image of a region.
    """

    neurons: int
    flat: int
    units: int
    rank: int
    cut_rank: int
    central: bool = False

    @classmethod
    def of_relu(cls, width: int, rank: int | None = None) -> Stage:
        """A layer of `width` ReLU neurons."""
        r = width if rank is None else rank
        return cls(width, width, width, r, r)

    def total(self, dimension: int) -> int:
        """The most regions that the layer makes of one whose image has this dimension."""
        return (cones if self.central else parts)(self.neurons, min(dimension, self.cut_rank))

    def split(self, dimension: int) -> Iterator[tuple[int, int]]:
        """The worst case: pairs of an image's dimension after the layer, and how many regions have it."""
        left = self.total(dimension)
        for j in range(self.flat + 1):
            # No more regions than patterns have j neurons on their flat sides, each with an image no larger than this.
            found = min(left, comb(self.flat, j) << (self.neurons - self.flat))
            yield min(dimension, self.rank, self.units - j), found
            left -= found
            if not left:
                return


def regions_by_dimension(input_dimension: int, stages: Iterable[Stage]) -> Counter[int]:
    """Push one region of full dimension through the layers: for every dimension of the image a number of regions.

    Their sum is a bound. A region of image dimension d is cut by n hyperplanes in a flat of dimension d, of whose
    normals min(d, rank) are linearly independent, into ``total`` parts at most (Zaslavsky 1975). These are convex, so
    no two have one pattern, and at most C(flat, j) 2^(neurons - flat) of them have j neurons on their flat sides, whose
    images have dimension units - j at most. A larger dimension allows at least as many regions in all that follows; so
    the worst case has as many regions as possible with j = 0, then with j = 1, and so on, until all are used up.
    """
    found = Counter({input_dimension: 1})
    for stage in stages:
        after: Counter[int] = Counter()
        for dimension, regions in found.items():
            for image, parts_of in stage.split(dimension):
                after[image] += regions * parts_of
        found = after
    return found
