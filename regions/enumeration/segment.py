"""Along a line: all breakpoints of a network on a segment, a ray, a whole line or a polyline, in any dimension."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from regions._threads import single_threaded
from regions.arithmetic.floats import rounded
from regions.arithmetic.underflow import require_gradual_underflow
from regions.complex.data import Certificate
from regions.engine.line.intervals import ExactLine, cut_line
from regions.engine.line.roots import rounded_times
from regions.engine.maps.dense import LayerBounds
from regions.enumeration.segment_counts import count_segment
from regions.enumeration.segment_data import SegmentData
from regions.errors import DomainError
from regions.frontends.read import as_network
from regions.network.integers import IntegerNetwork, layer_activity, rational_rows
from regions.network.layer import exact_float64

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from regions.complex.definitions import RegionCounts
    from regions.enumeration.segment_data import Kind
    from regions.network.network import Network

__all__ = ["SegmentPieces", "Trajectory", "enumerate_segment", "enumerate_trajectory"]

_ENDS: dict[str, tuple[int, int]] = {"segment": (1, 1), "ray": (1, 0), "line": (0, 0)}
_WORDS = {"segment": "the segment", "ray": "the ray", "line": "the line"}


def _plural(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


@dataclass(frozen=True, slots=True, eq=False)
class SegmentPieces(SegmentData):
    """The activation regions that a straight line runs through, in order.

    Made by :func:`enumerate_segment`; its arrays are read-only. `K` breakpoints, `H` hidden neurons, `O` outputs,
    `D` inputs. Piece i lies between breakpoints i - 1 and i; the line's points are ``x = p + t (q - p)``.

    Parameters
    ----------
    network : Network
    p, q : ndarray, shape (D,), float64
        The points of t = 0 and t = 1.
    kind : {"segment", "ray", "line"}
        Whether t runs over [0, 1], [0, ∞) or all numbers.
    breakpoints : ndarray, shape (K,), float64
        Values of t at which the activation pattern changes, in order; each is the exact number rounded once. The ends
        of the segment are not among them. Exact ones that differ may be equal after rounding.
    patterns : ndarray, shape (K + 1, H), bool
        True where the neuron's pre-activation is > 0 inside the piece.
    slopes, intercepts : ndarray, shape (K + 1, O), float64
        On the piece the network is ``slopes * t + intercepts``, evaluated in float64; infinite only where the true
        number is beyond its range.
    neuron_offsets : ndarray, shape (K + 1,), int64
        The neurons that change at breakpoint i are ``neurons[neuron_offsets[i]:neuron_offsets[i + 1]]``.
    neurons : ndarray, shape (sum,), int64
        Indices into ``network.neurons``, ascending at each breakpoint.
    certificate : Certificate
        How many signs and orders the float bounds proved, and how many were decided in integers.

    Examples
    --------
    >>> from regions import Network
    >>> pieces = enumerate_segment(Network.from_arrays([[[1.0], [-1.0]], [[1.0, 1.0]]]), [-1.0], [2.0])
    >>> pieces
    <SegmentPieces of 2 pieces and 1 breakpoint, on the segment from [-1.0] to [2.0]>
    >>> pieces.exact_breakpoints()
    [Fraction(1, 3)]
    >>> pieces.neurons_at(0)
    array([0, 1])
    """

    @property
    def bounds(self) -> NDArray[np.float64]:
        """Where t begins and ends on every piece, ±inf where it does not: shape (K + 1, 2)."""
        from_start, to_end = _ENDS[self.kind]
        start, end = (0.0 if from_start else -np.inf), (1.0 if to_end else np.inf)
        edges = np.concatenate([np.array([start]), self.breakpoints, np.array([end])])
        return np.column_stack([edges[:-1], edges[1:]])

    @property
    def points(self) -> NDArray[np.float64]:
        """The breakpoints as points of the input space, evaluated in float64: shape (K, D)."""
        with np.errstate(all="ignore"):
            points = np.asarray(self.p + self.breakpoints[:, None] * (self.q - self.p))
        for i, k in np.argwhere(~np.isfinite(points)).tolist():
            # A difference or a product overflowed.
            t, p, q = (Fraction(float(x)) for x in (self.breakpoints[i], self.p[k], self.q[k]))
            points[i, k] = rounded(p + t * (q - p))
        return points

    def neurons_at(self, breakpoint: int) -> NDArray[np.int64]:
        """The neurons that change their activity at a breakpoint.

        Parameters
        ----------
        breakpoint : int

        Returns
        -------
        ndarray of int64
            Indices into ``network.neurons``, at least one, ascending.
        """
        i = range(len(self.breakpoints))[breakpoint]
        return self.neurons[self.neuron_offsets[i] : self.neuron_offsets[i + 1]]

    def _line(self) -> tuple[ExactLine, list[list[NDArray[np.bool_]]]]:
        return ExactLine(self.network, self.p, self.q), [layer_activity(self.network, x) for x in self.patterns]

    def exact_breakpoints(self) -> list[Fraction]:
        """The breakpoints as the rationals they are; strictly ascending.

        Returns
        -------
        list of Fraction, length K
        """
        line, active = self._line()
        roots = []
        for i in range(len(self.breakpoints)):
            # The first neuron that changes is the same affine function on both sides.
            layer, unit = self.network.neuron_units[self.neurons[self.neuron_offsets[i]]].tolist()
            roots.append(line.root(unit, active[i][:layer]))
        return roots

    def exact_maps(self) -> list[list[tuple[Fraction, Fraction]]]:
        """Slope and intercept of every output on every piece, exactly.

        Returns
        -------
        list of list of (Fraction, Fraction), lengths K + 1 and O
        """
        line, active = self._line()
        return [rational_rows(line.after(layers)) for layers in active]

    def counts(self) -> RegionCounts:
        """Count the regions along the line by five definitions, exactly.

        Returns
        -------
        RegionCounts
            Activation patterns (of the breakpoints and ends too), activation regions (pieces), open and closed linear
            regions and affine pieces.

        Examples
        --------
        >>> from regions import Network
        >>> network = Network.from_arrays([[[1.0], [-1.0]], [[1.0, -1.0]]])
        >>> enumerate_segment(network, [0.0], [1.0], "line").counts()
        RegionCounts(activation_patterns=3, activation_regions=2, open_linear_regions=1, closed_linear_regions=1,
                     affine_pieces=1)
        """
        return count_segment(self)

    def __repr__(self) -> str:
        where = f"{_WORDS[self.kind]} from {_short(self.p)} {'to' if self.kind == 'segment' else 'through'}"
        counts = f"{_plural(len(self), 'piece')} and {_plural(len(self.breakpoints), 'breakpoint')}"
        return f"<SegmentPieces of {counts}, on {where} {_short(self.q)}>"


def _short(point: NDArray[np.float64]) -> str:
    shown = ", ".join(repr(x) for x in point[:3].tolist())
    return f"[{shown}{', …' if len(point) > 3 else ''}]"


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """The activation regions that a polyline runs through, leg by leg.

    Made by :func:`enumerate_trajectory`; its arrays are read-only. `P` points, hence P - 1 legs; `S` pieces and `T`
    transitions.

    Parameters
    ----------
    legs : tuple of SegmentPieces, length P - 1
    transitions : ndarray, shape (T,), float64
        Where the activation pattern changes along the polyline: leg + t, so that integers are corners. A transition
        inside a leg that is so near to its end that the sum rounds to an integer is an integer as well.
    patterns : ndarray, shape (T + 1, H), bool
        The patterns between the transitions, in order: each differs from the next.

    Notes
    -----
    The patterns of all pieces of all legs are written down in order, and a transition is a place where two of them that
    follow each other differ. So at a corner only the pieces before and after it count: if they have one pattern, the
    corner is no transition, even where it lies on a breakpoint and only touches the region behind; if they differ, the
    corner is one transition, however many neurons change there. As everywhere, a neuron that is zero on a whole
    piece is inactive on it.

    Examples
    --------
    >>> from regions import Network
    >>> network = Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> enumerate_trajectory(network, [[-1.0, -1.0], [0.0, 2.0], [-1.0, 1.0]]).n_transitions
    1
    >>> enumerate_trajectory(network, [[-1.0, -1.0], [0.0, 2.0], [1.0, 1.0]]).transitions
    array([0.33333333, 1.        ])
    """

    legs: tuple[SegmentPieces, ...]
    transitions: NDArray[np.float64]
    patterns: NDArray[np.bool_]

    @property
    def n_transitions(self) -> int:
        """`T`, how often the activation pattern changes along the polyline."""
        return len(self.transitions)

    @property
    def n_pieces(self) -> int:
        """`S`, the number of pieces of all legs: corners always separate pieces."""
        return sum(len(leg) for leg in self.legs)

    def __len__(self) -> int:
        return len(self.legs)

    def __repr__(self) -> str:
        legs, pieces = _plural(len(self.legs), "leg"), _plural(self.n_pieces, "piece")
        return f"<Trajectory of {legs} and {pieces}, with {_plural(self.n_transitions, 'transition')}>"


def _width_of(points: Any) -> int | None:
    """The number of coordinates that points have, where they are such."""
    try:
        shape = np.shape(points)
    except ValueError:
        return None
    return shape[-1] if shape and shape[-1] else None


def _read_points(values: ArrayLike, what: str, shape: tuple[int | None, ...], network: Network) -> NDArray[np.float64]:
    """Read points as exactly the same numbers in float64."""
    found = exact_float64(values, what, error=DomainError, finite="all coordinates must be finite.")
    if found.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, found.shape, strict=True)):
        wanted = ", ".join("P" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "")
        inputs = _plural(network.input_dimension, "input")
        raise DomainError(f"{what} of shape {found.shape} was given; this network of {inputs} needs shape ({wanted}).")
    return found


def line_bounds(network: Network) -> list[LayerBounds]:
    """The norms of a network's layers that :func:`regions.engine.line.intervals.cut_line` needs."""
    require_gradual_underflow()
    with np.errstate(all="ignore"), single_threaded():
        return [LayerBounds(layer) for layer in network.layers]


