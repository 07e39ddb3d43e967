"""Complexes for other libraries: tables, graphs, geometries, surfaces."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions._files import write_atomically
from regions.arithmetic.floats import rounded
from regions.complex.polygons import areas, check_bounded, clip, interior_points, polygons
from regions.domain.convex import Box, ConvexPolygon, as_domain
from regions.errors import MissingExtraError
from regions.network.integers import ExactLines
from regions.network.output import output_index

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from regions.complex.data import ComplexData

__all__ = ["geojson", "require", "to_columns", "to_dataframe", "to_geodataframe", "to_networkx", "to_obj", "to_wkb"]


def require(module: str, extra: str) -> Any:
    """Import an optional library.

    Parameters
    ----------
    module : str
    extra : str
        Of this package, that brings it.

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        When it is not installed; the message says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is not installed; this needs it. Install it with: pip install 'linear-regions[{extra}]'."
        ) from error


def _pattern_text(complex: ComplexData) -> list[str]:
    return ["".join("1" if on else "0" for on in row) for row in complex.patterns.tolist()]


def to_columns(complex: ComplexData) -> dict[str, list[Any]]:
    """One row a region, as plain lists by name.

    Parameters
    ----------
    complex : RegionComplex

    Returns
    -------
    dict of str to list
        ``region``, ``area``, ``bounded``, ``sides`` (corners of the ring), ``neighbors`` (their number), ``pattern``
        (a text of 0 and 1), ``x1`` and ``x2`` of a point inside, and for every output k ``gradient_k_x1``,
        ``gradient_k_x2`` and ``offset_k``.
    """
    r, inside = complex.n_regions, interior_points(complex)
    columns: dict[str, list[Any]] = {
        "region": list(range(r)),
        "area": areas(complex).tolist(),
        "bounded": complex.bounded.tolist(),
        "sides": np.diff(complex.ring_offsets).tolist(),
        "neighbors": np.bincount(np.unique(complex.neighbors, axis=0).ravel(), minlength=r).tolist(),
        "pattern": _pattern_text(complex),
        "x1": inside[:, 0].tolist(),
        "x2": inside[:, 1].tolist(),
    }
    for k in range(complex.network.n_outputs):
        columns[f"gradient_{k}_x1"] = complex.gradients[:, k, 0].tolist()
        columns[f"gradient_{k}_x2"] = complex.gradients[:, k, 1].tolist()
        columns[f"offset_{k}"] = complex.offsets[:, k].tolist()
    return columns


def to_dataframe(complex: ComplexData) -> Any:
    """See :meth:`regions.RegionComplex.to_dataframe`."""
    return require("pandas", "dataframe").DataFrame(to_columns(complex))


def _shapes(complex: ComplexData, box: Any) -> NDArray[Any]:
    if box is not None:
        return clip(complex, as_domain(box).bounds)
    check_bounded(complex.bounded)
    return polygons(complex)


def to_geodataframe(complex: ComplexData, box: Any = None) -> Any:
    """See :meth:`regions.RegionComplex.to_geodataframe`."""
    geopandas = require("geopandas", "geo")
    return geopandas.GeoDataFrame(to_columns(complex), geometry=list(_shapes(complex, box)))


def to_wkb(complex: ComplexData, box: Any = None) -> NDArray[np.object_]:
    """See :meth:`regions.RegionComplex.to_wkb`."""
    return np.asarray(shapely.to_wkb(_shapes(complex, box)), dtype=object)


