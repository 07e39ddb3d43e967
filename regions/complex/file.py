"""The file of a saved complex: versioned plain arrays, checked when they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from regions._files import read_npz, write_npz
from regions.complex.data import ARRAYS, Certificate, ComplexData
from regions.domain.arrays import domain_arrays, read_domain
from regions.domain.slice import Slice
from regions.errors import FileFormatError
from regions.network.network import Network

__all__ = ["load", "save"]

C = TypeVar("C", bound=ComplexData)

_FORMAT = "regions-complex"
# Version 2 has `directions` and domains of every kind.
_VERSION = 2


def save(complex: ComplexData, path: str | Path) -> None:
    """Write the complex, its network and its domain to an `.npz` file, atomically.

    Parameters
    ----------
    path : str or Path
        `.npz` is added where it is missing.

    Examples
    --------
    >>> import regions, tempfile, pathlib
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "complex.npz"
    ...     regions.enumerate_regions(network, 1).save(path)
    ...     regions.RegionComplex.load(path).n_regions
    4
    """
    arrays = {name: np.asarray(getattr(complex, name)) for name in ARRAYS}
    arrays |= domain_arrays(complex.domain)
    arrays["certificate"] = np.array([complex.certificate.proven_by_float, complex.certificate.decided_exactly])
    arrays["method"] = np.array(complex.certificate.method)
    arrays |= complex.network.to_arrays()
    if complex.slice is not None:
        arrays |= {f"slice_{name}": array for name, array in complex.slice.to_arrays().items()}
    write_npz(path, _FORMAT, _VERSION, arrays)


def load(path: str | Path, kind: type[C]) -> C:
    """See :meth:`regions.RegionComplex.load`."""
    arrays = {"directions": np.empty((0, 2)), **read_npz(path, _FORMAT, _VERSION)}
    network = Network.from_saved_arrays(arrays, path)
    try:
        proven, exactly = (int(n) for n in arrays["certificate"])
        complex = kind(
            network=network,
            domain=read_domain(arrays),
            **{name: arrays[name] for name in ARRAYS},  # type: ignore[arg-type]
            certificate=Certificate(proven, exactly, str(arrays["method"])),
            slice=_read_slice(arrays),
        )
    except KeyError as error:
        raise FileFormatError(f"{path}: the entry {error} is missing; the file is damaged. Save it again.") from error
    except (TypeError, IndexError, ValueError) as error:
        raise FileFormatError(
            f"{path}: its arrays do not fit ({error}); the file is damaged. Save it again."
        ) from error
    _check(complex, path)
    return complex


def _read_slice(arrays: dict[str, Any]) -> Slice | None:
    found = {name.removeprefix("slice_"): array for name, array in arrays.items() if name.startswith("slice_")}
    return Slice.from_saved_arrays(found, read_domain(arrays)) if found else None


def _check(complex: ComplexData, path: str | Path) -> None:
    try:
        _check_arrays(complex)
        _check_topology(complex)
    except ValueError as error:
        raise FileFormatError(f"{path}: {error}. The file is damaged.") from None


def _check_arrays(complex: ComplexData) -> None:
    """Kinds, shapes and ranges."""
    r, v, e = complex.n_regions, len(complex.vertices), len(complex.edges)
    k = len(complex.directions)
    h, o = complex.network.n_neurons, complex.network.n_outputs
    for name in ARRAYS:
        array = getattr(complex, name)
        floats = name in ("vertices", "gradients", "offsets", "directions")
        wanted = "f" if floats else "u" if name == "packed_patterns" else "i"
        if array.dtype.kind != wanted:
            raise ValueError(f"{name} is of dtype kind {array.dtype.kind!r}; {wanted!r} is needed")
        if name in ("vertices", "directions") and not np.isfinite(array).all():
            raise ValueError("a vertex is not finite")
    expected = {
        "vertices": (v, 2),
        "edges": (e, 2),
        "edge_neurons": (e,),
        "edge_sides": (e,),
        "edge_faces": (e, 2),
        "packed_patterns": (r, -(-h // 8)),
        "gradients": (r, o, 2),
        "offsets": (r, o),
        "directions": (k, 2),
    }
    for name, shape in expected.items():
        found = getattr(complex, name).shape
        if found != shape:
            raise ValueError(f"{name} has shape {found}; {shape} is needed")
    least = 3 if complex.domain.is_bounded else 2 if r > 1 else 0
    ordered = r > 0 and complex.ring_offsets[0] == 0 and (np.diff(complex.ring_offsets) >= least).all()
    if not ordered or complex.ring_offsets[-1] != len(complex.rings):
        raise ValueError("ring_offsets do not fit rings")
    ranges = {
        "rings": (0, v + k),
        "edges": (0, v + k),
        "edge_faces": (-1, r),
        "edge_neurons": (-1, h),
        "edge_sides": (-1, complex.domain.n_sides + len(complex.domain.diagonals)),
    }
    for name, (low, high) in ranges.items():
        array = getattr(complex, name)
        if array.size and (array.min() < low or array.max() >= high):
            raise ValueError(f"an index in {name} is out of range")


def _check_topology(complex: ComplexData) -> None:
    """What lies beside edges, and Euler's formula."""
    v, k, domain = len(complex.vertices), len(complex.directions), complex.domain
    if k and domain.is_bounded:
        raise ValueError("a bounded domain has ideal vertices")
    f, g = complex.edge_faces.T
    slits = complex.edge_sides >= domain.n_sides
    inner, rim = complex.edge_neurons >= 0, (complex.edge_sides >= 0) & ~slits
    infinite = ~inner & ~rim & (complex.edges >= v).all(axis=1)
    fits = np.where(inner | slits, (f >= 0) & (g >= 0), (f >= 0) != (g >= 0))
    if (inner & (rim | slits)).any() or not (inner | rim | slits | infinite).all() or not fits.all():
        raise ValueError("edges and what lies beside them do not fit")
    euler, holes = v + k - len(complex.edges) + complex.n_regions, len(domain.holes)
    if euler != 1 - holes:
        raise ValueError(f"V - E + F is {euler}; {1 - holes} is needed")