def _pieces(
    network: Network,
    bounds: Sequence[LayerBounds],
    p: NDArray[np.float64],
    q: NDArray[np.float64],
    kind: Kind,
    integers: Callable[[], Any] | None = None,
) -> SegmentPieces:
    line = ExactLine(network, p, q, integers)
    with single_threaded():
        state = cut_line(network, bounds, line, p, q, _ENDS[kind])
        breakpoints = rounded_times(network, bounds, state, p, q)
    maps = state.maps.copy()
    # Multiplied out in integers where they overflowed on the way.
    for i in np.flatnonzero(~np.isfinite(maps).all(axis=(1, 2))).tolist():
        rows = rational_rows(line.after([active[i] for active in state.active]))
        maps[i] = np.where(np.isfinite(maps[i]), maps[i], np.array([[rounded(x) for x in row] for row in rows]).T)
    patterns = np.concatenate(
        [active[:, layer.kinked] for active, layer in zip(state.active, network.layers, strict=True)], axis=1
    )
    where, neurons = np.nonzero(patterns[1:] != patterns[:-1])
    offsets = np.searchsorted(where, np.arange(len(patterns)))
    arrays = (
        breakpoints,
        patterns,
        np.ascontiguousarray(maps[:, 0]),
        np.ascontiguousarray(maps[:, 1]),
        offsets.astype(np.int64),
        neurons.astype(np.int64),
    )
    for array in arrays:
        array.setflags(write=False)
    return SegmentPieces(network, p, q, kind, *arrays, Certificate(state.proven, state.decided))


