"""Every way to an answer, held against the slow exact reference; each raises AssertionError where they differ."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
from lines import agrees
from mlps import sparsely
from reference import Face, reference_of

import regions
from regions import Box, ConvexPolygon, Layer, Network, RegionComplex
from regions.measures import decision_boundary, level_set
from regions.testing import assert_valid_complex, reference_count, reference_counts

Point = tuple[Fraction, Fraction]


def is_that_of(complex: RegionComplex, faces: list[Face]) -> None:
    points = complex.exact_vertices()
    rings = np.split(complex.rings, complex.ring_offsets[1:-1])
    found = {
        tuple(pattern): frozenset(points[v] for v in ring)
        for pattern, ring in zip(complex.patterns.tolist(), rings, strict=True)
    }
    assert len(found) == len(complex) == len(faces)
    assert found == {face.pattern: frozenset(face.vertices) for face in faces}


def enumerated(network: Network, domain: Any, faces: list[Face]) -> None:
    complex = regions.enumerate_regions(network, domain)
    is_that_of(complex, faces)
    assert len(complex.vertices) - len(complex.edges) + len(complex) == 1


def counted(network: Network, domain: Any, faces: list[Face]) -> None:
    assert regions.count_regions(network, domain, threads=1) == len(faces)


def counted_with_threads(network: Network, domain: Any, faces: list[Face]) -> None:
    assert regions.count_regions(network, domain, threads=2) == len(faces)


def sparse_layers(network: Network, domain: Any, faces: list[Face]) -> None:
    is_that_of(regions.enumerate_regions(sparsely(network), domain), faces)
    assert regions.count_regions(sparsely(network), domain) == len(faces)


def on_a_device(network: Network, domain: Any, faces: list[Face]) -> None:
    is_that_of(regions.enumerate_regions(network, domain, device="cpu"), faces)
    assert regions.count_regions(network, domain, device="cpu") == len(faces)


def whole_plane(network: Network, domain: Any, faces: list[Face]) -> None:
    plane = regions.WholePlane()
    expected = reference_count(network, plane)
    assert regions.enumerate_regions(network, plane).n_regions == expected
    assert regions.count_regions(network, plane) == expected


def segments(network: Network, domain: Any, faces: list[Face]) -> None:
    corners = domain.corners.tolist()
    ends = [corners[0], corners[1], corners[2], [0.0, 0.0]]
    # Roundings of vertices lie beside lines, or on them.
    ends += [list(map(float, p)) for face in faces[:3] for p in face.vertices[:2]]
    rng = np.random.default_rng(len(faces))
    for kind in ("segment", "ray", "line"):
        i, j = rng.choice(len(ends), 2, replace=False)
        if ends[i] != ends[j]:
            agrees(regions.enumerate_segment(network, ends[i], ends[j], kind), ends[i], ends[j], kind)


def reordered(network: Network) -> Network:
    """The units of each hidden layer in the opposite order."""
    layers = list(network.layers)
    for i, (layer, after) in enumerate(itertools.pairwise(layers)):
        layers[i] = Layer(layers[i].weight[::-1], layer.bias[::-1], layer.below[::-1], layer.above[::-1])
        layers[i + 1] = Layer(after.weight[:, ::-1], after.bias, after.below, after.above)
    return Network(tuple(layers))


def five_counts(network: Network, domain: Any, faces: list[Face]) -> None:
    expected = reference_counts(network, domain)
    for given in (network, reordered(network)):
        found = regions.enumerate_regions(given, domain).counts()
        assert tuple(found.to_dict().values()) == expected


def values_at(face: Face, row: tuple[Fraction, ...], value: Fraction) -> list[Fraction]:
    a, b, c = row
    return [a * x + b * y + c - value for x, y in face.vertices]


def level_sets(network: Network, domain: Any, faces: list[Face]) -> None:
    complex = regions.enumerate_regions(network, domain)
    values = {0.0}
    for face in faces[:2]:
        middle = sum(values_at(face, face.maps[0], Fraction(0)), Fraction(0)) / len(face.vertices)
        if abs(middle) < 2**1023:
            values.add(float(middle))
    for value in sorted(values):
        expected: Counter[Any] = Counter()
        touched: set[Point] = set()
        used: set[Point] = set()
        for face in faces:
            at = values_at(face, face.maps[0], Fraction(value))
            if max(at) > 0:
                expected[face.pattern, 1] += 1
            if min(at) < 0:
                expected[face.pattern, -1] += 1
            if not any(at):
                expected[face.pattern, 0] += 1
            zeros = {p for p, z in zip(face.vertices, at, strict=True) if z == 0}
            touched |= zeros
            if len(zeros) > 1 or min(at) < 0 < max(at):
                used |= zeros
        found = level_set(complex, value)
        parents = complex.patterns[found.parents].tolist()
        assert Counter((tuple(p), int(s)) for p, s in zip(parents, found.signs, strict=True)) == expected
        assert len(found.points) == len(touched - used)


def classes(network: Network, domain: Any, faces: list[Face]) -> None:
    expected: Counter[Any] = Counter()
    for face in faces:
        if len(face.maps) == 1:
            at = values_at(face, face.maps[0], Fraction(0))
        else:
            first, second = face.maps[:2]
            at = values_at(face, tuple(s - f for f, s in zip(first, second, strict=True)), Fraction(0))
        if max(at) > 0:
            expected[face.pattern, 1] += 1
        if max(at) <= 0 or min(at) < 0:
            expected[face.pattern, 0] += 1
    complex = regions.enumerate_regions(network, domain)
    found = decision_boundary(complex)
    parents = complex.patterns[found.parents].tolist()
    assert Counter((tuple(p), int(c)) for p, c in zip(parents, found.predicted, strict=True)) == expected


def holds(vertices: Any, x: Fraction, y: Fraction) -> bool:
    """Whether a convex polygon, counter-clockwise, contains a point."""
    return all(
        (qx - px) * (y - py) >= (qy - py) * (x - px)
        for (px, py), (qx, qy) in zip(vertices, vertices[1:] + vertices[:1], strict=True)
    )


def located(network: Network, domain: Any, faces: list[Face]) -> None:
    complex = regions.enumerate_regions(network, domain)
    points = np.concatenate([complex.interior_points, complex.vertices, domain.corners])
    rng = np.random.default_rng(len(faces))
    low, high = np.array(domain.bounds).reshape(2, 2)
    points = np.concatenate([points, low / 2 + high / 2 + (high / 2 - low / 2) * rng.uniform(-1, 1, (6, 2))])
    points = np.concatenate([points, np.nextafter(complex.vertices, np.inf)])
    points = points[np.isfinite(points).all(axis=1)]
    by_pattern = {face.pattern: face.vertices for face in faces}
    rim = tuple((Fraction(x), Fraction(y)) for x, y in domain.corners.tolist())
    for (x, y), region in zip(points.tolist(), complex.locate(points).tolist(), strict=True):
        if region < 0:
            assert not holds(rim, Fraction(x), Fraction(y))
        else:
            assert holds(by_pattern[tuple(complex.patterns[region].tolist())], Fraction(x), Fraction(y))


def valid(network: Network, domain: Any, faces: list[Face]) -> None:
    assert_valid_complex(regions.enumerate_regions(network, domain))


def slices(network: Network, domain: Any, faces: list[Face]) -> None:
    # The domain's plane again, spanned by directions that are huge or tiny.
    powers = np.array([-600.0, 500.0])
    with np.errstate(over="ignore"):
        corners = domain.corners * np.exp2(-powers)
        if not np.isfinite(corners).all() or (corners * np.exp2(powers) != domain.corners).any():
            return
    # An input more, which is 0 on the plane.
    first = network.layers[0]
    wider = Layer(np.hstack([first.weight, np.ones((first.n_out, 1))]), first.bias, first.below, first.above)
    u, v = [2.0**-600, 0.0, 0.0], [0.0, 2.0**500, 0.0]
    plane = regions.Slice([0.0, 0.0, 0.0], u, v, ConvexPolygon(corners))
    given = Network((wider, *network.layers[1:]))
    assert regions.enumerate_regions(given, plane).n_regions == len(faces)
    assert regions.count_regions(given, plane) == len(faces)


def half_planes(network: Network, domain: Any, faces: list[Face]) -> None:
    # A quadrant and a strip, of half-planes whose normals are huge, tiny or both.
    minx, miny, _, maxy = (Fraction(c) for c in domain.bounds)
    for powers in ((900, -900), (-1000, 1000, 0)):
        normals = [(Fraction(-1), Fraction(0)), (Fraction(0), Fraction(-1)), (Fraction(0), Fraction(1))]
        rows = [
            [value * Fraction(2) ** power for value in (*normal, offset)]
            for normal, offset, power in zip(normals, (-minx, -miny, maxy), powers, strict=False)
        ]
        if any(abs(value) >= 2**1023 for row in rows for value in row):
            continue
        given = np.array([[float(value) for value in row] for row in rows])
        try:
            where = regions.Polyhedron(given[:, :2], given[:, 2])
            expected = reference_count(network, where)
        except regions.errors.DomainError:
            # Offsets that underflow may leave no interior.
            continue
        assert regions.enumerate_regions(network, where).n_regions == expected
        assert regions.count_regions(network, where) == expected


def polygons(network: Network, domain: Any, faces: list[Face]) -> None:
    # The domain's box without its upper right quarter.
    low, high = np.array(domain.bounds).reshape(2, 2)
    x, y = low / 2 + high / 2
    if not (low[0] < x < high[0] and low[1] < y < high[1]):
        return
    corners = [tuple(low), (high[0], low[1]), (high[0], y), (x, y), (x, high[1]), (low[0], high[1])]
    try:
        where = regions.Polygon(corners)
    except regions.errors.DomainError:
        # Near the limits of float64 a polygon may have no triangles there.
        return
    expected = reference_counts(network, where)
    complex = regions.enumerate_regions(network, where)
    assert complex.n_regions == regions.count_regions(network, where) == expected[1]
    assert tuple(complex.counts().to_dict().values()) == expected


PATHS: dict[str, Any] = {
    check.__name__: check
    for check in (
        enumerated,
        counted,
        counted_with_threads,
        sparse_layers,
        on_a_device,
        whole_plane,
        segments,
        five_counts,
        level_sets,
        classes,
        located,
        valid,
        slices,
        half_planes,
        polygons,
    )
}


def reference_faces(network: Network, domain: Box | ConvexPolygon) -> list[Face]:
    return reference_of(network, domain)
