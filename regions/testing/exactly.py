"""The rational half of :func:`regions.testing.assert_valid_complex`."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
import shapely

from regions.arithmetic.floats import U
from regions.arithmetic.matrices import row_entries
from regions.complex.complex import RegionComplex
from regions.complex.polygons import edge_between
from regions.domain.lines import domain_sides
from regions.network.rounding import map_bounds

__all__ = ["UNDERFLOW", "ExactCheck"]

#: More than sums of products of vertices lose to underflow.
UNDERFLOW = 2.0**-1000

Point = tuple[Fraction, Fraction]
Row = tuple[int, int, int]


def _integers(values: Iterable[Any]) -> tuple[list[int], int]:
    fractions = [Fraction(float(v)) for v in values]
    scale = lcm(*(f.denominator for f in fractions))
    return [int(f * scale) for f in fractions], scale


def _turn(p: Point, q: Point, r: Point) -> Fraction:
    return (q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0])


def _upper(p: Point, q: Point) -> bool:
    return q[1] > p[1] or (q[1] == p[1] and q[0] > p[0])


class ExactCheck:
    """Checks of a complex in rationals, region by region or all at once.

    Parameters
    ----------
    complex : RegionComplex
    """

    def __init__(self, complex: RegionComplex) -> None:
        self.complex = complex
        self.points = complex.exact_vertices()
        # Corners of a convex domain; the others are looked at in other ways.
        domain = complex.domain
        self.rim = domain.rings[0] if domain.is_bounded and domain.is_convex else np.empty((0, 2))
        self.homogeneous: list[Row] = []
        for x, y in self.points:
            w = lcm(x.denominator, y.denominator)
            self.homogeneous.append((int(x * w), int(y * w), w))
        self.layers = []
        for layer in complex.network.layers:
            rows = list(row_entries(layer.weight))
            numbers, scale = _integers([x for _, values in rows for x in values] + layer.bias.tolist())
            stops = np.cumsum([0, *(len(values) for _, values in rows)]).tolist()
            weights = [
                list(zip(columns.tolist(), numbers[start:stop], strict=True))
                for (columns, _), start, stop in zip(rows, stops, stops[1:], strict=False)
            ]
            slopes, slope_scale = _integers([*layer.below, *layer.above])
            pairs = list(zip(slopes[: layer.n_out], slopes[layer.n_out :], strict=True))
            self.layers.append((weights, numbers[stops[-1] :], scale, pairs, slope_scale))
        # The true rows are the integer ones over the product of the scales up to their layer.
        scales, scale = [], 1
        for _, _, factor, _, slope_factor in self.layers:
            scales.append(scale * factor)
            scale *= factor * slope_factor
        self.scales = [scales[layer] for layer in complex.network.neuron_units[:, 0]]
        self._maps: dict[tuple[int, bytes], tuple[list[Row], list[Row], int]] = {}

    def run(self) -> None:
        """Check everything; raise AssertionError where something is wrong."""
        self.check_rim()
        for region in range(self.complex.n_regions):
            self.check_region(region)
        self.check_edges()
        self.check_float_vertices()
        self.check_location()
        self.check_coverage()

    def run_planar(self) -> None:
        """What can be checked over domains of any kind."""
        self._add_ideal_points()
        for region in range(self.complex.n_regions):
            self._check_signs(region, self.maps(region)[0])
            point = self._point_inside(region)
            if point is not None:
                self._values_at(region, point)
        self.check_edges()

    def _add_ideal_points(self) -> None:
        """Exact directions of the ideal vertices, from the lines of the rays and lines that end there."""
        sides = domain_sides(self.complex.domain)
        v = len(self.points)
        ideal: list[Row | None] = [None] * len(self.complex.directions)
        self.feet: dict[int, list[Point]] = {}
        for edge, ends in enumerate(self.complex.edges.tolist()):
            neuron, side = int(self.complex.edge_neurons[edge]), int(self.complex.edge_sides[edge])
            if max(ends) < v or (neuron < 0 and side < 0):
                continue
            faces = self.complex.edge_faces[edge].tolist()
            a, b, c = self.maps(max(faces))[0][neuron] if neuron >= 0 else sides[side]
            for end in ends:
                if end >= v:
                    x, y = self.complex.directions[end - v].tolist()
                    forward = Fraction(x) * int(b) - Fraction(y) * int(a) > 0
                    ideal[end - v] = (int(b), -int(a), 0) if forward else (-int(b), int(a), 0)
            if min(ends) >= v:
                square = Fraction(int(a) * int(a) + int(b) * int(b))
                for face in faces:
                    self.feet.setdefault(face, []).append((-int(a) * int(c) / square, -int(b) * int(c) / square))
        if None in ideal:
            raise AssertionError(f"No ray or line ends in the ideal vertex {ideal.index(None)}.")
        self.homogeneous += [row for row in ideal if row is not None]

    def _point_inside(self, region: int) -> Point | None:
        """A rational point inside a convex region; None where that is not easily had."""
        if not self.complex.domain.is_convex:
            x, y = self.complex.interior_points[region].tolist()
            shape = self.complex.polygons[region]
            # Floats tell only where there is room.
            with np.errstate(all="ignore"):
                room = shapely.distance(shapely.boundary(shape), shapely.Point(x, y))
            # Infinite where squares of the triangle's lengths underflow.
            return (Fraction(x), Fraction(y)) if 1e-6 < room < np.inf else None
        v = len(self.points)
        ring = self.ring(region)
        anchors = [self.points[i] for i in ring if i < v] + self.feet.get(region, [])
        if not ring:
            return (Fraction(0), Fraction(0))
        x, y = (sum((p[k] for p in anchors), Fraction(0)) / len(anchors) for k in range(2))
        for i, j in zip(ring, ring[1:] + ring[:1], strict=True):
            if i >= v:
                x, y = x + self.homogeneous[i][0], y + self.homogeneous[i][1]
            if i < v or j < v:
                continue
            # Into the region from its edge at infinity; parallel lines have none, and need no step.
            (px, py, _), (qx, qy, _) = self.homogeneous[i], self.homogeneous[j]
            if px * qy == py * qx:
                edge = edge_between(self.complex, region, i, j)
                if self.complex.edge_neurons[edge] < 0 and self.complex.edge_sides[edge] < 0:
                    x, y = x - py, y + px
            else:
                x, y = x + px + qx, y + py + qy
        return x, y

    def ring(self, region: int) -> list[int]:
        """Vertices of a region."""
        return self.complex.ring(region).tolist()

    def maps(self, region: int) -> tuple[list[Row], list[Row], int]:
        """Integer rows of all neurons' pre-activations on a region, of the outputs, and the outputs' scale."""
        rows: list[Row] = []
        values: list[Row] = [(1, 0, 0), (0, 1, 0)]
        scale, end = 1, 0
        pattern = self.complex.patterns[region]
        for depth, (weights, biases, factor, slopes, slope_factor) in enumerate(self.layers):
            kinked = self.complex.network.layers[depth].kinked
            # Regions that agree up to this layer share its maps.
            start, end = end, end + int(kinked.sum())
            key = (depth, pattern[:end].tobytes())
            if key not in self._maps:
                z = [self._combine(weight, bias * scale, values) for weight, bias in zip(weights, biases, strict=True)]
                neurons = [row for row, kink in zip(z, kinked, strict=True) if kink]
                active = np.ones(len(z), dtype=bool)
                active[kinked] = pattern[start:end]
                chosen = [above if on else below for (below, above), on in zip(slopes, active, strict=True)]
                after = [(s * a, s * b, s * c) for s, (a, b, c) in zip(chosen, z, strict=True)]
                self._maps[key] = (neurons, after, scale * factor * slope_factor)
            neurons, values, scale = self._maps[key]
            rows += neurons
        return rows, values, scale

    @staticmethod
    def _combine(weights: list[tuple[int, int]], bias: int, values: list[Row]) -> Row:
        used = [(w, values[column]) for column, w in weights]
        a, b, c = (sum(w * row[k] for w, row in used) for k in range(3))
        return a, b, c + bias

    def check_rim(self) -> None:
        """The rim of the complex is the rim of the domain; as inner edges cancel, areas then sum up exactly."""
        complex = self.complex
        corners = [(Fraction(x), Fraction(y)) for x, y in self.rim.tolist()]
        doubled, expected = Fraction(0), Fraction(0)
        for p, q in zip(corners, corners[1:] + corners[:1], strict=True):
            expected += p[0] * q[1] - p[1] * q[0]
        for edge in np.flatnonzero(complex.edge_sides >= 0).tolist():
            u, v = complex.edges[edge].tolist()
            side = int(complex.edge_sides[edge])
            p, q = corners[side], corners[(side + 1) % len(corners)]
            for vertex in (u, v):
                if _turn(p, q, self.points[vertex]) != 0:
                    raise AssertionError(f"Vertex {vertex} of the rim's edge {edge} is not on side {side}.")
            a, b = self.points[u], self.points[v]
            area = a[0] * b[1] - a[1] * b[0]
            doubled += area if complex.edge_faces[edge, 0] >= 0 else -area
        if doubled != expected:
            raise AssertionError(f"Areas sum to {doubled / 2}, the domain's is {expected / 2}.")

    def check_region(self, region: int) -> None:
        """Shape, pattern, forward pass, affine map and area of one region."""
        self._check_convex(region)
        rows, outputs, scale = self.maps(region)
        self._check_signs(region, rows)
        ring = self.ring(region)
        x, y = (sum(self.points[v][k] for v in ring) / Fraction(len(ring)) for k in range(2))
        values = self._values_at(region, (x, y))
        exact = [(Fraction(a, scale), Fraction(b, scale), Fraction(c, scale)) for a, b, c in outputs]
        if values != [a * x + b * y + c for a, b, c in exact]:
            raise AssertionError(f"Region {region}: the network has another value at ({x}, {y}).")
        bounds = map_bounds(self.complex.network, self.complex.patterns[region])[1]
        found = np.column_stack([self.complex.gradients[region], self.complex.offsets[region]])
        for o, k in np.ndindex(found.shape):
            right = exact[o][k]
            if not np.isfinite(bounds[o, k]):
                continue
            if not np.isfinite(found[o, k]) or abs(Fraction(float(found[o, k])) - right) > float(bounds[o, k]):
                raise AssertionError(
                    f"Region {region}: coefficient {k} of output {o} is {found[o, k]!r}, not {float(right)!r}."
                )
        self._check_area(region)

    def _check_signs(self, region: int, rows: list[Row]) -> None:
        """Neurons are >= 0 or <= 0 on the region's vertices as its pattern says; on a convex one not 0 on all."""
        points = [self.homogeneous[v] for v in self.ring(region)]
        for neuron, (row, on) in enumerate(zip(rows, self.complex.patterns[region].tolist(), strict=True)):
            signs = [sum(a * b for a, b in zip(row, point, strict=True)) for point in points]
            vanishes = on and len(self.rim) > 0 and not any(signs)
            if vanishes or any(s < 0 if on else s > 0 for s in signs):
                state = "active" if on else "inactive"
                raise AssertionError(f"Region {region}: neuron {neuron} is not {state} in all of it.")

    def _values_at(self, region: int, point: Point) -> list[Fraction]:
        """The network's values at a point, where it must have the region's pattern."""
        values, seen = self.complex.network.evaluate_exact(list(point))
        if seen != self.complex.patterns[region].tolist():
            raise AssertionError(f"Region {region}: the network has another pattern at ({point[0]}, {point[1]}).")
        return values

    def _check_convex(self, region: int) -> None:
        points = [self.points[v] for v in self.ring(region)]
        upper = [_upper(points[i - 1], points[i]) for i in range(len(points))]
        turns = [_turn(points[i - 2], points[i - 1], points[i]) for i in range(len(points))]
        # All left turns is not enough: a pentagram turns left at every corner, but goes round twice.
        if min(turns) <= 0 or sum(upper[i - 1] != upper[i] for i in range(len(upper))) != 2:
            raise AssertionError(f"Region {region} is not strictly convex and counter-clockwise.")

    def _check_area(self, region: int) -> None:
        ring = self.ring(region)
        points = [self.points[v] for v in ring]
        doubled = sum(
            (p[0] * q[1] - p[1] * q[0] for p, q in zip(points, points[1:] + points[:1], strict=True)), Fraction(0)
        )
        floats = self.complex.vertices[ring]
        with np.errstate(over="ignore"):
            reach = float(np.ptp(floats, axis=0).max())
            square = reach * reach
        off = max(self.vertex_error(v) for v in ring)
        bound = 4 * len(ring) * (off * (reach + off) + 4 * U * square) + UNDERFLOW
        # Where the square or the bound overflows, no float holds such areas.
        if (
            np.isfinite(square)
            and np.isfinite(bound)
            and abs(Fraction(float(self.complex.areas[region])) - doubled / 2) > Fraction(bound)
        ):
            raise AssertionError(
                f"Region {region}: its area is given as {self.complex.areas[region]!r}, it is {float(doubled / 2)!r}."
            )

    def vertex_error(self, vertex: int) -> float:
        """The larger of the float vertex's distances from the exact one in x and in y, rounded up."""
        exact, floats = self.points[vertex], self.complex.vertices[vertex].tolist()
        return max(float(abs(Fraction(f) - e)) for f, e in zip(floats, exact, strict=True)) * (1 + 4 * U)

    def check_edges(self) -> None:
        """The neuron of an edge vanishes on it, as seen from both sides."""
        complex = self.complex
        for edge in np.flatnonzero(complex.edge_neurons >= 0).tolist():
            neuron = int(complex.edge_neurons[edge])
            for face in complex.edge_faces[edge].tolist():
                row = self.maps(face)[0][neuron]
                for vertex in complex.edges[edge].tolist():
                    if sum(a * b for a, b in zip(row, self.homogeneous[vertex], strict=True)) != 0:
                        raise AssertionError(f"Edge {edge}: its neuron {neuron} does not vanish on it.")

    def check_float_vertices(self) -> None:
        """Every float vertex is the intersection of two of its lines, up to rounding, as far as that lets it be known.

        How far that is from the exact point depends on the angle between the two; a third line may miss it by as much.
        """
        complex = self.complex
        corners = [(Fraction(x), Fraction(y)) for x, y in self.rim.tolist()]
        reach = float(np.abs(self.rim).max())
        # Rational: the square of a small reach is no float.
        of_sides = 32 * Fraction(U) * Fraction(reach) ** 2
        with np.errstate(over="ignore"):
            limits = (map_bounds(complex.network)[0] @ (reach, reach, 1.0)).tolist()
        near: list[set[Fraction | None]] = [set() for _ in self.points]
        for edge, (face, other) in enumerate(complex.edge_faces.tolist()):
            side, neuron = int(complex.edge_sides[edge]), int(complex.edge_neurons[edge])
            if neuron >= 0:
                a, b, c = (Fraction(k, self.scales[neuron]) for k in self.maps(max(face, other))[0][neuron])
                limit: Fraction | float = 2 * limits[neuron]
            else:
                p, q = corners[side], corners[(side + 1) % len(corners)]
                a, b, c = p[1] - q[1], q[0] - p[0], p[0] * q[1] - p[1] * q[0]
                limit = of_sides
            for vertex in complex.edges[edge].tolist():
                x, y = (Fraction(k) for k in complex.vertices[vertex].tolist())
                if abs(a * x + b * y + c) <= limit:
                    near[vertex].add(a / b if b else None)
        for vertex, directions in enumerate(near):
            if len(directions) < 2:
                x, y = complex.vertices[vertex].tolist()
                raise AssertionError(f"Vertex {vertex} is given as {(x, y)}, which is not on two of its lines.")

    def _strictly_inside(self, region: int, point: Point) -> bool:
        points = [self.points[v] for v in self.ring(region)]
        return all(_turn(points[i - 1], points[i], point) > 0 for i in range(len(points)))

    def check_location(self) -> None:
        """`locate` finds interior points, and puts vertices that floats hold exactly into their first region."""
        complex = self.complex
        inner = complex.interior_points.tolist()
        inside = [i for i, (x, y) in enumerate(inner) if self._strictly_inside(i, (Fraction(x), Fraction(y)))]
        found = complex.locate(complex.interior_points[inside]).tolist()
        if found != inside:
            raise AssertionError(f"locate puts interior points of regions {inside} into {found}.")
        homes = np.full(len(complex.vertices), complex.n_regions)
        np.minimum.at(homes, complex.rings, np.repeat(np.arange(len(complex)), np.diff(complex.ring_offsets)))
        exact = [
            v
            for v, floats in enumerate(complex.vertices.tolist())
            if all(Fraction(x) == y for x, y in zip(floats, self.points[v], strict=True))
        ]
        located = complex.locate(complex.vertices[exact])
        wrong = np.flatnonzero(located != homes[exact])
        if len(wrong):
            v = exact[int(wrong[0])]
            raise AssertionError(f"locate puts vertex {v} into region {located[wrong[0]]}, not {homes[v]}.")

    def check_coverage(self) -> None:
        """The exactly rounded polygons are a valid coverage, unless a needle among them is too thin for floats."""
        rounded = np.array([(float(x), float(y)) for x, y in self.points])
        # shapely multiplies coordinates: far from 1, products would overflow or vanish.
        exponent = np.frexp(np.abs(rounded).max())[1]
        rounded = np.ldexp(rounded, -exponent)
        polygons = np.array([shapely.Polygon(rounded[self.ring(i)]) for i in range(len(self.complex))])
        thin = shapely.area(polygons) < 2.0**-40 * shapely.length(polygons) * np.abs(rounded).max()
        if (
            thin.any()
            or not shapely.is_valid(polygons).all()
            or not shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()
        ):
            return
        if not shapely.coverage_is_valid(polygons):
            raise AssertionError("The exactly rounded polygons are not a valid coverage.")