def enumerate_segment(model: Any, p: ArrayLike, q: ArrayLike, kind: Kind = "segment") -> SegmentPieces:
    """Enumerate all breakpoints of a network along a segment, a ray or a line, exactly.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With any number of inputs D.
    p, q : array_like, shape (D,)
        Two different points, read exactly as float64; the line's points are ``x = p + t (q - p)``.
    kind : {"segment", "ray", "line"}
        From p to q; from p through q without end; the whole line through p and q.

    Returns
    -------
    SegmentPieces

    Raises
    ------
    DomainError
        When p and q are equal, not finite, or not points of the network's input space, or `kind` is unknown.
    InvalidNetworkError, CaptureError
        When the model is not a finite piecewise-linear network.

    Notes
    -----
    A breakpoint is a t inside the line at which the activation pattern changes: several neurons that change at the same
    t make one breakpoint. A neuron that is zero on a whole piece is inactive on it; one that touches zero without
    being active on one side and inactive on the other makes no breakpoint. See docs/segments.md.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> pieces = enumerate_segment(network, [-1.0, -2.0], [1.0, 1.0])
    >>> pieces.breakpoints
    array([0.5       , 0.66666667])
    >>> pieces.slopes.ravel()
    array([0., 2., 5.])
    >>> enumerate_segment(network, [1.0, 1.0], [2.0, 3.0], "line").exact_breakpoints()
    [Fraction(-1, 1), Fraction(-1, 2)]
    """
    network = as_network(model, likely=_width_of(p))
    if kind not in _ENDS:
        raise DomainError(f"kind={kind!r} was given; allowed are {', '.join(map(repr, _ENDS))}.")
    start = _read_points(p, "p", (network.input_dimension,), network)
    end = _read_points(q, "q", (network.input_dimension,), network)
    if (start == end).all():
        raise DomainError(f"p and q are both {_short(start)}; two different points are needed to give a direction.")
    bounds = line_bounds(network)
    return _pieces(network, bounds, start, end, kind)


