"""Complexes for other programs, as tables, graphs, geometries, surfaces and pictures: methods of RegionComplex."""

from __future__ import annotations

import colorsys
import json
import math
from fractions import Fraction
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions._files import write_atomically
from regions.arithmetic.floats import rounded
from regions.complex.clip import clip
from regions.complex.polygons import areas, check_bounded, interior_points, polygons, view
from regions.domain.read import as_domain
from regions.errors import MissingExtraError
from regions.network.integers import ExactLines
from regions.network.output import output_index

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from regions.complex.data import ComplexData

__all__ = [
    "require",
    "svg",
    "to_columns",
    "to_dataframe",
    "to_geodataframe",
    "to_geojson",
    "to_networkx",
    "to_obj",
    "to_wkb",
]

_SVG_LIMIT = 4000
_SVG_SIZE = 300.0


def require(module: str, extra: str) -> Any:
    """Import an optional library, or say which extra of this package brings it."""
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
    """One row a region as a `pandas.DataFrame`, with the columns of :func:`regions.complex.exports.to_columns`.

    Raises
    ------
    MissingExtraError
        When pandas is not installed: ``pip install 'linear-regions[dataframe]'``.
    """
    return require("pandas", "dataframe").DataFrame(to_columns(complex))


def _shapes(complex: ComplexData, box: Any) -> NDArray[Any]:
    if box is not None:
        return clip(complex, as_domain(box, convex=True).bounds)
    check_bounded(complex.bounded)
    return polygons(complex)


def to_geodataframe(complex: ComplexData, *, box: Any = None) -> Any:
    """One row a region as a `geopandas.GeoDataFrame`, with its polygon.

    Parameters
    ----------
    box : float, Box or (minx, miny, maxx, maxy), optional
        Where regions are cut off; needed where one is unbounded.

    Raises
    ------
    MissingExtraError
        When geopandas is not installed: ``pip install 'linear-regions[geo]'``.
    ValueError
        When a region is unbounded and no box is given.
    """
    geopandas = require("geopandas", "geo")
    return geopandas.GeoDataFrame(to_columns(complex), geometry=list(_shapes(complex, box)))


def to_wkb(complex: ComplexData, *, box: Any = None) -> NDArray[np.object_]:
    """The regions' polygons as well-known binary: object array of bytes, shape (R,).

    Parameters
    ----------
    box : float, Box or (minx, miny, maxx, maxy), optional
        Where regions are cut off; needed where one is unbounded.

    Returns
    -------
    ndarray, shape (R,), object

    Raises
    ------
    ValueError
        When a region is unbounded and no box is given.
    """
    return np.asarray(shapely.to_wkb(_shapes(complex, box)), dtype=object)


def _plain(value: Any) -> Any:
    """A value that JSON has: numbers that are not finite as text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def to_geojson(complex: ComplexData, path: str | Path | None = None, *, box: Any = None) -> dict[str, Any]:
    """The regions as a GeoJSON FeatureCollection; no number is rounded, and infinite ones are the text "inf".

    Parameters
    ----------
    path : str or Path, optional
        Where to write it as well.
    box : float, Box or (minx, miny, maxx, maxy), optional
        Where regions are cut off; needed where one is unbounded. What lies outside has no geometry.

    Raises
    ------
    ValueError
        When a region is unbounded and no box is given.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> found = regions.enumerate_regions(network, 1).to_geojson()
    >>> found["features"][2]["properties"]["pattern"]
    '11'
    """
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
    """The dual graph as a `networkx.Graph`: regions that share an edge.

    Returns
    -------
    networkx.Graph
        Nodes have ``area``, ``bounded``, ``pattern`` (a text of 0 and 1), ``point`` (inside), ``gradient`` and
        ``offset``; edges ``neurons``, on whose bent hyperplanes the border lies, and its ``length``.

    Raises
    ------
    MissingExtraError
        When networkx is not installed: ``pip install 'linear-regions[graph]'``.
    """
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
    """Write the graph of an output over the domain as a surface, z = output, to a Wavefront OBJ file.

    Raises
    ------
    ValueError
        When there is no such output, or a region is unbounded.

    Notes
    -----
    Neighbours share their vertices. A region is one face, over a domain that is not convex its triangles.
    """
    output = output_index(complex.network, output)
    check_bounded(complex.bounded)
    vertices = complex.vertices
    # One height a vertex, whatever region it is taken from: the function is continuous.
    first = np.empty(len(vertices), dtype=np.int64)
    first[complex.rings[::-1]] = complex.ring_owners[::-1]
    with np.errstate(over="ignore", invalid="ignore"):
        heights = (complex.gradients[first, output] * vertices).sum(axis=1) + complex.offsets[first, output]
    lost = np.flatnonzero(~np.isfinite(heights)).tolist()
    if lost:
        exact = ExactLines(complex.network, complex.patterns)
        for v in lost:
            a, b, c = exact.output(int(first[v]))[output]
            x, y = vertices[v].tolist()
            heights[v] = rounded(a * Fraction(x) + b * Fraction(y) + c)
    convex = complex.domain.is_bounded and complex.domain.is_convex
    shapes: Any = [] if convex else polygons(complex)
    lines = [f"# {complex!r}, output {output}"]
    lines += [f"v {x!r} {y!r} {z!r}" for (x, y), z in zip(vertices.tolist(), heights.tolist(), strict=True)]
    for i in range(complex.n_regions):
        ring = complex.ring(i)
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


def svg(complex: ComplexData) -> str:
    """A picture of the regions, coloured by direction and length of the first output's gradient."""
    # Relative to the largest number in view, in case that pixels for it overflow or vanish.
    bounds = view(complex)
    exponent = math.frexp(max(map(abs, bounds)))[1]
    minx, miny, maxx, maxy = (math.ldexp(x, -exponent) for x in bounds)
    scale = _SVG_SIZE / max(maxx - minx, maxy - miny)
    width, height = (maxx - minx) * scale, (maxy - miny) * scale
    n = complex.n_regions
    body = []
    if n <= _SVG_LIMIT:
        for shape, (gx, gy) in zip(clip(complex, bounds), complex.gradients[:, 0], strict=True):
            hue = math.atan2(gy, gx) / (2 * math.pi) % 1.0
            light = 0.35 + 0.4 * (math.hypot(gx, gy) % 1.0)
            rgb = "#" + "".join(f"{round(255 * c):02x}" for c in colorsys.hls_to_rgb(hue, light, 0.6))
            path = "".join(_path(np.ldexp(ring.coords, -exponent), (minx, maxy), scale) for ring in _rings(shape))
            if path:
                body.append(f'<path d="{path}" fill="{rgb}" fill-rule="evenodd" stroke="#222" stroke-width="0.4"/>')
    else:
        body.append(
            f'<rect width="{width:.2f}" height="{height:.2f}" fill="#eee"/>'
            f'<text x="8" y="24" font-size="14">{n} activation regions</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.2f} {height:.2f}" role="img">'
        f"<title>{n} activation regions</title>{''.join(body)}</svg>"
    )


def _rings(shape: Any) -> list[Any]:
    return [ring for p in getattr(shape, "geoms", (shape,)) if not p.is_empty for ring in (p.exterior, *p.interiors)]


def _path(coordinates: Any, corner: tuple[float, float], scale: float) -> str:
    points = (np.asarray(coordinates)[:-1, :2] - corner) * (scale, -scale)
    return "M" + "L".join(f"{x:.2f},{y:.2f}" for x, y in points) + "Z"