def _plain(value: Any) -> Any:
    """A value that JSON has: numbers that are not finite as text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def geojson(complex: ComplexData, path: str | Path | None, box: Any = None) -> dict[str, Any]:
    """See :meth:`regions.RegionComplex.to_geojson`."""
    columns = to_columns(complex)
    features = []
    for i, shape in enumerate(_shapes(complex, box)):
        properties = {name: _plain(values[i]) for name, values in columns.items()}
        # The mapping and not shapely's text, which is rounded.
        geometry = None if shape.is_empty else shapely.geometry.mapping(shape)
        features.append({"type": "Feature", "id": i, "geometry": geometry, "properties": properties})
    collection = json.loads(json.dumps({"type": "FeatureCollection", "features": features}, allow_nan=False))
    if path is not None:
        write_atomically(path, json.dumps(collection, allow_nan=False).encode())
    return dict(collection)


def to_networkx(complex: ComplexData) -> Any:
    """See :meth:`regions.RegionComplex.to_networkx`."""
    networkx = require("networkx", "graph")
    graph = networkx.Graph()
    columns = to_columns(complex)
    for i in range(complex.n_regions):
        graph.add_node(
            i,
            area=columns["area"][i],
            bounded=columns["bounded"][i],
            pattern=columns["pattern"][i],
            point=(columns["x1"][i], columns["x2"][i]),
            gradient=complex.gradients[i].tolist(),
            offset=complex.offsets[i].tolist(),
        )
    v = len(complex.vertices)
    for edge in complex._inner_edges.tolist():
        f, g = complex.edge_faces[edge].tolist()
        ends = complex.edges[edge]
        finite = bool((ends < v).all())
        length = math.dist(*complex.vertices[ends].tolist()) if finite else math.inf
        neuron = int(complex.edge_neurons[edge])
        if graph.has_edge(f, g):
            # Beside a hole, or along a bent line, two regions may share several edges.
            data = graph[f][g]
            data["length"] += length
            if neuron not in data["neurons"]:
                data["neurons"].append(neuron)
        else:
            graph.add_edge(f, g, neurons=[neuron], length=length)
    return graph


def to_obj(complex: ComplexData, path: str | Path, output: int = 0) -> None:
    """See :meth:`regions.RegionComplex.to_obj`."""
    output = output_index(complex.network, output)
    check_bounded(complex.bounded)
    vertices = complex.vertices
    region = np.repeat(np.arange(complex.n_regions), np.diff(complex.ring_offsets))
    # One height a vertex, whatever region it is taken from: the function is continuous.
    first = np.empty(len(vertices), dtype=np.int64)
    first[complex.rings[::-1]] = region[::-1]
    with np.errstate(over="ignore", invalid="ignore"):
        heights = (complex.gradients[first, output] * vertices).sum(axis=1) + complex.offsets[first, output]
    lost = np.flatnonzero(~np.isfinite(heights)).tolist()
    if lost:
        exact = ExactLines(complex.network, complex.patterns)
        for v in lost:
            a, b, c = exact.output(int(first[v]))[output]
            x, y = vertices[v].tolist()
            heights[v] = rounded(a * Fraction(x) + b * Fraction(y) + c)
    convex = isinstance(complex.domain, Box | ConvexPolygon)
    shapes: Any = [] if convex else polygons(complex)
    lines = [f"# {complex!r}, output {output}"]
    lines += [f"v {x!r} {y!r} {z!r}" for (x, y), z in zip(vertices.tolist(), heights.tolist(), strict=True)]
    for i in range(complex.n_regions):
        ring = complex.rings[complex.ring_offsets[i] : complex.ring_offsets[i + 1]]
        lines += [
            f"f {' '.join(str(v + 1) for v in face)}"
            for face in ([ring.tolist()] if convex else _triangles(vertices, ring, shapes[i]))
        ]
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _triangles(vertices: NDArray[np.float64], ring: NDArray[np.int64], shape: Any) -> list[list[int]]:
    """A region as triangles of its corners."""
    number = {tuple(p): v for p, v in zip(vertices[ring].tolist(), ring.tolist(), strict=True)}
    triangles = shapely.constrained_delaunay_triangles(shape)
    faces = []
    for triangle in shapely.get_parts(triangles):
        corners = shapely.orient_polygons(triangle).exterior.coords[:-1]
        faces.append([number[c] for c in corners])
    return faces