def enumerate_trajectory(model: Any, points: ArrayLike) -> Trajectory:
    """Enumerate all breakpoints of a network along a polyline, and its transitions between activation patterns.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With any number of inputs D.
    points : array_like, shape (P, D)
        At least two, each different from the one before it; read exactly as float64.

    Returns
    -------
    Trajectory

    Raises
    ------
    DomainError
        When there are fewer than two points, when two points in a row are equal, or when they are not finite or not
        of the network's input space.
    InvalidNetworkError, CaptureError
        When the model is not a finite piecewise-linear network.

    Examples
    --------
    >>> import numpy as np
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> angles = np.linspace(0.1, 0.1 + 2 * np.pi, 13)
    >>> enumerate_trajectory(network, np.column_stack([np.cos(angles), np.sin(angles)]))
    <Trajectory of 12 legs and 16 pieces, with 4 transitions>
    """
    network = as_network(model, likely=_width_of(points))
    path = _read_points(points, "points", (None, network.input_dimension), network)
    if len(path) < 2:
        raise DomainError(f"{_plural(len(path), 'point')} was given; a polyline needs at least two.")
    same = np.flatnonzero((path[1:] == path[:-1]).all(axis=1))
    if len(same):
        i = int(same[0])
        raise DomainError(
            f"points {i} and {i + 1} are both {_short(path[i])}; points in a row must differ. Drop the repeated ones."
        )
    bounds = line_bounds(network)
    integers = cache(lambda: IntegerNetwork(network))
    legs = tuple(_pieces(network, bounds, a, b, "segment", integers) for a, b in pairwise(path))
    # Where each piece begins: corners at integers.
    starts = np.concatenate([np.concatenate([[i], i + leg.breakpoints]) for i, leg in enumerate(legs)])
    patterns = np.concatenate([leg.patterns for leg in legs])
    new = np.concatenate([[True], (patterns[1:] != patterns[:-1]).any(axis=1)])
    transitions, patterns = starts[new][1:], patterns[new]
    for array in (transitions, patterns):
        array.setflags(write=False)
    return Trajectory(legs, transitions, patterns)
