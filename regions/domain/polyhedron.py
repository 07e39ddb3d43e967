"""Domains that may have no end: half-planes, strips, cones, any intersection of half-planes, and the whole plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regions.domain.domain import Domain
from regions.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Polyhedron", "WholePlane"]


@dataclass(frozen=True, slots=True)
class WholePlane(Domain):
    """All of R².

    Examples
    --------
    >>> import numpy as np, regions
    >>> rng = np.random.default_rng(0)
    >>> weights, biases = [rng.normal(size=(20, 2)), np.ones((1, 20))], [rng.normal(size=20), [0.0]]
    >>> shallow = regions.Network.from_arrays(weights, biases)
    >>> regions.count_regions(shallow, WholePlane())  # 1 + n + n (n - 1) / 2
    211
    """

    kind = "plane"

    def within(self, box: Domain) -> Domain:
        """The box; see :meth:`regions.domain.domain.Domain.within`."""
        return box

    def __repr__(self) -> str:
        return "WholePlane()"


# Without the generated initialiser, for which what Domain answers would be defaults of the fields.
@dataclass(frozen=True, eq=False, slots=True, init=False)
class Polyhedron(Domain):
    """The points x with ``normals @ x <= offsets``: an intersection of half-planes, bounded or not.

    Parameters
    ----------
    normals : array_like, shape (M, 2)
        Outward normals of the half-planes, of any length other than 0; read exactly.
    offsets : array_like, shape (M,)
        Read exactly.

    Raises
    ------
    DomainError
        When there is no half-plane, a normal is 0, a number is not finite or the shapes do not fit.

    Notes
    -----
    That it is empty or has no interior shows only when it is enumerated over, and is then a `DomainError` as well.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> half_plane = Polyhedron([[1.0, 0.0]], [-1.0])
    >>> regions.count_regions(network, half_plane)
    2
    >>> strip = Polyhedron([[1.0, 0.0], [-1.0, 0.0]], [1.0, 1.0])
    >>> regions.count_regions(network, strip)
    4
    """

    kind = "polyhedron"

    normals: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def __init__(self, normals: ArrayLike, offsets: ArrayLike) -> None:
        try:
            a, b = np.array(normals, dtype=np.float64), np.array(offsets, dtype=np.float64)
        except (OverflowError, TypeError, ValueError) as error:
            raise DomainError(
                f"the half-planes could not be read as numbers ({error}); "
                "normals of shape (M, 2) and offsets of shape (M,) are needed."
            ) from error
        if a.ndim != 2 or a.shape[1] != 2 or b.shape != a.shape[:1]:
            raise DomainError(
                f"normals of shape {a.shape} and offsets of shape {b.shape} were given; (M, 2) and (M,) are needed."
            )
        if len(a) == 0:
            raise DomainError("no half-plane was given; for the whole plane use regions.WholePlane().")
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise DomainError("a number that is not finite was given; drop half-planes that leave nothing out.")
        zero = np.flatnonzero(~a.any(axis=1))
        if len(zero):
            raise DomainError(f"the normal of half-plane {zero[0]} is 0; a direction is needed.")
        for name, array in (("normals", a), ("offsets", b)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def within(self, box: Domain) -> Polyhedron:
        """The part inside a box; see :meth:`regions.domain.domain.Domain.within`."""
        minx, miny, maxx, maxy = box.bounds
        normals = np.vstack([self.normals, [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]])
        return Polyhedron(normals, np.concatenate([self.offsets, [maxx, maxy, -minx, -miny]]))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Polyhedron)
            and np.array_equal(self.normals, other.normals)
            and np.array_equal(self.offsets, other.offsets)
        )

    def __hash__(self) -> int:
        return hash((self.normals.tobytes(), self.offsets.tobytes()))

    def __repr__(self) -> str:
        n = len(self.offsets)
        return f"<Polyhedron of {n} half-plane{'' if n == 1 else 's'}>"
