"""What a tracker can record of a network in training: measures by name, and a user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions import measures
from regions.complex.definitions import activation_patterns
from regions.errors import OptionError
from regions.measures._distance import read_points
from regions.measures._sizes import check_bounded

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["MEASURES", "RESERVED", "Moment", "plain", "read_measures"]

# Columns that every table has.
RESERVED = ("step", "activation_regions", "error")

Measure = Callable[["Moment"], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What a measure of :data:`MEASURES` is taken of.

    Parameters
    ----------
    complex : RegionComplex
        Of the network as it is now.
    previous : RegionComplex or None
        Of the network at the record before.
    points : ndarray, shape (P, 2), or None
        The points given to :func:`regions.track`.
    seconds : float
        What reading the model and finding its regions took.
    """

    complex: RegionComplex
    previous: RegionComplex | None
    points: NDArray[np.float64] | None
    seconds: float


def _points(now: Moment) -> NDArray[np.float64]:
    assert now.points is not None  # A tracker asks for them first.
    return now.points


_OF_POINTS: dict[str, Measure] = {
    "occupied_regions": lambda now: measures.occupancy(now.complex, _points(now)).n_occupied,
    "regions_per_point": lambda now: measures.occupancy(now.complex, _points(now)).regions_per_point,
    "mean_boundary_distance": lambda now: float(measures.boundary_distances(now.complex, _points(now)).mean()),
}


def _since(now: Moment, read: Callable[[Any], Any]) -> Any:
    return None if now.previous is None else read(measures.stable_regions(now.previous, now.complex))


def _mean_gradient_norm(now: Moment) -> float:
    check_bounded(now.complex, "a mean over the area")
    return float(np.average(measures.gradient_norms(now.complex), weights=now.complex.areas))


MEASURES: dict[str, Measure] = {
    "activation_patterns": lambda now: len(activation_patterns(now.complex)),
    "open_linear_regions": lambda now: 1 + int(now.complex.open_linear_regions.max()),
    "closed_linear_regions": lambda now: 1 + int(now.complex.closed_linear_regions.max()),
    "affine_pieces": lambda now: 1 + int(now.complex.affine_pieces.max()),
    "boundary_length": lambda now: float(measures.boundary_length(now.complex)),
    "boundary_density": lambda now: float(measures.boundary_density(now.complex)),
    "median_area": lambda now: measures.area_distribution(now.complex).median,
    "gini_of_areas": lambda now: measures.area_distribution(now.complex).gini,
    "effective_regions": lambda now: measures.area_distribution(now.complex).effective_regions,
    "mean_sides": lambda now: float(measures.side_counts(now.complex).mean()),
    "median_inradius": lambda now: float(np.median(measures.inradii(now.complex))),
    "lipschitz_constant": lambda now: measures.lipschitz_constant(now.complex).value,
    "mean_gradient_norm": _mean_gradient_norm,
    "diameter": lambda now: int(measures.diameter(now.complex)),
    "dead_neurons": lambda now: int(measures.neuron_states(now.complex).dead.sum()),
    "always_on_neurons": lambda now: int(measures.neuron_states(now.complex).always_on.sum()),
    "seconds": lambda now: now.seconds,
    **_OF_POINTS,
    "surviving_regions": lambda now: _since(now, lambda found: len(found.surviving)),
    "shared_fraction": lambda now: _since(now, lambda found: found.shared_fraction),
}
"""Measures that :func:`regions.track` knows by name, as functions of a :class:`Moment`; see docs/tracking.md."""


def read_measures(given: Any, points: ArrayLike | None) -> tuple[dict[str, Measure], NDArray[np.float64] | None]:
    """The measures asked for, by the names of their columns, and the points that some of them need."""
    chosen = _named(given)
    needing = [name for name, measure in chosen.items() if measure in _OF_POINTS.values()]
    if needing and points is None:
        raise OptionError(f"the measure {needing[0]!r} needs points; give points=, an array of shape (P, 2).")
    if points is not None and not needing:
        raise OptionError(f"points were given, and no measure that needs them; such are {', '.join(_OF_POINTS)}.")
    if points is None:
        return chosen, None
    # Training data may be tensors that want gradients.
    detach = getattr(points, "detach", None)
    return chosen, read_points(detach().cpu() if callable(detach) else points)


def _named(given: Any) -> dict[str, Measure]:
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Iterable):
        raise OptionError(f"measures of type {type(given).__name__} were given; a list of names is needed.")
    if isinstance(given, Mapping):
        named = list(given.items())
    else:
        named = [(one if isinstance(one, str) else getattr(one, "__name__", repr(one)), one) for one in given]
    chosen: dict[str, Measure] = {}
    for name, one in named:
        if not isinstance(name, str):
            raise OptionError(f"the name of a measure {name!r} was given; a string is needed.")
        if name in chosen or name in RESERVED:
            raise OptionError(f"the measure {name!r} was given; each name may appear once, and none of {RESERVED}.")
        if isinstance(one, str) and one in MEASURES:
            chosen[name] = MEASURES[one]
        elif callable(one):
            chosen[name] = _own(one)
        else:
            raise OptionError(
                f"the measure {one!r} was given; allowed are functions of a RegionComplex and the names "
                f"{', '.join(MEASURES)}."
            )
    return chosen


def _own(function: Callable[[RegionComplex], Any]) -> Measure:
    return lambda now: plain("a measure", function(now.complex))


def plain(what: str, value: Any) -> Any:
    """A Python number where a tensor or an array of one was given, so that no graph is kept alive."""
    size = getattr(value, "numel", None)
    if callable(size) or isinstance(value, np.ndarray | np.generic):
        if (size() if callable(size) else value.size) != 1:
            raise OptionError(
                f"{what} of shape {tuple(value.shape)} was given to a tracker; single values are needed. "
                "Take its mean, or record each under a name of its own."
            )
        return value.item()
    return value
