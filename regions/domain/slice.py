"""Planes in an input space of any dimension and shape."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.domain.convex import Box
from regions.domain.read import as_domain
from regions.errors import DomainError
from regions.network.composed import on_plane
from regions.network.layer import exact_float64
from regions.network.network import Network

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from regions.domain.domain import Domain
    from regions.network.network import Network

__all__ = ["Slice"]


def _exact_difference(p: NDArray[np.float64], q: NDArray[np.float64]) -> bool:
    """Whether p - q is the same in float64 as in rationals (Knuth's error-free transformation)."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = p - q
        part = total - p
        error = (p - (total - part)) - (q + part)
    return bool(np.isfinite(total).all() and not error.any())


def _point(values: Any, what: str) -> NDArray[np.float64]:
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.atleast_1d(exact_float64(values, what, error=DomainError, finite="all coordinates must be finite."))


@dataclass(frozen=True, eq=False)
class Slice:
    """A plane in the input space, with a domain in the plane's own coordinates (s, t): origin + s u + t v.

    Give it as the domain to :func:`regions.enumerate_regions` or :func:`regions.count_regions`.

    Parameters
    ----------
    origin, u, v : array_like, shape (D,) or the shape of the network's input, e.g. (C, H, W)
        float16, float32, float64 or integers, read exactly; u and v must not be parallel.
    domain : float, Box, ConvexPolygon, Polygon, Polyhedron or WholePlane
        In the coordinates (s, t).
    anchors : array_like, shape (k, 2), optional
        Coordinates of points to be marked in plots.

    Attributes
    ----------
    shape : tuple of int
        Of one input.

    Raises
    ------
    DomainError
        When the shapes differ, a number is not finite, or u and v do not span a plane.

    Notes
    -----
    The plane is put in front of the network as layers without neurons, so nothing is multiplied out and nothing is
    rounded: the regions are those of the network on the plane itself.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([np.eye(3), np.ones((1, 3))])
    >>> plane = Slice([0.5, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0], domain=2)
    >>> regions.count_regions(network, plane)
    7
    """

    origin: NDArray[np.float64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    domain: Domain
    anchors: NDArray[np.float64]
    _corners: NDArray[np.float64] | None = None

    def __init__(self, origin: ArrayLike, u: ArrayLike, v: ArrayLike, domain: Any = 1.0, anchors: Any = ()) -> None:
        vectors = [_point(values, what) for values, what in ((origin, "origin"), (u, "u"), (v, "v"))]
        shapes = [array.shape for array in vectors]
        if len(set(shapes)) > 1 or not vectors[0].size or not shapes[0]:
            raise DomainError(
                f"origin, u and v of shapes {', '.join(map(str, shapes))} were given; allowed is one shape for all "
                "three, that of the network's input."
            )
        marks = np.asarray(anchors, dtype=np.float64).reshape(-1, 2) if np.size(anchors) else np.empty((0, 2))
        for name, value in zip(("origin", "u", "v"), vectors, strict=True):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "domain", as_domain(domain))
        object.__setattr__(self, "anchors", marks)
        object.__setattr__(self, "_corners", None)
        _check_independent(*(vector.ravel() for vector in vectors[1:]))

    @classmethod
    def through(cls, p0: ArrayLike, p1: ArrayLike, p2: ArrayLike, domain: Any = None) -> Slice:
        """The plane through three points, which have the coordinates (0, 0), (1, 0) and (0, 1).

        Parameters
        ----------
        p0, p1, p2 : array_like, shape (D,) or the shape of the network's input
            For example three images. They must not lie on one line.
        domain : optional
            In the plane's coordinates; the square [-0.5, 1.5]² where left out.

        Returns
        -------
        Slice
            It goes through the points exactly, even where their differences are not float64 numbers.

        Raises
        ------
        DomainError
            When the shapes differ, or the points lie on one line.

        Examples
        --------
        >>> plane = Slice.through([0.1, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 1.0])
        >>> plane.points([[1.0, 0.0]])
        array([[0. , 0.3, 0. ]])
        """
        corners = [_point(values, what) for values, what in ((p0, "p0"), (p1, "p1"), (p2, "p2"))]
        shapes = [array.shape for array in corners]
        if len(set(shapes)) > 1:
            raise DomainError(
                f"points of shapes {', '.join(map(str, shapes))} were given; allowed is one shape for all three, that "
                "of the network's input."
            )
        a, b, c = corners
        with np.errstate(over="ignore"):
            differences = b - a, c - a
        if not all(np.isfinite(d).all() for d in differences):
            raise DomainError("points so far apart that float64 has no number for it were given; scale them down.")
        flat = [[Fraction(x) for x in corner.ravel().tolist()] for corner in corners]
        found = cls(a, *differences, Box(-0.5, -0.5, 1.5, 1.5) if domain is None else domain, [[0, 0], [1, 0], [0, 1]])
        if not (_exact_difference(b, a) and _exact_difference(c, a)):
            first, second = ([y - x for x, y in zip(flat[0], other, strict=True)] for other in flat[1:])
            if _parallel(first, second):
                raise _not_a_plane("p0, p1 and p2", "lie on one line")
            object.__setattr__(found, "_corners", np.stack([corner.ravel() for corner in corners], axis=1))
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return self.origin.shape

    def points(self, coordinates: ArrayLike) -> NDArray[np.float64]:
        """The points of the input space with some coordinates in the plane.

        Parameters
        ----------
        coordinates : array_like, shape (P, 2)

        Returns
        -------
        ndarray, shape (P, *shape), float64
            Rounded.
        """
        st = _coordinates(coordinates, 2, "coordinates")
        if self._corners is not None:
            weights = np.column_stack([1 - st[:, 0] - st[:, 1], st])
            return (weights @ self._corners.T).reshape(-1, *self.shape)
        basis = np.stack([self.u.ravel(), self.v.ravel()])
        return np.asarray((self.origin.ravel() + st @ basis).reshape(-1, *self.shape))

    def coordinates(self, points: ArrayLike) -> NDArray[np.float64]:
        """The coordinates of the points of the plane that are nearest to some points of the input space.

        Parameters
        ----------
        points : array_like, shape (P, *shape) or (P, D)

        Returns
        -------
        ndarray, shape (P, 2), float64
            Least squares, rounded.
        """
        array = np.asarray(points, dtype=np.float64)
        flat = _coordinates(array.reshape(len(array), -1) if array.ndim else array, self.origin.size, "points")
        basis = np.stack([self.u.ravel(), self.v.ravel()], axis=1)
        return np.asarray(np.linalg.lstsq(basis, (flat - self.origin.ravel()).T, rcond=None)[0].T, dtype=np.float64)

    def compose(self, network: Network) -> Network:
        """The network on this plane: a network of two inputs, with the plane as layers without neurons in front.

        Parameters
        ----------
        network : Network
            With inputs of the slice's shape.

        Returns
        -------
        Network

        Raises
        ------
        DomainError
            When the number of inputs differs.
        """
        if network.input_dimension != self.origin.size:
            raise DomainError(
                f"a slice of an input space of shape {self.shape}, {self.origin.size} numbers, was given for a network "
                f"of {network.input_dimension} inputs; they must be as many. Make the slice of points as the network "
                "takes them."
            )
        origin, u, v = (vector.ravel() for vector in (self.origin, self.u, self.v))
        return on_plane(network, origin, u, v, self.shape, self._corners)

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """The slice as named plain arrays, without its domain, for `.npz` files."""
        arrays = {"origin": self.origin, "u": self.u, "v": self.v, "anchors": self.anchors}
        return arrays if self._corners is None else {**arrays, "corners": self._corners}

    @classmethod
    def from_saved_arrays(cls, arrays: dict[str, NDArray[np.float64]], domain: Domain) -> Slice:
        """Rebuild a slice from what :meth:`to_arrays` gave.

        Parameters
        ----------
        arrays : dict of str to ndarray
        domain : Domain

        Returns
        -------
        Slice

        Raises
        ------
        KeyError, DomainError
            When an array is missing or does not fit.
        """
        found = cls(arrays["origin"], arrays["u"], arrays["v"], domain, arrays["anchors"])
        object.__setattr__(found, "_corners", arrays.get("corners"))
        return found

    def __repr__(self) -> str:
        return f"<Slice of an input space of shape {self.shape} over {self.domain!r}>"


def _coordinates(values: Any, n: int, what: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != n:
        raise ValueError(f"{what} of shape {array.shape} were given; allowed is (P, {n}).")
    return array


def _parallel(u: list[Fraction], v: list[Fraction]) -> bool:
    pivot = next((i for i, x in enumerate(u) if x), None)
    return pivot is None or all(x * v[pivot] == y * u[pivot] for x, y in zip(u, v, strict=True))


def _not_a_plane(what: str, how: str) -> DomainError:
    return DomainError(f"{what} that {how} were given; a plane needs two directions. Give others.")


def _check_independent(u: NDArray[np.float64], v: NDArray[np.float64]) -> None:
    if _parallel([Fraction(x) for x in u.tolist()], [Fraction(x) for x in v.tolist()]):
        raise _not_a_plane("u and v", "are parallel, or zero,")
